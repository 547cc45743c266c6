"""What a reader gives and what it says about its file: the words all formats share."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

MAX_FIELD = 1_000_000
"""Characters in one value; a ticket of a million characters is a file in the wrong place."""
MAX_RECORD = 8 * 1024 * 1024
"""Bytes of one physical line and characters of one record that are ever held in memory."""
_MAX_RAW = 100_000


class FormatError(ValueError):
    """A whole file can't be read or written; the message says what is wrong, where, and what to do."""


class Row(NamedTuple):
    """One record. `number` is the physical line on which it starts, from 1; in a JSON list and in Parquet its ordinal.

    Values: text from CSV; from JSON text, int, float, bool and None as they stand, lists and objects as JSON text.
    """

    number: int
    values: dict[str, object]


class RowError(NamedTuple):
    """One record that can't be taken: its number as in `Row`, the column at fault if there is one, why, and the record itself.

    `raw` is the text as it stands in the file (bytes that are no text as `\\xe9`), at most 100,000 characters of it.
    """

    row: int
    field: str | None
    reason: str
    raw: str


def row_error(row: int, field: str | None, reason: str, raw: str) -> RowError:
    """A RowError whose `raw` is cut to a size that a table of rejected rows can hold."""
    return RowError(row, field, reason, raw if len(raw) <= _MAX_RAW else raw[:_MAX_RAW])


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found out about a file before its first row was read; shown in the mapping step."""

    format: str
    columns: tuple[str, ...]  # CSV: the header; JSON: the keys of the first hundred objects, in order of appearance
    encoding: str | None = None
    delimiter: str | None = None
    bom: bool = False
    warnings: tuple[str, ...] = ()
    may_have_more: bool = False  # rows further on may bring columns that none of these is
    counts: Literal["line", "record"] = "line"  # what the numbers of rows count


@dataclass(frozen=True, slots=True)
class Reader:
    """An opened file: `detected`, and its rows and row errors in file order. Each iteration reads the file anew.

    Memory does not grow with the file. Iterating raises FormatError where the file can't be read on (its end is cut off,
    the disk took it away); all else is a RowError and reading goes on with the next record.
    """

    detected: Detected
    _iterate: Callable[[], Iterator[Row | RowError]] = field(repr=False)

    def __iter__(self) -> Iterator[Row | RowError]:
        return self._iterate()


Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ReadAs:
    """How somebody wants a file to be read; what is empty is found out."""

    format: str = ""
    encoding: str = ""
    delimiter: str = ""


FOUND_OUT = ReadAs()


@dataclass(frozen=True, slots=True)
class Format:
    """A member of the registry. `write` puts records into an open binary file and returns how many it wrote.

    choices: what of a ReadAs, besides the format, its `read` takes. ending: of the files that it writes.
    takes: what it writes. `conversations` are {"messages": […], "completion": text}, `records` any objects, `table` records whose
    columns have to be named beforehand, `answers` records of which is said which columns are people's answers, and of what kind.
    recognises: whether the first object of a file of JSON is one of this format's.
    """

    name: str
    summary: str
    suffixes: tuple[str, ...] = ()
    read: Callable[..., Reader] | None = None
    write: Callable[..., int] | None = None
    choices: tuple[str, ...] = ()
    ending: str = ".jsonl"
    takes: Literal["records", "table", "conversations", "answers"] = "records"
    recognises: Callable[[Record], bool] | None = None


def require_columns(path: Path, columns: Iterable[str], required: Iterable[str]) -> None:
    """Refuse a file that lacks a column which the caller's mapping names."""
    present = list(columns)
    if missing := [name for name in required if name not in present]:
        listed = ", ".join(f'"{name}"' for name in missing)
        raise FormatError(
            f"{path.name}: the column {listed} is missing; the file has {', '.join(f'{c!r}' for c in present) or 'no columns'}. "
            "Correct the mapping or the file's header."
        )


def utf8(text: str, number: int, place: str = "") -> bytes:
    """`text` as UTF-8, or a FormatError that names the record which holds half a character."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = f"U+{ord(text[error.start]):04X}"
        raise FormatError(
            f"Record {number}{place}: half a character ({code}, a lone surrogate) can't be written as UTF-8."
        ) from error


Output = BinaryIO
