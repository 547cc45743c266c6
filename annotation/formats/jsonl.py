"""JSON Lines: one object per line (jsonlines.org). A broken line costs that line only."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path

from annotation.formats.lines import BadLine, text_blocks
from annotation.formats.objects import ObjectParser, row_of
from annotation.formats.physical import Encoding, find_encoding
from annotation.formats.plain_objects import plain_objects
from annotation.formats.rows import (
    MAX_FIELD,
    MAX_RECORD,
    Detected,
    Format,
    FormatError,
    Output,
    Reader,
    Record,
    Row,
    RowError,
    require_columns,
    row_error,
    utf8,
)

_SAMPLE_ROWS = 100


def read_jsonl(
    path: Path,
    *,
    encoding: str | None = None,
    required: Sequence[str] = (),
    nested: bool = False,
    max_field: int = MAX_FIELD,
    max_record: int = MAX_RECORD,
) -> Reader:
    """Open a file with one object per line.

    Numbers that neither a float nor a bigint holds exactly are kept as text. nested: keep lists and objects as they are
    instead of as JSON text. required: keys that the first hundred objects must have between them. Raises FormatError
    for a file that is empty, no text, or without any object in its first hundred lines.
    """
    found = find_encoding(path, encoding)

    def iterate() -> Iterator[Row | RowError]:
        return _rows(path, found, nested, max_field, max_record)

    sample = list(islice(iterate(), _SAMPLE_ROWS))
    columns = tuple(dict.fromkeys(key for row in sample if isinstance(row, Row) for key in row.values))
    if not any(isinstance(row, Row) for row in sample):
        first = next((row for row in sample if isinstance(row, RowError)), None)
        why = f"line {first.row}: {first.reason}" if first else "it is empty"
        raise FormatError(
            f"{path.name} does not hold one JSON object per line ({why}). If it is one JSON list, choose the format “json”."
        )
    if (
        path.suffix.lower() == ".json"
        and len(sample) == 1
        and isinstance(sample[0], Row)
        and (key := _list_within(sample[0]))
    ):
        raise FormatError(
            f'{path.name} is one object and not a list of rows; its rows stand under "{key}". Save that list as a file of its own.'
        )
    require_columns(path, columns, required)
    return Reader(
        Detected("jsonl", columns, found.name, None, found.skip > 0, found.warnings, may_have_more=True), iterate
    )


def _list_within(row: Row) -> str | None:
    """The one key of an object that holds nothing but a list of objects, as an API answers."""
    [key, *more] = row.values or [""]
    value = row.values.get(key)
    if more or not (isinstance(value, list) or (isinstance(value, str) and value.startswith("[{"))):
        return None
    return key


def _rows(path: Path, encoding: Encoding, nested: bool, max_field: int, max_record: int) -> Iterator[Row | RowError]:
    parser = ObjectParser()
    number = 1
    for block in text_blocks(path, encoding, max_record):
        # Nearly all blocks hold nothing that needs a look at each line; of the others each line is looked at.
        plain = plain_objects(block.text) if block.text is not None and len(block.text) <= max_field else None
        if plain is not None:
            yield from map(Row, count(number), plain)
            number += len(plain)
        else:
            for line in block.lines():
                if (row := _row(line, number, parser, nested, max_field)) is not None:
                    yield row
                number += 1


def _row(line: str | BadLine, number: int, parser: ObjectParser, nested: bool, max_field: int) -> Row | RowError | None:
    """One line as a row, or why it cannot be one; None for a blank line."""
    if isinstance(line, BadLine):
        return row_error(number, None, line.reason, line.text)
    raw = line.strip(" \t\r\n")
    if not raw:
        return None
    try:
        value, end, fault = parser.parse(raw)
    except json.JSONDecodeError as error:
        return row_error(number, None, f"this line is not JSON: {error.msg} at character {error.pos + 1:,}", raw)
    except RecursionError:
        return row_error(number, None, "lists or objects are nested too deeply", raw)
    if end < len(raw):
        fault = f"something follows the object at character {end + 1:,}: one object per line was expected"
    return row_of(value, number, raw, fault, nested=nested, max_field=max_field)


def write_jsonl(output: Output, records: Iterable[Record]) -> int:
    """Write each record as an object on a line of its own, UTF-8, keys in their order."""
    number = 0
    for number, record in enumerate(records, start=1):
        output.write(json_line(record, number))
    return number


def json_line(value: Record, number: int) -> bytes:
    """A value as one line of JSON; FormatError names the record that JSON can't hold."""
    try:
        text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise FormatError(f"Record {number} can't be written as JSON: {error}.") from error
    return utf8(text, number) + b"\n"


FORMAT = Format(
    "jsonl", "One JSON object per line", (".jsonl", ".ndjson"), read_jsonl, write_jsonl, choices=("encoding",)
)
