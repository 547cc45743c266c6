"""From physical lines to the records of a delimited file: quotes, line breaks in values, and where a fault lies."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotation.formats.lines import BadLine, TextBlock
from annotation.formats.plain_records import PlainRecords, plain_records

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

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
    """One record: the line it starts on, its cells, the text it was read from, or why it could not be read."""

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

    def __init__(self, blocks: Iterator[TextBlock], max_record: int) -> None:
        self.blocks = blocks
        self.ahead: deque[str | BadLine] = (
            deque()
        )  # lines of the current block that are still to come, or were taken back
        self.line = 1  # the number of the next line
        self._begun = ""  # a record that goes on in the next block
        self.max_record = max_record
        self.taken: list[str | BadLine] = []
        self.size = 0
        self.bad: BadLine | None = None

    def start_record(self) -> int:
        self.taken = []
        self.size = 0
        self.bad = None
        return self.line

    def fill(self) -> bool:
        """Has lines ahead; False at the end."""
        while not self.ahead:
            block = next(self.blocks, None)
            if block is None:
                return False
            self.ahead.extend(block.lines())
        return True

    def plain(self, delimiter: str, width: int, max_field: int) -> PlainRecords | None:
        """The records with which the next block begins, if they are plain. A record that goes on in the block after it waits for
        that; of a block that is not plain, all is ahead.
        """
        block = next(self.blocks, None)
        if block is not None and block.text is not None:
            text = self._begun + block.text
            is_fit = len(text) <= max_field and "\0" not in text
            if is_fit and (plain := plain_records(text, delimiter, width, self.line)) is not None:
                self.line += plain.line_count
                self._begun = text[plain.end :]
                return plain
        self.ahead.extend(TextBlock(self._begun).lines())
        self._begun = ""
        if block is not None:
            self.ahead.extend(block.lines())
        return None

    def skip(self, lines: int) -> None:
        """Goes over lines that are ahead."""
        for _ in range(lines):
            self.ahead.popleft()
        self.line += lines

    def __iter__(self) -> "_Source":
        return self

    def __next__(self) -> str:
        if not self.fill():
            raise StopIteration
        line = self.ahead.popleft()
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
        self.ahead.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def raw(self) -> str:
        return "".join(line if isinstance(line, str) else line.text for line in self.taken).rstrip("\r\n")


def csv_records(
    blocks: Iterator[TextBlock],
    dialect: Dialect,
    max_record: int,
    *,
    skipped: int = 0,
    width: int = 0,
    max_field: int = 0,
) -> Iterator[Parsed | PlainRecords]:
    """Records of the file, blank lines left out. skipped: lines before the first record. width: how many cells most records have;
    where it is given, records whose cells have at most `max_field` characters may come many at once.

    Strict parsing, since a lenient one hides a missing quote by swallowing what follows. After a fault reading goes on
    with the next physical line. That stays linear: a line that opens a quote which is not closed in it must also
    close (or break) an open one, as it holds an odd run of quotes, so no stretch is read again and again.

    Blocks without any doubt are cut by numpy. Of the others, what a block holds up to its first fault is parsed in one go; the
    record with the fault, and one that goes on in the next block, by itself.
    """
    # A limit of the whole process in C; ours is checked line by line, so theirs only must not be smaller.
    csv.field_size_limit(max(csv.field_size_limit(), max_record + 1))
    source = _Source(blocks, max_record)
    parser = _parser(source, dialect)
    well_formed = _well_formed(dialect.delimiter) if dialect.escape else None
    if source.fill():
        source.skip(skipped)
    may_be_plain = width > 0 and not dialect.escape and not dialect.skip_spaces
    while True:
        if may_be_plain and not source.ahead:
            plain = source.plain(dialect.delimiter, width, max_field)
            if plain is not None:
                yield plain
                continue
        if not source.fill():
            return
        if well_formed is None:
            yield from _records_ahead(source, dialect)
            if not source.ahead:
                continue
        record = _record(source, parser, well_formed)
        if record is None:
            return
        if record.fault or record.cells:
            yield record


def _parser(lines: Iterable[str], dialect: Dialect) -> "CsvReader":
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        skipinitialspace=dialect.skip_spaces,
        doublequote=not dialect.escape,
        escapechar="\\" if dialect.escape else None,
        strict=True,
    )


def _records_ahead(source: _Source, dialect: Dialect) -> list[Parsed]:
    """The records of the lines ahead, up to the first that has a fault or does not end there."""
    lines = list(source.ahead)
    records: list[Parsed] = []
    start = 0
    parser = _parser(lines, dialect)  # type: ignore[arg-type]  # a BadLine is no text, so it is the parser's error
    try:
        for cells in parser:
            end = parser.line_num
            if cells:
                raw = lines[start] if end == start + 1 else "".join(lines[start:end]).rstrip("\r\n")  # type: ignore[arg-type]
                records.append(Parsed(source.line + start, cells, raw))  # type: ignore[arg-type]
            start = end
    except csv.Error:
        pass  # the record with the fault is read once more, by itself, and told then
    source.skip(start)
    return records


def _record(source: _Source, parser: "CsvReader", well_formed: re.Pattern[str] | None) -> Parsed | None:
    """The next record by itself, with its fault if it has one; None at the end."""
    max_record = source.max_record
    start = source.start_record()
    try:
        cells = next(parser)
    except StopIteration:
        return None
    except _CutLine:
        if len(source.taken) > 1:  # a quote that was open swallowed it: it comes again as a record of its own
            source.take_back_all_but_first()
            return Parsed(start, [], source.raw(), _NEVER_CLOSED, at_end=True)
        return Parsed(start, [], source.raw(), source.bad.reason if source.bad else "the line is too long")
    except _LongRecord:
        source.take_back_all_but_first()
        return Parsed(start, [], source.raw(), f"{_NEVER_CLOSED} (within {max_record:,} characters)", at_end=True)
    except csv.Error as error:
        at_end = "unexpected end of data" in str(error)
        source.take_back_all_but_first()
        return Parsed(start, [], source.raw(), _NEVER_CLOSED if at_end else _STRAY_QUOTE, at_end)
    if source.bad is not None:
        return Parsed(start, cells, source.raw(), source.bad.reason)
    if well_formed and cells and not well_formed.fullmatch(source.raw()):
        source.take_back_all_but_first()
        return Parsed(start, [], source.raw(), _STRAY_QUOTE)
    return Parsed(start, cells, source.raw())


def _well_formed(delimiter: str) -> re.Pattern[str]:
    """What a record with backslash escapes looks like: csv's strict mode does not look at those."""
    sign = re.escape(delimiter)
    cell = rf'(?:"(?:[^"\\]|\\.)*"|[^"{sign}][^{sign}]*|)'
    return re.compile(f"{cell}(?:{sign}{cell})*", re.DOTALL)
