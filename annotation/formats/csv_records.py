"""From physical lines to the records of a delimited file: quotes, line breaks in values, and where a fault lies."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from annotation.formats.physical import BadLine

_NEVER_CLOSED = "a quote opens here and is never closed; close it, or double it if it belongs to the text"
_STRAY_QUOTE = "a quote inside a quoted value is not doubled, or the value's closing quote is missing"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file separates and quotes; `escape` is a backslash before a quote instead of a doubled quote (MySQL)."""

    delimiter: str
    skip_spaces: bool = False
    escape: bool = False


@dataclass(slots=True)
class Parsed:
    """One record: the line it starts on, its cells, the text it was read from, or why it is none."""

    line: int
    cells: list[str]
    raw: str
    fault: str | None = None
    at_end: bool = False  # the fault is that the text ended


class _LongRecord(Exception):
    """The record outgrew what is held in memory."""


class _CutLine(Exception):
    """A line too long to be held."""


class _Source:
    """The lines under csv.reader's hands: counts them, remembers those of the current record, takes lines back."""

    def __init__(self, lines: Iterator[str | BadLine], first_line: int, max_record: int) -> None:
        self.lines = lines
        self.again: deque[str | BadLine] = deque()  # lines taken back
        self.line = first_line  # the number of the next line
        self.max_record = max_record
        self.taken: list[str | BadLine] = []
        self.size = 0
        self.bad: BadLine | None = None

    def start_record(self) -> int:
        self.taken = []
        self.size = 0
        self.bad = None
        return self.line

    def __iter__(self) -> "_Source":
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else next(self.lines)
        self.line += 1
        self.taken.append(line)
        if isinstance(line, BadLine):
            self.bad = line
            if line.cut:
                raise _CutLine
            line = line.text  # the record is lost, but its quotes still keep the parser in step
        self.size += len(line)
        if self.size > self.max_record:
            raise _LongRecord
        return line

    def take_back_all_but_first(self) -> None:
        """A record that never closed may have swallowed good ones: go on with the line after its first."""
        self.line -= len(self.taken) - 1
        self.again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def raw(self) -> str:
        return "".join(line if isinstance(line, str) else line.text for line in self.taken).rstrip("\r\n")


def csv_records(lines: Iterator[str | BadLine], dialect: Dialect, max_record: int, first_line: int) -> Iterator[Parsed]:
    """Records of the file, blank lines left out.

    Strict parsing, since a lenient one hides a missing quote by swallowing what follows. After a fault reading goes on
    with the next physical line. That stays linear: a line that opens a quote which is not closed in it must also
    close (or break) an open one, as it holds an odd run of quotes, so no stretch is read again and again.
    """
    # A limit of the whole process in C; ours is checked line by line, so theirs only must not be smaller.
    csv.field_size_limit(max(csv.field_size_limit(), max_record + 1))
    source = _Source(lines, first_line, max_record)
    parser = csv.reader(
        source,
        delimiter=dialect.delimiter,
        skipinitialspace=dialect.skip_spaces,
        doublequote=not dialect.escape,
        escapechar="\\" if dialect.escape else None,
        strict=True,
    )
    well_formed = _well_formed(dialect.delimiter) if dialect.escape else None
    while True:
        start = source.start_record()
        try:
            cells = next(parser)
        except StopIteration:
            return
        except _CutLine:
            if len(source.taken) > 1:  # a quote that was open swallowed it: it comes again as a record of its own
                source.take_back_all_but_first()
                yield Parsed(start, [], source.raw(), _NEVER_CLOSED, at_end=True)
            else:
                yield Parsed(start, [], source.raw(), source.bad.reason if source.bad else "the line is too long")
        except _LongRecord:
            source.take_back_all_but_first()
            yield Parsed(start, [], source.raw(), f"{_NEVER_CLOSED} (within {max_record:,} characters)", at_end=True)
        except csv.Error as error:
            at_end = "unexpected end of data" in str(error)
            source.take_back_all_but_first()
            yield Parsed(start, [], source.raw(), _NEVER_CLOSED if at_end else _STRAY_QUOTE, at_end)
        else:
            if source.bad is not None:
                yield Parsed(start, cells, source.raw(), source.bad.reason)
            elif cells:
                taken = source.taken
                first = taken[0]
                raw = first if len(taken) == 1 and isinstance(first, str) else source.raw()
                if well_formed and not well_formed.fullmatch(raw.rstrip("\r\n")):
                    source.take_back_all_but_first()
                    yield Parsed(start, [], source.raw(), _STRAY_QUOTE)
                else:
                    yield Parsed(start, cells, raw)


def _well_formed(delimiter: str) -> re.Pattern[str]:
    """What a record with backslash escapes looks like: csv's strict mode does not look at those."""
    sign = re.escape(delimiter)
    cell = rf'(?:"(?:[^"\\]|\\.)*"|[^"{sign}][^{sign}]*|)'
    return re.compile(f"{cell}(?:{sign}{cell})*", re.DOTALL)
