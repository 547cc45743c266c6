"""Export of a dataset version as a file that a trainer elsewhere reads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from annotation import formats
from annotation.models import DatasetItem, DatasetVersion
from annotation.scratch import scratch_home
from ftplatform.errors import Refused
from ftplatform.projects.spec import TaskSpec

SPLIT = "split"


def export_dataset(*, version: DatasetVersion, format: str, split: str | None = None) -> Path:
    """Writes the version to a file in a temporary folder of its own; the caller removes the folder. Raises Refused for an unknown
    format, for a split that the version has not, and where an item does not fit the format; nothing is left then."""
    if format not in formats.names("write"):
        raise Refused(
            "unknown-format",
            f"{format!r} cannot be written; formats are {', '.join(formats.names('write'))}.",
            field="format",
        )
    items = _items(version, split)
    name = f"{version.kind}-{version.number}{formats.member(format).ending}"
    path = Path(tempfile.mkdtemp(dir=scratch_home())) / name
    try:
        _write(path, format, version, items)
    except formats.FormatError as error:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise Refused("does-not-fit", f"{version} cannot be written as {format}: {error}", field="format") from error
    except BaseException:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise
    return path


def _write(path: Path, format: str, version: DatasetVersion, items: QuerySet[DatasetItem]) -> None:
    takes = formats.member(format).takes
    if takes == "conversations":
        formats.write(path, format, _conversations(items))
        return
    columns = _Columns(version.task_revision.spec)
    options: dict[str, dict[str, Any]] = {
        "table": {"columns": columns.names},
        "answers": {"answers": columns.kinds, "to_name": columns.first},
    }
    formats.write(path, format, map(columns.record, items.iterator(chunk_size=1000)), **options.get(takes, {}))


def _items(version: DatasetVersion, split: str | None) -> QuerySet[DatasetItem]:
    items = version.items.order_by("position")
    if not split:
        return items
    there = [name for name, count in version.counts.items() if count]
    if split not in there:
        raise Refused(
            "unknown-split", f"{version} has no split {split!r}; it has {', '.join(there) or 'none'}.", field="split"
        )
    return items.filter(split=split)


def _conversations(items: QuerySet[DatasetItem]) -> Iterator[dict[str, Any]]:
    for item in items.iterator(chunk_size=1000):
        yield {"messages": item.content["messages"], "completion": item.content["completion"]}


class _Columns:
    """The columns of a version's table, by its task: the same for every item, whatever that leaves empty. An input and a field of one
    name are told apart as `input.NAME` and `field.NAME`."""

    def __init__(self, spec: TaskSpec) -> None:
        inputs, fields = [one.name for one in spec.inputs], [one.name for one in spec.fields]
        meet = {SPLIT, *fields} & set(inputs) | {SPLIT} & set(fields)
        self._inputs = {name: f"input.{name}" if name in meet else name for name in inputs}
        self._fields = {name: f"field.{name}" if name in meet else name for name in fields}
        self.names = [SPLIT, *self._inputs.values(), *self._fields.values()]
        self.first = self._inputs[inputs[0]]
        self.kinds = {self._fields[field.name]: field.kind for field in spec.fields}

    def record(self, item: DatasetItem) -> dict[str, Any]:
        inputs, values = item.content["inputs"], item.content["values"]
        return {
            SPLIT: item.split,
            **{column: inputs[name] for name, column in self._inputs.items() if name in inputs},
            **{column: values[name] for name, column in self._fields.items() if name in values},
        }
