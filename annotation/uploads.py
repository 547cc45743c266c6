"""Files on their way in and out, for pages, API and commands: a look into an upload, and the rejected rows as CSV."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.http import FileResponse

from annotation import formats, services
from annotation.models import Import
from ftplatform.artifacts.models import Blob
from ftplatform.artifacts.services import default_storage_home, fetch
from ftplatform.errors import Refused
from ftplatform.projects.models import Project

MOST_BYTES = 2 * 1024**3


def inspect_upload(
    project: Project, blob: Blob, name: str, mapping: dict[str, str] | None = None
) -> services.Inspection:
    """A look into a stored file. Raises Refused when it cannot be read, or the project has no task."""
    if project.task_revision is None:
        raise Refused("no-task", "Say first what the task is: its inputs and fields.", status=409)
    folder = default_storage_home() / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / (name or "file")
        fetch(blob, path)
        return services.inspect_file(path, project.task_revision.spec, mapping)


def rejected_rows(found: Import) -> FileResponse:
    """Every rejected row with its line, column and reason, as CSV in which no cell is a spreadsheet's formula."""
    columns = ["line", "column", "reason", *found.detected.get("columns", []), "row"]
    folder = default_storage_home() / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "rejected.csv"
        formats.write(path, "csv", _rejected(found), columns=list(dict.fromkeys(columns)))
        file = path.open("rb")  # goes on being readable when its folder is gone
    return FileResponse(file, as_attachment=True, filename=f"rejected-{found.pk}.csv", content_type="text/csv")


def _rejected(found: Import) -> Iterator[dict[str, object]]:
    known = {"row", *found.detected.get("columns", [])}
    for error in found.row_errors.order_by("row", "pk").iterator(chunk_size=1000):
        raw = {name: value for name, value in error.raw.items() if name in known}
        yield {**raw, "line": error.row, "column": error.field, "reason": error.message}
