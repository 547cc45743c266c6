"""The import job: read → COPY into a staging table of this import → one transaction. All or nothing, unless asked otherwise.

Memory stays flat: rows stream from the file through the checks into COPY. A job that is claimed again begins anew, since nothing
of an unfinished import is ever committed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.db import connection
from django.utils import timezone

from annotation import formats
from annotation.hashing import Hasher
from annotation.locks import lock_tickets
from annotation.models import Import, ImportRowError
from annotation.rows import BadRow, ColumnMapping, Ticket, is_complete
from annotation.splits import stratified_sample
from ftplatform.artifacts.services import default_storage_home, fetch
from ftplatform.jobs.context import JobContext, JobFailed
from ftplatform.projects import counters

RAW_KEPT = 100_000  # characters of a value
TELL_EVERY = 1_000
MOST_COUNTED = 32_767  # control tokens of one ticket, as far as the column counts

STAGING = """
DROP TABLE IF EXISTS pg_temp.import_staging;
CREATE TEMP TABLE import_staging (
  line integer, content_hash text, prompt_hash text, group_key text, occurred_at timestamptz, state text,
  raw jsonb, inputs jsonb, fields jsonb, neutralised integer
) ON COMMIT DROP
"""
COLUMNS = "line, content_hash, prompt_hash, group_key, occurred_at, state, raw, inputs, fields, neutralised"

# Duplicates within the file and of tickets that are here already, by anti-join, under the project's advisory lock.
DROP_DUPLICATES = """
DELETE FROM import_staging s USING (
  SELECT line, row_number() OVER (PARTITION BY content_hash ORDER BY line) AS copy,
         EXISTS (SELECT 1 FROM annotation_example e WHERE e.project_id = %(project)s AND e.content_hash = i.content_hash) AS known
  FROM import_staging i
) d WHERE d.line = s.line AND (d.copy > 1 OR d.known)
"""
INSERT = (
    """
INSERT INTO annotation_example
  (project_id, source_id, row, content_hash, prompt_hash, group_key, occurred_at, state, answers, is_flagged, created_at)
SELECT %(project)s, %(source)s, line, content_hash, prompt_hash, group_key, occurred_at, state, 0, false, now()
FROM import_staging ORDER BY line
""",
    """
INSERT INTO annotation_examplecontent (example_id, raw, inputs, neutralised)
SELECT e.id, s.raw, s.inputs, s.neutralised
FROM import_staging s JOIN annotation_example e ON e.source_id = %(source)s AND e.row = s.line
""",
    """
WITH made AS (
  INSERT INTO annotation_annotation (example_id, task_revision_id, source, values, note, is_unsure, created_at)
  SELECT e.id, %(revision)s, 'import', s.fields, '', false, now()
  FROM import_staging s JOIN annotation_example e ON e.source_id = %(source)s AND e.row = s.line
  WHERE s.fields <> '{}'::jsonb
  RETURNING id, example_id, values
), current AS (
  INSERT INTO annotation_currentanswer (example_id, source, annotation_id) SELECT example_id, 'import', id FROM made
)
INSERT INTO annotation_resolvedlabel (example_id, field, task_revision_id, value, basis, is_gold, annotation_id, resolved_at)
SELECT made.example_id, one.key, %(revision)s, one.value, 'imported', false, made.id, now()
FROM made, jsonb_each(made.values) AS one
""",
)


def import_file(context: JobContext, source_id: int) -> dict[str, Any]:
    source = Import.objects.select_related("project", "task_revision", "file").get(pk=source_id)
    if source.finished_at:
        return _result(source)
    ImportRowError.objects.filter(source=source).delete()
    folder = default_storage_home() / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / (Path(source.file_name).name or "file")
        fetch(source.file, path)
        try:
            reader = formats.read(path, source.format or None)
            with (Path(scratch) / "rejected.jsonl").open("w+", encoding="utf-8") as rejected:
                return _import(context, source, _Reading(context, source, reader, rejected))
        except formats.FormatError as error:
            raise JobFailed("unreadable-file", f"{source.file_name}: {error}") from error


class _RowsRefused(Exception):
    """Rolls the transaction back: rows have errors and all or nothing was asked."""


class _Reading:
    """Walks the file: good rows come out as tickets, bad ones are set aside in a file with their reasons, however many they are."""

    def __init__(self, context: JobContext, source: Import, reader: formats.Reader, rejected: TextIO) -> None:
        self.context = context
        self.source = source
        self.reader = reader
        self.mapping = ColumnMapping(source.task_revision.spec, source.mapping)
        self.total = self.rejected = 0
        self.first = ""
        self._rejected = rejected

    def tickets(self) -> Iterator[tuple[int, Ticket]]:
        """(line, ticket) of every good row. Each call reads the file anew. Raises JobStopped when the job should end."""
        self.total = self.rejected = 0
        self._rejected.seek(0)
        self._rejected.truncate()
        self._refuse_missing_columns()
        for row in self.reader:
            self.total += 1
            if self.total % TELL_EVERY == 0:
                self.context.progress(self.total)
            if isinstance(row, formats.RowError):
                self._reject(row.row, row.field or "", row.reason, row.raw)
                continue
            try:
                yield row.number, self.mapping.ticket(row.values)
            except BadRow as bad:
                self._reject(row.number, bad.field, bad.message, row.values)

    def keep_rejected(self) -> None:
        """Stores every rejected row, in the caller's transaction."""
        self._rejected.seek(0)
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY annotation_importrowerror (source_id, row, field, message, raw) FROM STDIN") as copy,
        ):
            for line in self._rejected:
                copy.write_row((self.source.pk, *json.loads(line)))

    def _refuse_missing_columns(self) -> None:
        there = set(self.reader.detected.columns)
        for column, target in self.source.mapping.items():
            if there and column not in there and target != "raw":
                raise JobFailed(
                    "missing-column",
                    f"{self.source.file_name} has no column {column!r}, which was to become {target}; it has {', '.join(sorted(there))}.",
                )

    def _reject(self, line: int, field: str, message: str, raw: Any) -> None:
        if not self.rejected:
            self.first = f"row {line}, {field}: {message}" if field else f"row {line}: {message}"
        self.rejected += 1
        told = (line, _storable(field)[:200], _storable(message), json.dumps(_storable_row(raw), ensure_ascii=False))
        self._rejected.write(json.dumps(told) + "\n")


def _import(context: JobContext, source: Import, reading: _Reading) -> dict[str, Any]:
    chosen = _sample(source, reading)
    try:
        with context.transaction():
            imported, duplicates = _write(source, reading, chosen)
            _finish(source, reading, imported, duplicates)
    except _RowsRefused:
        with context.transaction():
            reading.keep_rejected()
            source.rows_total, source.rows_rejected = reading.total, reading.rejected
            source.detected = _detected(reading.reader)
            source.save(update_fields=["rows_total", "rows_rejected", "detected"])
        raise JobFailed(
            "rows-refused",
            f"Nothing was imported: {reading.rejected} of {reading.total} rows have errors, the first in {_storable(reading.first)} "
            "Mend the file, or import again and keep the good rows.",
        ) from None
    return _result(source)


def _sample(source: Import, reading: _Reading) -> set[int] | None:
    """The lines of a seeded sample stratified by the first mapped choice field, or None for all."""
    if source.row_limit is None:
        return None
    choice = next(
        (field.name for field in source.task_revision.spec.choice_fields if field.name in reading.mapping.fields), None
    )
    lines, strata = [], []
    for line, ticket in reading.tickets():
        lines.append(line)
        strata.append(ticket.values.get(choice, "") if choice else "")
    if len(lines) <= source.row_limit:
        return None
    return {lines[at] for at in stratified_sample(strata, source.row_limit, source.seed)}


def _write(source: Import, reading: _Reading, chosen: set[int] | None) -> tuple[int, int]:
    """Stages, sorts out duplicates, inserts. Returns (imported, duplicates)."""
    spec = source.task_revision.spec
    hasher = Hasher(source.project)
    values = {"project": source.project_id, "source": source.pk, "revision": source.task_revision_id}
    lock_tickets(source.project_id)
    with connection.cursor() as cursor:
        cursor.execute(STAGING)
        staged = 0
        with cursor.copy(f"COPY import_staging ({COLUMNS}) FROM STDIN") as copy:
            for line, ticket in reading.tickets():
                if chosen is not None and line not in chosen:
                    continue
                staged += 1
                copy.write_row(_staged(line, ticket, spec, hasher))
        if reading.rejected and not source.keep_good_rows:
            raise _RowsRefused
        cursor.execute("ANALYZE import_staging")
        duplicates = 0
        if source.duplicates == Import.Duplicates.SKIP:
            cursor.execute(DROP_DUPLICATES, values)
            duplicates = cursor.rowcount
        for statement in INSERT:
            cursor.execute(statement, values)
        cursor.execute("SELECT state, count(*) FROM import_staging GROUP BY state ORDER BY state")
        for state, count in cursor.fetchall():
            counters.add(source.project_id, f"state:{state}", count)
        counters.add(source.project_id, "tickets", staged - duplicates)
    return staged - duplicates, duplicates


def _staged(line: int, ticket: Ticket, spec: Any, hasher: Hasher) -> tuple[Any, ...]:
    prompt = hasher.prompt(spec, ticket.inputs)
    state = "resolved" if ticket.values and is_complete(spec, ticket.values) else "labelled" if ticket.values else "new"
    return (
        line,
        hasher.content(spec, ticket.inputs),
        prompt,
        hasher.group(ticket.group) if ticket.group else prompt,
        ticket.occurred_at,
        state,
        json.dumps(ticket.raw, ensure_ascii=False),
        json.dumps(ticket.inputs, ensure_ascii=False),
        json.dumps(ticket.values, ensure_ascii=False),
        min(ticket.neutralised, MOST_COUNTED),
    )


def _finish(source: Import, reading: _Reading, imported: int, duplicates: int) -> None:
    reading.keep_rejected()
    source.rows_total, source.rows_rejected = reading.total, reading.rejected
    source.rows_imported, source.rows_duplicate = imported, duplicates
    source.detected = _detected(reading.reader)
    source.finished_at = timezone.now()
    source.save(
        update_fields=["rows_total", "rows_rejected", "rows_imported", "rows_duplicate", "detected", "finished_at"]
    )


def _detected(reader: formats.Reader) -> dict[str, Any]:
    found = reader.detected
    return {
        "format": found.format,
        "encoding": found.encoding,
        "delimiter": found.delimiter,
        "columns": list(found.columns),
        "warnings": list(found.warnings),
    }


def _result(source: Import) -> dict[str, Any]:
    return {
        "rows_total": source.rows_total,
        "rows_imported": source.rows_imported,
        "rows_rejected": source.rows_rejected,
        "rows_duplicate": source.rows_duplicate,
    }


def _storable_row(raw: Any) -> dict[str, str]:
    """The rejected row as it can be kept and downloaded again: a row that was none is kept under `row`."""
    if isinstance(raw, dict):
        return {_storable(str(name)): _storable("" if value is None else str(value)) for name, value in raw.items()}
    return {"row": _storable(str(raw))}


def _storable(text: str) -> str:
    """As PostgreSQL can keep it: no NUL, no lone surrogate, cut where it is very long."""
    shown = text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
    return shown if len(shown) <= RAW_KEPT else shown[:RAW_KEPT] + "…"
