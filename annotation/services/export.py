"""Export of a dataset version as a file that a trainer elsewhere reads."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotation import formats
from annotation.models import DatasetVersion
from ftplatform.artifacts.services import default_storage_home
from ftplatform.errors import Refused

CHAT = ("openai-chat", "prompt-completion", "alpaca", "sharegpt")
TABLE = ("csv", "jsonl", "parquet")


def export_dataset(*, version: DatasetVersion, format: str, split: str | None = None) -> Path:
    """Writes the version to a temporary file and returns its path; the caller removes it. Raises Refused for an unknown format."""
    if format not in formats.names("write"):
        raise Refused(
            "unknown-format",
            f"{format!r} cannot be written; formats are {', '.join(formats.names('write'))}.",
            field="format",
        )
    folder = default_storage_home() / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    path = (
        Path(tempfile.mkdtemp(dir=folder))
        / f"{version.kind}-{version.number}.{'csv' if format == 'csv' else 'parquet' if format == 'parquet' else 'jsonl'}"
    )
    formats.write(path, format, _records(version, split, is_chat=format in CHAT))
    return path


def _records(version: DatasetVersion, split: str | None, *, is_chat: bool) -> Iterator[dict[str, Any]]:
    items = version.items.order_by("position")
    if split:
        items = items.filter(split=split)
    for item in items.iterator(chunk_size=1000):
        if is_chat:
            yield {"messages": item.content["messages"], "completion": item.content["completion"]}
        else:
            yield {"split": item.split, **item.content["inputs"], **item.content["values"]}
