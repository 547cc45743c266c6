"""CSV (RFC 4180) and its relatives with `;`, tab or `|`: read with the line of every fault, written safe for spreadsheets.

Formula cells. A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, tab or a line end (OWASP, "CSV Injection").
The writer puts `'` and U+2060 WORD JOINER before such a value; the reader takes exactly this pair off again, so the round
trip loses nothing. OWASP's bare `'` could not be undone: a foreign file's own `'=` would lose its apostrophe.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path

from annotation.formats.csv_records import Dialect, Parsed, csv_records
from annotation.formats.lines import BadLine, TextBlock, text_blocks, text_lines
from annotation.formats.objects import written_cell
from annotation.formats.physical import Encoding, find_encoding
from annotation.formats.plain_records import PlainRecords
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

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_DELIMITER_NAMES = {sign: name for name, sign in DELIMITERS.items()}
_SAMPLE_LINES = 500
_MOST_ABOVE = 20  # records above the header, of those that reports put there
_SAMPLE_CHARACTERS = 1 << 20

FORMULA_MARK = "'\u2060"
_FORMULA = re.compile("[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


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
        if line := _later_header(sample[head_lines:], dialect, names, max_record):
            warnings.append(
                f"The header seems to stand in line {line + head_lines}, below lines that are no part of the table. Delete those lines and "
                "import the file again."
            )
    else:
        names, header_records = list(columns), 0
        if repeated := _repeated(names):
            raise FormatError(f'The column "{repeated}" is given twice.')
    require_columns(path, names, required)
    detected = Detected("csv", tuple(names), found.name, dialect.delimiter, found.skip > 0, tuple(warnings))

    def iterate() -> Iterator[Row | RowError]:
        blocks = text_blocks(path, found, max_record)
        records = csv_records(blocks, dialect, max_record, skipped=head_lines, width=len(names), max_field=max_field)
        return _rows(islice(records, header_records, None), names, dialect, max_field)

    return Reader(detected, iterate)


def _rows(
    records: Iterator[Parsed | PlainRecords], names: list[str], dialect: Dialect, max_field: int
) -> Iterator[Row | RowError]:
    width = len(names)
    for record in records:
        if isinstance(record, PlainRecords):
            cells_of_all = record.records if FORMULA_MARK not in record.text else map(_unmarked, record.records)
            values: Iterator[dict[str, object]] = map(dict, map(zip, repeat(names), cells_of_all))
            yield from map(Row, record.lines, values)
            continue
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
    return _unmarked(cells) if FORMULA_MARK in raw else cells


def _unmarked(cells: Iterable[str]) -> list[str]:
    return [cell.removeprefix(FORMULA_MARK) for cell in cells]


def _checked(record: Parsed, names: list[str], max_field: int) -> Row | RowError:
    raw = record.raw.rstrip("\r\n")
    for name, cell in zip(names, record.cells, strict=False):
        if len(cell) > max_field:
            return row_error(
                record.line, name, f"it is {len(cell):,} characters long, at most {max_field:,} are allowed", raw
            )
        if (at := cell.find("\0")) >= 0:
            reason = f"it holds a NUL character (U+0000) at position {at + 1:,}; remove it and import the row again"
            return row_error(record.line, name, reason, raw)
    return Row(record.line, dict(zip(names, _unescaped(record.cells, raw), strict=False)))


def _ragged(found: int, expected: int, delimiter: str) -> str:
    sign = _DELIMITER_NAMES.get(delimiter, repr(delimiter))
    if found > expected:
        return f"{expected} columns were expected, {found} found: a {sign} inside a value is probably not quoted"
    return f"{expected} columns were expected, {found} found: a value is missing, or a line break inside a value is not quoted"


def _open_column(record: Parsed, names: Sequence[str], dialect: Dialect) -> str | None:
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
    for sign in delimiter or DELIMITERS.values():
        dialects = [Dialect(sign), Dialect(sign, skip_spaces=True)]
        if escapes:
            dialects.append(Dialect(sign, escape=True))
        for dialect in dialects:
            records = _parsed(sample, dialect, max_record)
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


def _parsed(sample: Iterable[str | BadLine], dialect: Dialect, max_record: int) -> list[Parsed]:
    records = csv_records(iter([TextBlock.of(sample)]), dialect, max_record)
    return [record for record in records if isinstance(record, Parsed)]


def _header(
    path: Path, sample: Sequence[str | BadLine], dialect: Dialect, warnings: list[str], max_record: int
) -> list[str]:
    records = _parsed(sample, dialect, max_record)[:2]
    if not records:
        raise FormatError(f"{path.name} is empty: it holds no rows.")
    first = records[0]
    if first.fault:
        raise FormatError(f"{path.name}: the header on line {first.line} can't be read: {first.fault}.")
    names = [name.strip() for name in first.cells]
    for position, name in enumerate(names):
        if (at := name.find("\0")) >= 0:
            raise FormatError(
                f"{path.name}: the name of column {position + 1} in the header, {name[:60]!r}, holds a NUL character (U+0000) "
                f"at position {at + 1:,}; remove it and import the file again."
            )
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
            "The first line looks like data and not like names of columns. If there is no header, put one above it."
        )
    if len(records) == 1:
        warnings.append("The file has a header but no rows.")
    return names


def _later_header(
    sample: Sequence[str | BadLine], dialect: Dialect, names: Sequence[str], max_record: int
) -> int | None:
    """The line further down that looks like the header, where the first one hardly fits the rows; None where none does.

    It has two cells or more, all of them names, which those of the line above are not, and nearly all records below have as many.
    """
    records = [record for record in _parsed(sample, dialect, max_record) if not record.fault]
    fitting = sum(len(record.cells) == len(names) for record in records[1:])
    unnamed = sum(name == f"column {position}" for position, name in enumerate(names, start=1))
    if len(names) > 1 and fitting * 2 > len(records) - 1 and unnamed * 2 < len(names):
        return None
    for sign in dict.fromkeys((dialect.delimiter, *DELIMITERS.values())):
        records = [record for record in _parsed(sample, Dialect(sign), max_record) if not record.fault]
        for place, record in enumerate(records[1 : _MOST_ABOVE + 1], start=1):
            below = records[place + 1 :]
            alike = sum(len(one.cells) == len(record.cells) for one in below)
            is_title = not _are_names(records[place - 1].cells)
            if below and alike >= 0.9 * len(below) and is_title and _are_names(record.cells):
                return record.line
    return None


def _are_names(cells: Sequence[str]) -> bool:
    """Whether the cells can be the header of several columns: short, no numbers, no two alike; a space at an end is prose's."""
    fit = all(
        0 < len(name) <= 40 and name.strip() == name and name[0] != "#" and not _NUMBER.fullmatch(name)
        for name in cells
    )
    return len(cells) > 1 and fit and _repeated(cells) is None


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
    records, names = columns_of(records, columns)
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
        cells = [written_cell(record.get(name), number, name) for name in names]
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


def columns_of(records: Iterable[Record], columns: Sequence[str] | None) -> tuple[Iterable[Record], list[str]]:
    """The records, and the columns of their table: the given ones, a list's keys, or those of a stream's first record."""
    if columns is not None:
        return records, list(columns)
    if isinstance(records, Sequence):
        return records, list(dict.fromkeys(key for record in records for key in record))
    stream = iter(records)
    first = next(stream, None)
    return (chain([first], stream), list(first)) if first is not None else ([], [])


FORMAT = Format(
    "csv",
    "A table: one record per line, a header, values quoted where needed",
    (".csv", ".tsv"),
    read_csv,
    write_csv,
    choices=("encoding", "delimiter"),
    ending=".csv",
    takes="table",
)
