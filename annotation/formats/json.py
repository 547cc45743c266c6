"""JSON: one list of objects, read piece by piece, so that a gigabyte needs no gigabyte of memory (RFC 8259)."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from annotation.formats.jsonl import json_line
from annotation.formats.lines import text_chunks
from annotation.formats.objects import ObjectParser, row_of
from annotation.formats.physical import Encoding, find_encoding
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
)

_SAMPLE_ROWS = 100
_SPACE = re.compile(r"[ \t\r\n]*")


def read_json(
    path: Path,
    *,
    encoding: str | None = None,
    required: Sequence[str] = (),
    nested: bool = False,
    max_field: int = MAX_FIELD,
    max_record: int = MAX_RECORD,
) -> Reader:
    """Open a file that is one list of objects; options as for JSON Lines.

    An element that is JSON but no usable object costs that element. Where the text stops being JSON, what follows
    can't be told apart, so that is the last row error. Raises FormatError for a file that is empty, no text, no list,
    or whose list holds no object among its first hundred elements.
    """
    found = find_encoding(path, encoding)

    def iterate() -> Iterator[Row | RowError]:
        return _rows(path, found, nested, max_field, max_record)

    sample = list(islice(iterate(), _SAMPLE_ROWS))
    columns = tuple(dict.fromkeys(key for row in sample if isinstance(row, Row) for key in row.values))
    if sample and not any(isinstance(row, Row) for row in sample):
        first = next(row for row in sample if isinstance(row, RowError))
        raise FormatError(f"{path.name} holds no usable object; line {first.row}: {first.reason}.")
    warnings = found.warnings if sample else (*found.warnings, "The list is empty.")
    require_columns(path, columns, required)
    return Reader(Detected("json", columns, found.name, None, found.skip > 0, warnings, may_have_more=True), iterate)


class _Text:
    """A window on the file's text that moves forward and knows its line."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self.text = ""
        self.at = 0
        self.line = 1
        self.ended = False
        self._after_cr = False

    def more(self) -> bool:
        """Read on; False at the file's end."""
        chunk = next(self._chunks, None)
        if chunk is None:
            self.ended = True
            return False
        self.text = self.text[self.at :] + chunk
        self.at = 0
        return True

    def advance(self, end: int) -> None:
        """Goes on to `end` and counts the lines on the way, whose ends are LF, CR LF or CR."""
        if end > self.at:
            self.line += self.text.count("\n", self.at, end)
            if self._after_cr or self.text.find("\r", self.at, end) >= 0:
                halves = self.text.count("\r\n", self.at, end) + (self._after_cr and self.text[self.at] == "\n")
                self.line += self.text.count("\r", self.at, end) - halves
                self._after_cr = self.text[end - 1] == "\r"
        self.at = end

    def next_sign(self) -> str:
        """The next character that is no white space, left in place; empty at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            self.advance(match.end() if match else self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""


def _rows(path: Path, encoding: Encoding, nested: bool, max_field: int, max_record: int) -> Iterator[Row | RowError]:
    window = _Text(text_chunks(path, encoding))
    if window.next_sign() != "[":
        raise FormatError(
            f"{path.name} is not a list: [{{…}}, {{…}}] was expected, it begins with “{window.text[window.at : window.at + 20]}”. "
            "If it holds an object a line, choose the format “jsonl”."
        )
    window.advance(window.at + 1)
    if window.next_sign() == "]":
        return
    parser = ObjectParser()
    while True:
        window.next_sign()
        line, start = window.line, window.at
        element = _element(window, parser, max_record)
        if isinstance(element, str):
            yield row_error(
                line, None, f"{element}; the file can't be read beyond this", window.text[window.at : window.at + 1000]
            )
            return
        value, end, fault = element
        start = window.at  # reading on has moved the window
        raw = window.text[start:end]
        if len(raw) > max_record:
            fault = f"the object is {len(raw):,} characters long, at most {max_record:,} are allowed"
        yield row_of(value, line, raw, fault, nested=nested, max_field=max_field)
        window.advance(end)
        sign = window.next_sign()
        if sign not in (",", "]"):
            found = f"“{sign}” found" if sign else "the file ends: it is cut off"
            yield row_error(
                window.line,
                None,
                f"a comma or ] was expected after the object, {found}; the file can't be read beyond this",
                sign,
            )
            return
        window.advance(window.at + 1)
        if sign == "]":
            if rest := window.next_sign():
                yield row_error(
                    window.line,
                    None,
                    f"“{rest}” follows the end of the list",
                    window.text[window.at : window.at + 1000],
                )
            return


def _element(window: _Text, parser: ObjectParser, max_record: int) -> tuple[object, int, str | None] | str:
    """The value at the window's place, reading on until it is whole; or why there is none."""
    while True:
        try:
            value, end, fault = parser.parse(window.text, window.at)
            # A number at the very end may have more digits to come.
            if end < len(window.text) or not window.more():
                return value, end, fault
        except json.JSONDecodeError as error:
            if len(window.text) - window.at > max_record:
                return f"this is not JSON, or longer than {max_record:,} characters: {error.msg}"
            if not window.more():
                return (
                    "the file ends in the middle of an element: it is cut off"
                    if window.at < len(window.text)
                    else "the list is not closed"
                )
        except RecursionError:
            return "lists or objects are nested too deeply"


def write_json(output: Output, records: Iterable[Record]) -> int:
    """Write one list, an object a line, UTF-8."""
    number = 0
    for number, record in enumerate(records, start=1):
        output.write((b"[\n" if number == 1 else b",\n") + json_line(record, number).rstrip(b"\n"))
    output.write(b"\n]\n" if number else b"[]\n")
    return number


FORMAT = Format(
    "json", "One JSON list of objects", (".json",), read_json, write_json, choices=("encoding",), ending=".json"
)
