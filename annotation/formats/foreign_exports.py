"""Reads exports of other annotation programs: JSON objects, in a list or one per line, each of which becomes one or more rows."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from annotation.formats.json import read_json
from annotation.formats.jsonl import read_jsonl
from annotation.formats.objects import cell_text
from annotation.formats.rows import FormatError, Reader, Record, Row, RowError, require_columns, row_error

_SAMPLE_ROWS = 100


class Unfit(ValueError):
    """An object that is not one of the program's; `field` is its key at fault."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def read_export(
    path: Path,
    name: str,
    rows_of: Callable[[Record], Iterable[dict[str, object]]],
    *,
    encoding: str | None,
    required: Sequence[str],
    nested: bool,
    max_field: int,
    max_record: int,
) -> Reader:
    """Open an export as the format `name`; `rows_of` gives an object's rows or raises Unfit. Options as for JSON Lines.

    Rows that come from one object have its number. Raises FormatError as the readers of JSON do, and where none of the first
    hundred objects fits.
    """
    read_objects = read_json if _is_list(path) else read_jsonl
    objects = read_objects(path, encoding=encoding, nested=True, max_field=max_field, max_record=max_record)

    def iterate() -> Iterator[Row | RowError]:
        for one in objects:
            if isinstance(one, RowError):
                yield one
                continue
            try:
                rows = list(rows_of(one.values))
            except Unfit as fault:
                yield row_error(one.number, fault.field, str(fault), json.dumps(one.values, ensure_ascii=False))
                continue
            for values in rows:
                yield Row(one.number, values if nested else flat(values))

    sample = list(islice(iterate(), _SAMPLE_ROWS))
    columns = tuple(dict.fromkeys(key for row in sample if isinstance(row, Row) for key in row.values))
    if sample and not columns:
        first = next(row for row in sample if isinstance(row, RowError))
        raise FormatError(
            f"{path.name} is not an export of {name}: {objects.detected.counts} {first.row}, {first.field or 'object'}: {first.reason}."
        )
    require_columns(path, columns, required)
    return Reader(replace(objects.detected, format=name, columns=columns), iterate)


def flat(values: dict[str, object]) -> dict[str, object]:
    """Values as cells of a table: lists and objects as JSON text."""
    return {key: cell_text(value) if isinstance(value, list | dict) else value for key, value in values.items()}


def answer_column(name: str, inputs: Record) -> str:
    """The column of an answer: its own name, or `answer.NAME` where an input has that name."""
    return f"answer.{name}" if name in inputs else name


def _is_list(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4096).replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"[")
