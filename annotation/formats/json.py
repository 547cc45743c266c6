"""JSON: one list of objects, read piece by piece, so that a gigabyte needs no gigabyte of memory (RFC 8259)."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

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
# Characters of a number's end, a word or an escape: what an error near the window's end may be half of.
_LONGEST_TOKEN = 16
_SPACE = re.compile(r"[ \t\r\n]*")
_BEGUN = re.compile(r"[-+.\w\\]*\s*")  # what a number, a word or an escape may begin with, or nothing
_LINE_END = re.compile(r"\r\n|\r|\n")
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_PAIRS = {"[": "]", "{": "}"}


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

    A row's number is the element's ordinal, from 1: a list often stands on one line. An element that is no usable object, or no
    JSON, costs that element; where it can't be told where such an element ends (a quote or a bracket is missing), that is
    the last row error. Raises FormatError for a file that is empty, no text, no list, or whose list holds no object among its
    first hundred elements.
    """
    found = find_encoding(path, encoding)

    def iterate() -> Iterator[Row | RowError]:
        return _rows(path, found, nested, max_field, max_record)

    sample = list(islice(iterate(), _SAMPLE_ROWS))
    columns = tuple(dict.fromkeys(key for row in sample if isinstance(row, Row) for key in row.values))
    if sample and not any(isinstance(row, Row) for row in sample):
        first = next(row for row in sample if isinstance(row, RowError))
        raise FormatError(f"{path.name} holds no usable object; element {first.row}: {first.reason}.")
    warnings = found.warnings if sample else (*found.warnings, "The list is empty.")
    require_columns(path, columns, required)
    detected = Detected(
        "json", columns, found.name, None, found.skip > 0, warnings, may_have_more=True, counts="record"
    )
    return Reader(detected, iterate)


class _Text:
    """A window on the file's text that moves forward and knows its line."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self.text = ""
        self.at = 0
        self.ended = False
        self._before = 0  # characters of the file before the window's text
        self._line, self._line_start = 1, 0
        self._after_cr = False

    def more(self) -> bool:
        """Read on; False at the file's end."""
        chunk = next(self._chunks, None)
        if chunk is None:
            self.ended = True
            return False
        self._before += self.at
        self.text = self.text[self.at :] + chunk
        self.at = 0
        return True

    def advance(self, end: int) -> None:
        """Goes on to `end` and counts the lines on the way, whose ends are LF, CR LF or CR."""
        if end > self.at:
            last = max(self.text.rfind("\n", self.at, end), self.text.rfind("\r", self.at, end))
            if last >= 0:
                halves = self.text.count("\r\n", self.at, end) + (self._after_cr and self.text[self.at] == "\n")
                ends = self.text.count("\n", self.at, end) + self.text.count("\r", self.at, end)
                self._line += ends - halves
                self._line_start = self._before + last + 1
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

    def place(self, position: int) -> str:
        """Where in the file a place of the window is, in words; for one that is not before the window's own."""
        line, start = self._line, self._line_start - self._before
        for end in _LINE_END.finditer(self.text, self.at, position):
            line, start = line + 1, end.end()
        return f"line {line:,}, character {position - start + 1:,}"


class _Broken(NamedTuple):
    """An element that is no JSON: why, and where in the window it ends; None where that can't be told."""

    reason: str
    end: int | None = None


def _rows(path: Path, encoding: Encoding, nested: bool, max_field: int, max_record: int) -> Iterator[Row | RowError]:
    window = _Text(text_chunks(path, encoding))
    if window.next_sign() != "[":
        raise FormatError(
            f"{path.name} is not a list: [{{…}}, {{…}}] was expected, it begins with “{window.text[window.at : window.at + 20]}”. "
            "If it holds one object per line, choose the format “jsonl”."
        )
    window.advance(window.at + 1)
    if window.next_sign() == "]":
        return
    parser = ObjectParser()
    unparted = None  # from the element before
    for number in count(1):
        sign = window.next_sign()
        if sign in (",", "]"):
            yield row_error(number, None, f"a comma too many: there is no object at {window.place(window.at)}", sign)
        elif sign == "":
            yield row_error(number, None, "the list is not closed: the file is cut off", "")
            return
        else:
            element = _element(window, parser, max_record)
            start = window.at  # reading on has moved the window
            if isinstance(element, _Broken):
                if element.end is None:
                    reason = f"{element.reason}; the file can't be read beyond this"
                    yield row_error(number, None, reason, window.text[start : start + 1000])
                    return
                yield row_error(number, None, element.reason, window.text[start : element.end].rstrip())
                end = element.end
            else:
                value, end, fault = element
                raw = window.text[start:end]
                if len(raw) > max_record:
                    fault = f"the object is {len(raw):,} characters long, at most {max_record:,} are allowed"
                fault = fault or unparted
                yield row_of(value, number, raw, fault, nested=nested, max_field=max_field)
            window.advance(end)
            sign = window.next_sign()
        unparted = None
        if sign == "{":
            unparted = f"there is no comma before this object at {window.place(window.at)}"
            continue
        if sign not in (",", "]"):
            found = f"“{sign}” found at {window.place(window.at)}" if sign else "the file ends: it is cut off"
            reason = f"a comma or ] was expected after element {number:,}, {found}; the file can't be read beyond this"
            yield row_error(number + 1, None, reason, window.text[window.at : window.at + 1000])
            return
        window.advance(window.at + 1)
        if sign == "]":
            if rest := window.next_sign():
                reason = f"“{rest}” follows the end of the list at {window.place(window.at)}"
                yield row_error(number + 1, None, reason, window.text[window.at : window.at + 1000])
            return


def _element(window: _Text, parser: ObjectParser, max_record: int) -> tuple[object, int, str | None] | _Broken:
    """The value at the window's place, reading on until it is whole; or why there is none."""
    while True:
        try:
            value, end, fault = parser.parse(window.text, window.at)
            # A number at the very end may have more digits to come.
            if end < len(window.text) or not window.more():
                return value, end, fault
        except json.JSONDecodeError as error:
            may_go_on = error.msg.startswith("Unterminated") or error.pos > len(window.text) - _LONGEST_TOKEN
            within = len(window.text) - window.at <= max_record
            if not (within and may_go_on and window.more()):
                return _broken(window, error, max_record)
        except RecursionError:
            return _Broken("lists or objects are nested too deeply", _end_of_broken(window, max_record))


def _broken(window: _Text, error: json.JSONDecodeError, max_record: int) -> _Broken:
    what = f"{error.msg.removesuffix(' at')} at {window.place(error.pos)}"
    end = _end_of_broken(window, max_record)
    if (
        end is None
        and window.ended
        and (error.msg.startswith("Unterminated") or _BEGUN.fullmatch(window.text, error.pos))
    ):
        return _Broken(f"the file ends in the middle of an element: it is cut off ({what})")
    if end is None and len(window.text) - window.at > max_record:
        return _Broken(f"this is not JSON, or longer than {max_record:,} characters: {what}")
    return _Broken(f"this is not JSON: {what}", end)


def _end_of_broken(window: _Text, max_record: int) -> int | None:
    """Where an element that is no JSON ends: before the comma or ] that follows when its brackets and quotes are closed. None where
    they are not, or where no object follows, so that the next element can't be told from the inside of this one."""
    while True:
        open_brackets: list[str] = []
        for token in _STRUCTURE.finditer(window.text, window.at):
            sign = token[0]
            if sign in _PAIRS:
                open_brackets.append(_PAIRS[sign])
            elif open_brackets and sign in ("]", "}"):
                if open_brackets.pop() != sign:
                    return None
            elif not open_brackets and sign in (",", "]", "}"):
                after = _SPACE.match(window.text, token.end())
                next_at = after.end() if after else token.end()
                if sign == "," and next_at >= len(window.text):
                    break  # what follows the comma is still to be read
                return token.start() if sign == "]" or (sign == "," and window.text[next_at] == "{") else None
            elif sign == '"':
                break  # not closed in the window
        if len(window.text) - window.at > max_record or not window.more():
            return None


def write_json(output: Output, records: Iterable[Record]) -> int:
    """Write one list, one object per line, UTF-8."""
    number = 0
    for number, record in enumerate(records, start=1):
        output.write((b"[\n" if number == 1 else b",\n") + json_line(record, number).rstrip(b"\n"))
    output.write(b"\n]\n" if number else b"[]\n")
    return number


FORMAT = Format(
    "json", "One JSON list of objects", (".json",), read_json, write_json, choices=("encoding",), ending=".json"
)
