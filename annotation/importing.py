"""The import job: read → COPY into tables of this import (staging.py) → one transaction. All or nothing, unless asked otherwise.

Memory stays flat: rows stream from the file through the checks into COPY. A job that is claimed again begins anew, since nothing
of an unfinished import is ever committed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from django.db import connection
from django.utils import timezone

from annotation import formats
from annotation.formats.objects import cell_text
from annotation.locks import share_task, wait_for_tickets
from annotation.models import Import, ImportRowError
from annotation.rows import RAW, BadRow, ColumnMapping
from annotation.scratch import fetched
from annotation.splits import stratified_sample
from annotation.staging import Numbered, Staging, Written
from ftplatform.jobs.context import JobContext, JobFailed
from ftplatform.projects.models import Project

RAW_KEPT = 100_000  # characters of a value
TELL_EVERY = 1_000
COUNTS = ("rows_total", "rows_imported", "rows_rejected", "rows_duplicate", "rows_merged")


def import_file(context: JobContext, source_id: int) -> dict[str, Any]:
    source = Import.objects.select_related("project", "task_revision", "file").get(pk=source_id)
    if source.finished_at:
        return _result(source)
    ImportRowError.objects.filter(source=source).delete()
    how = formats.ReadAs(source.format, source.encoding, source.delimiter)
    try:
        with (
            fetched(source.file, source.file_name) as path,
            tempfile.TemporaryFile("w+", encoding="utf-8", dir=path.parent) as rejected,
        ):
            return _import(context, source, _Reading(context, source, formats.read_as(path, how), rejected))
    except formats.FormatError as error:
        said = str(error)
        raise JobFailed(
            "unreadable-file", said if source.file_name in said else f"{source.file_name}: {said}"
        ) from error


class _RowsRefused(Exception):
    """Rolls the transaction back: rows have errors and all or nothing was asked."""


class _Reading:
    """Walks the file: good rows come out as tickets, bad ones are set aside in a file with their reasons, however many they are."""

    def __init__(self, context: JobContext, source: Import, reader: formats.Reader, rejected: IO[str]) -> None:
        self.context = context
        self.source = source
        self.reader = reader
        self.mapping = ColumnMapping(source.task_revision.spec, source.mapping)
        self.total = self.rejected = 0
        self.first = ""
        self._rejected = rejected

    def tickets(self) -> Iterator[Numbered]:
        """Every good row. Each call reads the file anew. Raises JobStopped when the job should end, JobFailed when the file lacks
        a column that was mapped."""
        self.total = self.rejected = 0
        self._rejected.seek(0)
        self._rejected.truncate()
        missing = self._missing()
        if missing and not self.reader.detected.may_have_more:
            self._refuse(missing)
        for row in self.reader:
            self.total += 1
            if self.total % TELL_EVERY == 0:
                self.context.progress(self.total)
            if isinstance(row, formats.RowError):
                self.reject(row.row, row.field or "", row.reason, row.raw)
                continue
            if missing:
                missing -= row.values.keys()
            try:
                yield Numbered(self.total, row.number, self.mapping.ticket(row.values))
            except BadRow as bad:
                self.reject(row.number, bad.field, bad.message, row.values)
        if missing and self.total:
            self._refuse(missing)

    def keep_rejected(self) -> None:
        """Stores every rejected row, in the caller's transaction."""
        self._rejected.seek(0)
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY annotation_importrowerror (source_id, row, field, message, raw) FROM STDIN") as copy,
        ):
            for line in self._rejected:
                copy.write_row((self.source.pk, *json.loads(line)))

    def reject(self, line: int, field: str, message: str, raw: Any) -> None:
        """Sets a row aside with its reason. raw: its columns, or its text where it has none."""
        if not self.rejected:
            self.first = f"row {line}, {field}: {message}" if field else f"row {line}: {message}"
        self.rejected += 1
        told = (line, _storable(field)[:200], _storable(message), json.dumps(_storable_row(raw), ensure_ascii=False))
        self._rejected.write(json.dumps(told) + "\n")

    def _missing(self) -> set[str]:
        """Mapped columns that the file has not shown so far."""
        there = set(self.reader.detected.columns)
        return {column for column, target in self.source.mapping.items() if target != RAW and column not in there}

    def _refuse(self, missing: set[str]) -> None:
        column = min(missing)
        columns = ", ".join(sorted(self.reader.detected.columns))
        raise JobFailed(
            "missing-column",
            f"{self.source.file_name} has no column {column!r}, which was to become {self.source.mapping[column]}; it has {columns}.",
        )


def _import(context: JobContext, source: Import, reading: _Reading) -> dict[str, Any]:
    chosen = _sample(source, reading)
    try:
        with context.transaction():
            _finish(source, reading, _write(source, reading, chosen))
    except _RowsRefused:
        with context.transaction():
            reading.keep_rejected()
            source.rows_total, source.rows_rejected = reading.total, reading.rejected
            source.detected = _detected(reading.reader)
            source.save(update_fields=["rows_total", "rows_rejected", "detected"])
        raise JobFailed("rows-refused", _why_refused(source, reading)) from None
    return _result(source)


def _why_refused(source: Import, reading: _Reading) -> str:
    if reading.rejected == reading.total:
        return f"None of {reading.total:,} rows could be imported, the first is {_storable(reading.first)} Mend the file and import it again."
    return (
        f"Nothing was imported: {reading.rejected:,} of {reading.total:,} rows have errors, the first in {_storable(reading.first)} "
        "Mend the file, or import again and keep the good rows."
    )


def _sample(source: Import, reading: _Reading) -> set[int] | None:
    """The ordinals of a seeded sample stratified by the first mapped choice field, or None for all."""
    if source.row_limit is None:
        return None
    choice = next(
        (field.name for field in source.task_revision.spec.choice_fields if field.name in reading.mapping.fields), None
    )
    ordinals, strata = [], []
    for row in reading.tickets():
        ordinals.append(row.ordinal)
        strata.append(row.ticket.values.get(choice, "") if choice else "")
    if len(ordinals) <= source.row_limit:
        return None
    return {ordinals[at] for at in stratified_sample(strata, source.row_limit, source.seed)}


def _refuse_an_older_task(source: Import) -> None:
    """Labels of an older task could not be frozen any more, nor carried over: that was done when the task changed."""
    current = Project.objects.filter(pk=source.project_id).values_list("task_revision", flat=True).get()
    if source.task_revision_id != current:
        raise JobFailed(
            "other-task",
            f"The task was changed after {source.file_name} was mapped; import the file again, so that it is read as the task is now.",
        )


def _write(source: Import, reading: _Reading, chosen: set[int] | None) -> Written:
    """The file is read before the project is locked: that takes minutes, and all labelling would wait for a task that waits for it."""
    _refuse_an_older_task(source)
    with connection.cursor() as cursor:
        staging = Staging(cursor, source, reading.mapping)
        staging.take(row for row in reading.tickets() if chosen is None or row.ordinal in chosen)
        if not reading.total:
            raise JobFailed(
                "no-rows", f"{source.file_name} holds no rows below its header; there is nothing to import."
            )
        share_task(source.project_id)
        wait_for_tickets(source.project_id)
        _refuse_an_older_task(source)
        staging.compare(reading.reject, reading.reader.detected.counts)
        if reading.rejected and (reading.rejected == reading.total or not source.keep_good_rows):
            raise _RowsRefused
        return staging.write()


def _finish(source: Import, reading: _Reading, written: Written) -> None:
    reading.keep_rejected()
    source.rows_total, source.rows_rejected = reading.total, reading.rejected
    source.rows_imported, source.rows_duplicate, source.rows_merged = (
        written.imported,
        written.duplicates,
        written.merged,
    )
    source.detected = _detected(reading.reader)
    source.finished_at = timezone.now()
    source.save(update_fields=[*COUNTS, "detected", "finished_at"])


def _detected(reader: formats.Reader) -> dict[str, Any]:
    found = reader.detected
    return {
        "format": found.format,
        "encoding": found.encoding,
        "delimiter": found.delimiter,
        "counts": found.counts,
        "columns": [_storable(name) for name in found.columns],
        "warnings": list(found.warnings),
    }


def _result(source: Import) -> dict[str, Any]:
    return {name: getattr(source, name) for name in COUNTS}


def _storable_row(raw: Any) -> dict[str, str] | str:
    """The rejected row as it can be kept and downloaded again: its columns, or its text where it could not be cut into any."""
    if isinstance(raw, dict):
        return {_storable(str(name)): _storable(cell_text(value)) for name, value in raw.items()}
    return _storable(str(raw))


def _storable(text: str) -> str:
    """As PostgreSQL can keep it: no NUL, no lone surrogate, cut where it is very long."""
    shown = text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
    return shown if len(shown) <= RAW_KEPT else shown[:RAW_KEPT] + "…"
