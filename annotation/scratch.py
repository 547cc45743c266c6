"""Files on disk for as long as somebody reads them, in the storage's own folder for what is unfinished."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftplatform.artifacts.models import Blob
from ftplatform.artifacts.services import fetch, scratch_home

MOST_NAME_BYTES = 200  # file systems take 255, and a file that is being written has a longer name for a while
MOST_SUFFIX_BYTES = 20


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards. A file of it that is open then can still be read."""
    with tempfile.TemporaryDirectory(dir=scratch_home()) as made:
        yield Path(made)


@contextmanager
def fetched(blob: Blob, name: str) -> Iterator[Path]:
    """A stored file under the name that its owner gave it, as far as that can be one: messages and formats go by it."""
    with scratch() as folder:
        path = folder / kept_name(name)
        fetch(blob, path)
        yield path


def kept_name(name: str) -> str:
    """A file's name as any file system keeps it: too long a one loses letters before its suffix, since that tells the format."""
    last = Path("".join(sign for sign in name if sign.isprintable())).name
    suffix = Path(last).suffix
    if len(suffix.encode("utf-8", "ignore")) > MOST_SUFFIX_BYTES:
        suffix = ""
    stem = _cut(last.removesuffix(suffix), MOST_NAME_BYTES - len(suffix.encode("utf-8", "ignore")))
    return _cut(stem + suffix, MOST_NAME_BYTES).strip(" .") or "file"


def _cut(text: str, most_bytes: int) -> str:
    return text.encode("utf-8", "ignore")[:most_bytes].decode("utf-8", "ignore")
