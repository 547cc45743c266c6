"""Files on their way out, for pages and API: as CSV what an import did not take, and frozen versions in the formats of others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence

from django.http import FileResponse

from annotation import formats, services
from annotation.models import DatasetVersion, Import
from annotation.scratch import scratch
from ftplatform.errors import Refused

LINE, COLUMN, REASON, REST = "ft_line", "ft_column", "ft_reason", "ft_row"
"""Our columns beside the file's own, which may have any name."""


def exported(version: DatasetVersion, format: str, split: str | None) -> FileResponse:
    """The version as a download; the temporary file is gone once it is open."""
    path = services.export_dataset(version=version, format=format, split=split)
    try:
        file = path.open("rb")
    finally:
        shutil.rmtree(path.parent, ignore_errors=True)
    return FileResponse(file, as_attachment=True, filename=f"{version.project.slug}-{path.name}")


def rejected_rows(found: Import) -> FileResponse:
    """Every rejected row with its line, column and reason, as CSV in which no cell is a spreadsheet's formula."""
    names = _names(found.detected.get("columns", []))
    return _download(f"rejected-{found.pk}.csv", _rejected(found, names), [LINE, COLUMN, REASON, *names.values(), REST])


def _rejected(found: Import, names: dict[str, str]) -> Iterator[dict[str, object]]:
    for error in found.row_errors.order_by("row", "pk").iterator(chunk_size=1000):
        ours = {LINE: error.row, COLUMN: error.field, REASON: error.message}
        if not isinstance(error.raw, dict):
            yield {**ours, REST: error.raw}
            continue
        rest = {name: value for name, value in error.raw.items() if name not in names}
        cells = {names[name]: value for name, value in error.raw.items() if name in names}
        yield {**cells, **ours, REST: json.dumps(rest, ensure_ascii=False) if rest else ""}


def duplicate_rows(found: Import) -> FileResponse:
    """Every row whose text was here already, with the ticket that it equals, what came of it, and the labels that it brought."""
    fields = [field.name for field in found.task_revision.spec.fields]
    return _download(f"duplicates-{found.pk}.csv", _duplicates(found), [LINE, "ft_ticket", "ft_outcome", *fields])


def _duplicates(found: Import) -> Iterator[dict[str, object]]:
    for one in found.row_duplicates.order_by("row", "pk").iterator(chunk_size=1000):
        outcome = "labels merged" if one.is_merged else "left out"
        yield {LINE: one.row, "ft_ticket": one.example_id, "ft_outcome": outcome, **one.labels}


def _names(columns: Sequence[str]) -> dict[str, str]:
    """Column of the file → how it is called in the download: names that differ, with no space at their ends, and none of ours."""
    taken = {LINE, COLUMN, REASON, REST}
    names: dict[str, str] = {}
    for place, column in enumerate(columns, start=1):
        wanted = column.strip() or f"column {place}"
        name, copy = wanted, 1
        while name in taken:
            copy += 1
            name = f"{wanted} {copy}"
        taken.add(name)
        names[column] = name
    return names


def _download(name: str, records: Iterable[dict[str, object]], columns: list[str]) -> FileResponse:
    with scratch() as folder:
        path = folder / name
        try:
            formats.write(path, "csv", records, columns=columns)
        except formats.FormatError as error:
            raise Refused("unwritable-rows", f"These rows cannot be written as CSV: {error}") from error
        file = path.open("rb")
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv")
