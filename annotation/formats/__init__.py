"""Files in and out: a registry of formats, one module per member (to add a format, add a file with a `FORMAT`).

    reader = read("tickets.csv", required=["question"])
    reader.detected              # format, encoding, delimiter, columns, warnings
    for row in reader: ...       # Row(number, values) or RowError(row, field, reason, raw)

    write("train.jsonl", "openai-chat", records)

Django-free. Readers stream: memory does not grow with the file.
"""

import os
import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Literal, cast, overload
from uuid import uuid4

from annotation.formats.csv import DELIMITERS
from annotation.formats.objects import first_object
from annotation.formats.physical import ENCODINGS, named_encoding
from annotation.formats.rows import (
    FOUND_OUT,
    MAX_FIELD,
    MAX_RECORD,
    Detected,
    Format,
    FormatError,
    Output,
    ReadAs,
    Reader,
    Record,
    Row,
    RowError,
)

__all__ = [
    "DELIMITERS", "ENCODINGS", "FOUND_OUT", "MAX_FIELD", "MAX_RECORD", "Detected", "FormatError", "ReadAs", "Reader", "Record", "Row", "RowError",
    "describe", "detect_format", "member", "named_encoding", "names", "read", "read_as", "write",
]  # fmt: skip


_HEAD = 1 << 20  # bytes that tell the format: a task of Label Studio is long


@cache
def _registry() -> dict[str, Format]:
    modules = (import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    members = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {one.name: one for one in sorted(members, key=lambda one: one.name)}


def names(direction: Literal["read", "write"] | None = None) -> list[str]:
    """The formats' names, sorted; those that can be read or written only, if asked for."""
    return [name for name, one in _registry().items() if direction is None or getattr(one, direction) is not None]


@overload
def describe() -> dict[str, str]: ...


@overload
def describe(name: str) -> str: ...


def describe(name: str | None = None) -> str | dict[str, str]:
    """A format in one line, for menus and documentation; without a name all formats by name, as the other registries give them.

    Raises FormatError for a name that nobody has.
    """
    if name is None:
        return {one.name: one.summary for one in _registry().values()}
    return member(name).summary


def member(name: str) -> Format:
    """All that is known of a format. Raises FormatError for a name that nobody has."""
    found = _registry().get(name)
    if found is None:
        raise FormatError(f"There is no format “{name}”. Known: {', '.join(names())}.")
    return found


def read(path: str | os.PathLike[str], format: str | None = None, **options: object) -> Reader:
    """Open `path` for reading; the format is found by name and content when not given.

    Options are the reader's own (`encoding`, `delimiter`, `columns`, `required`, `nested`, `max_field`, `max_record`).
    Raises FormatError for what concerns the whole file; faults of single rows come as RowError while iterating.
    """
    file = Path(path)
    if not file.is_file():
        raise FormatError(f"{file} is not there, or is not a file.")
    name = format or detect_format(file)
    found = member(name)
    if found.read is None:
        raise FormatError(f"“{name}” can only be written. Formats that can be read: {', '.join(names('read'))}.")
    return found.read(file, **options)


def read_as(path: str | os.PathLike[str], how: ReadAs) -> Reader:
    """Open `path` as it was asked for; a choice that the format has not (a delimiter of JSON) makes no difference."""
    name = how.format or detect_format(Path(path))
    chosen = {choice: getattr(how, choice) for choice in member(name).choices if getattr(how, choice)}
    return read(path, name, **chosen)


def write(path: str | os.PathLike[str], format: str, records: Iterable[Record], **options: object) -> int:
    """Write records to `path`, all or nothing, and return how many; a file that is there is replaced at the end.

    What a record has to be says `member(format).takes`. The file is written
    beside its place, synced and renamed, so that nobody ever sees half of it. Raises FormatError with the record's number.
    """
    found = member(format)
    if found.write is None:
        raise FormatError(f"“{format}” can only be read. Formats that can be written: {', '.join(names('write'))}.")
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    try:
        with unfinished.open("xb") as output:
            count = found.write(cast(Output, output), records, **options)
            output.flush()
            os.fsync(output.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def detect_format(path: Path) -> str:
    """The format of a file by what it begins with, and where that is open, by its name. CSV is what all else is.

    `.txt` says nothing: what begins as JSON there is JSON. JSON that begins with another program's object is that program's export.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"PAR1") and "parquet" in names("read"):
        return "parquet"
    suffix = path.suffix.lower()
    by_suffix = next((name for name in names("read") if suffix in member(name).suffixes), None)
    if by_suffix not in (None, "json", "jsonl"):
        return by_suffix
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if program := _program(text):
        return program
    if by_suffix == "jsonl":
        return by_suffix
    if text.startswith(b"["):
        return "json"
    if text.startswith(b"{"):
        return "jsonl"
    return by_suffix or "csv"


def _program(text: bytes) -> str | None:
    """The program whose export begins like this; None where the first object is no program's, or too large to tell."""
    first = first_object(text.decode("utf-8", "ignore"))
    if first is None:
        return None
    return next((name for name, one in _registry().items() if one.recognises and one.recognises(first)), None)
