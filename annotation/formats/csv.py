"""CSV (RFC 4180) and its relatives with `;`, tab or `|`: read with the line of every fault, written safe for spreadsheets.

Formula cells. A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, tab or a line end (OWASP, "CSV Injection").
The writer puts `'` and U+2060 WORD JOINER before such a value; the reader takes exactly this pair off again, so the round
trip loses nothing. OWASP's bare `'` could not be undone: a foreign file's own `'=` would lose its apostrophe.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from annotation.formats.objects import cell_text
from annotation.formats.physical import BadLine, Encoding, find_encoding, text_lines
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

_DELIMITERS = ",;\t|"
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SAMPLE_LINES = 500
_SAMPLE_CHARACTERS = 1 << 20

_STRAY_QUOTE = "a quote inside a quoted value is not doubled, or the value's closing quote is missing"

FORMULA_MARK = "'\u2060"
_FORMULA = re.compile("[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file separates and quotes; `escape` is a backslash before a quote instead of a doubled quote (MySQL)."""

    delimiter: str
    skip_spaces: bool = False
    escape: bool = False


# ------------------------------------------------------------------------------------------------------------ reading
def read_csv(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    columns: Sequence[str] | None = None,
    required: Sequence[str] = (),
    max_field: int = MAX_FIELD,
    max_record: int = MAX_RECORD,
) -> Reader:
    """Open a delimited file.

    encoding, delimiter: found where not given. columns: names for a file without header (its first line is then a row).
    required: columns that must be there. max_field: characters of a value; max_record: bytes of a line and characters of
    a record. Raises FormatError for what concerns the whole file: empty, not text, no usable header, a missing column.
    """
    if delimiter is not None and len(delimiter) != 1:
        raise FormatError(f"The delimiter is one character, not {delimiter!r}.")
    found = find_encoding(path, encoding)
    sample = _sample(path, found, max_record)
    declared = re.fullmatch(r"sep=(.)\s*", sample[0]) if isinstance(sample[0], str) else None  # Excel's own first line
    head_lines = 1 if declared else 0
    if delimiter is None and declared:
        delimiter = declared[1]
    dialect = _find_dialect(sample[head_lines:], delimiter, columns, max_record)

    warnings = list(found.warnings)
    if columns is None:
        names, header_records = _header(path, sample[head_lines:], dialect, warnings, max_record), 1
    else:
        names, header_records = list(columns), 0
        if repeated := _repeated(names):
            raise FormatError(f'The column "{repeated}" is given twice.')
    require_columns(path, names, required)
    detected = Detected("csv", tuple(names), found.name, dialect.delimiter, found.skip > 0, tuple(warnings))

    def iterate() -> Iterator[Row | RowError]:
        lines = text_lines(path, found, max_record)
        records = _records(islice(lines, head_lines, None), dialect, max_record, first_line=head_lines + 1)
        return _rows(islice(records, header_records, None), names, dialect, max_field)

    return Reader(detected, iterate)


@dataclass(slots=True)
class _Parsed:
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
        line = next(self.lines)
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
        again = self.taken[1:]
        if again:
            self.line -= len(again)
            self.lines = chain(again, self.lines)
            self.taken = self.taken[:1]

    def raw(self) -> str:
        return "".join(line if isinstance(line, str) else line.text for line in self.taken).rstrip("\r\n")


def _records(lines: Iterator[str | BadLine], dialect: Dialect, max_record: int, first_line: int) -> Iterator[_Parsed]:
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
            reason = source.bad.reason if source.bad else "the line is too long"
            yield _Parsed(start, [], source.raw(), reason)
        except _LongRecord:
            source.take_back_all_but_first()
            reason = f"a quote opens here and is not closed within {max_record:,} characters"
            yield _Parsed(start, [], source.raw(), reason, at_end=True)
        except csv.Error as error:
            at_end = "unexpected end of data" in str(error)
            source.take_back_all_but_first()
            reason = (
                "a quote opens here and is never closed; close it, or double it if it belongs to the text"
                if at_end
                else _STRAY_QUOTE
            )
            yield _Parsed(start, [], source.raw(), reason, at_end)
        else:
            if source.bad is not None:
                yield _Parsed(start, cells, source.raw(), source.bad.reason)
            elif cells:
                taken = source.taken
                first = taken[0]
                raw = first if len(taken) == 1 and isinstance(first, str) else source.raw()
                if well_formed and not well_formed.fullmatch(raw.rstrip("\r\n")):
                    source.take_back_all_but_first()
                    yield _Parsed(start, [], source.raw(), _STRAY_QUOTE)
                else:
                    yield _Parsed(start, cells, raw)


def _well_formed(delimiter: str) -> re.Pattern[str]:
    """What a record with backslash escapes looks like: csv's strict mode does not look at those."""
    sign = re.escape(delimiter)
    cell = rf'(?:"(?:[^"\\]|\\.)*"|[^"{sign}][^{sign}]*|)'
    return re.compile(f"{cell}(?:{sign}{cell})*", re.DOTALL)


def _rows(records: Iterator[_Parsed], names: list[str], dialect: Dialect, max_field: int) -> Iterator[Row | RowError]:
    width = len(names)
    for record in records:
        cells, raw = record.cells, record.raw
        if record.fault is not None:
            yield row_error(record.line, _open_column(record, names, dialect), record.fault, raw)
        elif len(cells) != width and (len(cells) < width or any(cells[width:])):
            yield row_error(record.line, None, _ragged(len(cells), width, dialect.delimiter), raw.rstrip("\r\n"))
        # One look at the raw text tells for nearly all rows that no cell needs one.
        elif len(raw) > max_field or "\0" in raw:
            yield _checked(record, names, max_field)
        else:
            yield Row(record.line, dict(zip(names, _unescaped(cells, raw), strict=False)))


def _unescaped(cells: list[str], raw: str) -> list[str]:
    if FORMULA_MARK not in raw:
        return cells
    return [cell.removeprefix(FORMULA_MARK) for cell in cells]


def _checked(record: _Parsed, names: list[str], max_field: int) -> Row | RowError:
    for name, cell in zip(names, record.cells, strict=False):
        if len(cell) > max_field:
            return row_error(
                record.line, name, f"it is {len(cell):,} characters long, at most {max_field:,} are allowed", record.raw
            )
        if (at := cell.find("\0")) >= 0:
            reason = f"it holds a NUL character (U+0000) at position {at + 1:,}; remove it and import the row again"
            return row_error(record.line, name, reason, record.raw)
    return Row(record.line, dict(zip(names, _unescaped(record.cells, record.raw), strict=False)))


def _ragged(found: int, expected: int, delimiter: str) -> str:
    sign = _DELIMITER_NAMES.get(delimiter, repr(delimiter))
    if found > expected:
        return f"{expected} columns were expected, {found} found: a {sign} inside a value is probably not quoted"
    return f"{expected} columns were expected, {found} found: a value is missing, or a line break inside a value is not quoted"


def _open_column(record: _Parsed, names: Sequence[str], dialect: Dialect) -> str | None:
    """The column in which the quote of an unclosed record stands: the last one that its first line reaches."""
    if not record.at_end:
        return None
    lenient = csv.reader([record.raw], delimiter=dialect.delimiter, skipinitialspace=dialect.skip_spaces)
    reached = len(next(lenient, []))
    return names[reached - 1] if 0 < reached <= len(names) else None


# ------------------------------------------------------------------------------------------------- header and dialect
def _sample(path: Path, encoding: Encoding, max_record: int) -> list[str | BadLine]:
    sample: list[str | BadLine] = []
    size = 0
    for line in islice(text_lines(path, encoding, max_record), _SAMPLE_LINES):
        sample.append(line)
        size += len(line if isinstance(line, str) else line.text)
        if size > _SAMPLE_CHARACTERS:
            break
    return sample


def _find_dialect(
    sample: Sequence[str | BadLine], delimiter: str | None, columns: Sequence[str] | None, max_record: int
) -> Dialect:
    """The dialect under which most records of the sample have as many cells as the header; comma where all are equal."""
    best, best_score = Dialect(delimiter or ","), (-1.0, 0)
    escapes = any('\\"' in line for line in sample if isinstance(line, str))
    for sign in delimiter or _DELIMITERS:
        dialects = [Dialect(sign), Dialect(sign, skip_spaces=True)]
        if escapes:
            dialects.append(Dialect(sign, escape=True))
        for dialect in dialects:
            records = list(_records(iter(sample), dialect, max_record, 1))
            if len(records) > 1 and records[-1].at_end:
                records.pop()  # the sample ends in its middle
            if not records or records[0].fault:
                continue
            width = len(columns) if columns is not None else len(records[0].cells)
            regular = sum(not r.fault and len(r.cells) == width for r in records) / len(records)
            # One column only is what every wrong delimiter finds, so it counts as no find.
            score = (regular, width) if width > 1 else (0.0, 0)
            if score > best_score:
                best, best_score = dialect, score
    return best


def _header(
    path: Path, sample: Sequence[str | BadLine], dialect: Dialect, warnings: list[str], max_record: int
) -> list[str]:
    records = list(islice(_records(iter(sample), dialect, max_record, 1), 2))
    if not records:
        raise FormatError(f"{path.name} is empty: it holds no rows.")
    first = records[0]
    if first.fault:
        raise FormatError(f"{path.name}: the header on line {first.line} can't be read: {first.fault}.")
    names = [name.strip().replace("\0", "") for name in first.cells]
    if not any(names):
        raise FormatError(f"{path.name}: the header has no names. Put the columns' names into the first line.")
    for position, name in enumerate(names):
        if not name:
            names[position] = f"column {position + 1}"
            warnings.append(f"Column {position + 1} has no name in the header; it is called “{names[position]}” here.")
    if repeated := _repeated(names):
        places = [str(position + 1) for position, name in enumerate(names) if name == repeated]
        raise FormatError(
            f'{path.name}: the column "{repeated}" occurs {len(places)} times in the header (columns {", ".join(places)}). Rename one.'
        )
    if any(len(name) > 200 or _NUMBER.fullmatch(name) for name in names):
        warnings.append(
            "The first line looks like data and not like names of columns. If there is no header, name the columns."
        )
    if len(records) == 1:
        warnings.append("The file has a header but no rows.")
    return names


def _repeated(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


# ------------------------------------------------------------------------------------------------------------ writing
def write_csv(
    output: Output,
    records: Iterable[Record],
    *,
    columns: Sequence[str] | None = None,
    delimiter: str = ",",
    escape_formulas: bool = True,
    bom: bool = False,
) -> int:
    """Write records as UTF-8 with CR LF (RFC 4180).

    columns: their order; not given, a list's columns are all its keys in order of appearance, a stream's those of its first
    record. A missing value is empty, None too; numbers and nested values stand as JSON. A key without a column raises.
    escape_formulas: see the module; off only for what no spreadsheet will open. bom: Excel then sees the UTF-8.
    """
    records, names = _columns_of(records, columns)
    if not names:
        raise FormatError("There is nothing to write: no record has a column.")
    if (repeated := _repeated(names)) is not None or not all(name.strip() == name != "" for name in names):
        raise FormatError(f"Columns need names that differ and have no space at their ends, not {repeated or names!r}.")
    if bom:
        output.write(b"\xef\xbb\xbf")
    buffer = io.StringIO(newline="")
    # A quoted header can't be taken for one with another delimiter.
    csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerow(names)
    writer = csv.writer(buffer, delimiter=delimiter)
    known = frozenset(names)
    number = 0
    for number, record in enumerate(records, start=1):
        if not known.issuperset(record):
            extra = next(key for key in record if key not in known)
            raise FormatError(
                f'Record {number} has the key "{extra}", for which there is no column. Give all columns by name.'
            )
        cells = [cell_text(record.get(name)) for name in names]
        if any("\0" in cell for cell in cells):
            raise FormatError(f"Record {number} holds a NUL character, which no reader of CSV takes.")
        writer.writerow([_escaped(cell) for cell in cells] if escape_formulas else cells)
        if buffer.tell() > _SAMPLE_CHARACTERS:
            _flush(buffer, output, number)
    _flush(buffer, output, number)
    return number


def _escaped(cell: str) -> str:
    if (_FORMULA.match(cell) and not _NUMBER.fullmatch(cell)) or cell.startswith(FORMULA_MARK):
        return FORMULA_MARK + cell
    return cell


def _flush(buffer: io.StringIO, output: Output, number: int) -> None:
    output.write(utf8(buffer.getvalue(), number, " or one shortly before it"))
    buffer.seek(0)
    buffer.truncate()


def _columns_of(records: Iterable[Record], columns: Sequence[str] | None) -> tuple[Iterable[Record], list[str]]:
    if columns is not None:
        return records, list(columns)
    if isinstance(records, Sequence):
        return records, list(dict.fromkeys(key for record in records for key in record))
    stream = iter(records)
    first = next(stream, None)
    return (chain([first], stream), list(first)) if first is not None else ([], [])


FORMAT = Format(
    "csv",
    "A table: one record a line, a header, values quoted where needed",
    (".csv", ".tsv", ".txt"),
    read_csv,
    write_csv,
)
