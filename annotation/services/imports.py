"""Import: one file → examples. The file is stored, a job reads it, one transaction writes it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from annotation import formats
from annotation.formats.objects import cell_text
from annotation.jobs import IMPORT, ImportParameters
from annotation.models import Import
from annotation.rows import BadRow, ColumnMapping
from annotation.scratch import kept_name
from ftplatform.accounts.actors import Actor
from ftplatform.artifacts.models import Blob
from ftplatform.audit.services import record
from ftplatform.errors import FieldError, Refused
from ftplatform.jobs import services as jobs
from ftplatform.projects.models import Project
from ftplatform.projects.selectors import required_task
from ftplatform.projects.spec import TaskSpec, folded

MOST_ROWS = 10_000_000
MOST_SEED = 2**31 - 1
LOOKED_AT = 5000
SHOWN = 20
INPUT_NAMES = ("text", "question", "message", "body", "ticket", "prompt", "input", "content", "subject")
GROUP_NAMES = ("group", "thread", "thread_id", "customer", "customer_id", "conversation", "conversation_id")
MOMENT_NAMES = ("occurred_at", "created_at", "date", "timestamp", "received_at")


@dataclass
class Column:
    """What was found in a column, and what it most likely becomes."""

    name: str
    samples: list[str] = field(default_factory=list)
    filled: int = 0
    suggested: str = "raw"
    longest: int = 0
    shortest: int = 0


@dataclass
class Inspection:
    """A look at a file before anything is stored: columns, a suggested mapping, the first rows and errors.

    preview: the first rows, each with its number; their columns can have any name. counts: what the numbers count, line or record.
    """

    format: str
    encoding: str
    delimiter: str
    counts: str
    warnings: list[str]
    columns: list[Column]
    rows: int
    is_whole: bool
    preview: list[tuple[int, dict[str, Any]]]
    errors: list[FieldError]


def how_to_read(*, format: str = "", encoding: str = "", delimiter: str = "") -> formats.ReadAs:
    """A choice of how a file is read; what is empty is found out. A delimiter is a sign or its name. Raises Refused at the field."""
    if format and format not in formats.names("read"):
        raise Refused(
            "unknown-format",
            f"{format!r} cannot be read; formats are {', '.join(formats.names('read'))}.",
            field="format",
        )
    try:
        encoding = formats.named_encoding(encoding) if encoding else ""
    except formats.FormatError as error:
        raise Refused("unknown-encoding", str(error), field="encoding") from error
    sign = formats.DELIMITERS.get(delimiter, delimiter)
    if sign and sign not in formats.DELIMITERS.values():
        raise Refused(
            "unknown-delimiter",
            f"{delimiter[:20]!r} is not a delimiter; write {', '.join(formats.DELIMITERS)}.",
            field="delimiter",
        )
    return formats.ReadAs(format, encoding, sign)


def inspect_file(
    path: Path, spec: TaskSpec, mapping: dict[str, str] | None = None, how: formats.ReadAs = formats.FOUND_OUT
) -> Inspection:
    """Reads the first rows. Raises Refused when the file cannot be read at all."""
    try:
        reader = formats.read_as(path, how)
        rows, faults, whole = _first(reader)
    except formats.FormatError as error:
        raise Refused("unreadable-file", str(error), field="file") from error
    names = list(reader.detected.columns)
    if reader.detected.may_have_more:
        names = list(dict.fromkeys([*names, *(name for row in rows for name in row.values)]))
    columns = [_look(name, rows) for name in names]
    _suggest(columns, spec, rows)
    for column in columns:
        column.suggested = (mapping or {}).get(column.name, column.suggested)
    errors = [FieldError(f"{fault.row}:{fault.field}", fault.reason) for fault in faults]
    try:
        checked = ColumnMapping(spec, {column.name: column.suggested for column in columns})
    except Refused as refused:
        errors += refused.errors
    else:
        for row in rows:
            try:
                checked.ticket(row.values)
            except BadRow as bad:
                errors.append(FieldError(f"{row.number}:{bad.field}", bad.message))
    detected = reader.detected
    return Inspection(
        format=detected.format,
        encoding=detected.encoding or "",
        delimiter=detected.delimiter or "",
        counts=detected.counts,
        warnings=list(detected.warnings),
        columns=columns,
        rows=len(rows) + len(faults),
        is_whole=whole,
        preview=[(row.number, dict(row.values)) for row in rows[:4]],
        errors=errors,
    )


def _first(reader: formats.Reader) -> tuple[list[formats.Row], list[formats.RowError], bool]:
    rows: list[formats.Row] = []
    faults: list[formats.RowError] = []
    for one in reader:
        if isinstance(one, formats.Row):
            rows.append(one)
        else:
            faults.append(one)
        if len(rows) + len(faults) >= LOOKED_AT:
            return rows, faults, False
    return rows, faults, True


def _look(name: str, rows: list[formats.Row]) -> Column:
    values = [text for row in rows if (text := cell_text(row.values.get(name)).strip())]
    lengths = [len(text) for text in values] or [0]
    return Column(name, values[:3], len(values), "raw", max(lengths), min(lengths))


def _suggest(columns: list[Column], spec: TaskSpec, rows: list[formats.Row]) -> None:
    """By name first, then by what the values look like: a column full of a field's labels is that field."""
    ours = "ft_"  # what our own download of rejected rows adds
    free = {one.name.strip().casefold(): one for one in reversed(columns) if not one.name.startswith(ours)}
    for wanted in spec.fields:
        column = free.pop(wanted.name.casefold(), None) or free.pop(wanted.title.casefold(), None)
        if column is None and wanted.kind == "choice":
            column = next(
                (one for one in columns if one.name.casefold() in free and _holds_labels(one, wanted.labels, rows)),
                None,
            )
            if column:
                free.pop(column.name.casefold())
        if column:
            column.suggested = f"field:{wanted.name}"
    for names, target in ((GROUP_NAMES, "group"), (MOMENT_NAMES, "occurred_at")):
        found = next((free.pop(name) for name in names if name in free), None)
        if found:
            found.suggested = target
    for wanted_input in spec.inputs:
        column = free.pop(wanted_input.name.casefold(), None)
        column = column or next((free.pop(name) for name in INPUT_NAMES if name in free), None)
        column = column or max(free.values(), key=lambda one: one.longest, default=None)
        if column:
            free.pop(column.name.casefold(), None)
            column.suggested = f"input:{wanted_input.name}"


def _holds_labels(column: Column, labels: list[str], rows: list[formats.Row]) -> bool:
    known = {folded(label) for label in labels}
    values = Counter(folded(cell_text(row.values.get(column.name))) for row in rows)
    values.pop("", None)
    return bool(values) and sum(count for value, count in values.items() if value in known) >= 0.8 * sum(
        values.values()
    )


@transaction.atomic
def start_import(
    *,
    project: Project,
    file_name: str,
    file: Blob,
    mapping: dict[str, str],
    format: str | None = None,
    encoding: str = "",
    delimiter: str = "",
    keep_good_rows: bool = False,
    duplicates: str = Import.Duplicates.SKIP,
    limit: int | None = None,
    seed: int = 0,
    by: Actor,
) -> Import:
    """Stores what is to be done and sends it to a worker. Raises Refused when the mapping cannot be used."""
    task = required_task(project.task_revision)
    ColumnMapping(task.spec, mapping)
    how = how_to_read(format=format or "", encoding=encoding, delimiter=delimiter)
    if duplicates not in Import.Duplicates.values:
        raise Refused(
            "unknown-choice",
            f"Duplicates are treated as one of {', '.join(Import.Duplicates.values)}.",
            field="duplicates",
        )
    if limit is not None and not 1 <= limit <= MOST_ROWS:
        raise Refused("bad-limit", f"A sample has 1 to {MOST_ROWS:,} rows, not {limit:,}.", field="limit")
    if not 0 <= seed <= MOST_SEED:
        raise Refused("bad-seed", f"A seed is a number from 0 to {MOST_SEED:,}.", field="seed")
    file_name = kept_name(file_name)
    row = Import.objects.create(
        project=project,
        task_revision=task,
        file_name=file_name,
        file=file,
        format=how.format,
        encoding=how.encoding,
        delimiter=how.delimiter,
        mapping=mapping,
        keep_good_rows=keep_good_rows,
        duplicates=duplicates,
        row_limit=limit,
        seed=seed,
        created_by=by.user,
    )
    row.job = jobs.enqueue(
        kind=IMPORT.name,
        parameters=ImportParameters(source=row.pk),
        project=project,
        title=f"Import of {file_name}"[:200],
        by=by,
    )
    row.save(update_fields=["job"])
    record(by=by, verb="import.start", target=row, project=project, data={"file": file_name, "mapping": mapping})
    return row
