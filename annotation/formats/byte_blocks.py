"""A file's bytes in blocks of whole lines, so that what follows works on half a megabyte at a time and never on more."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

_CHUNK = 1 << 19
_LINE_END = re.compile(rb"[\r\n]")


def file_chunks(path: Path, skip: int) -> Iterator[bytes]:
    """The bytes of a file from `skip` on."""
    with path.open("rb") as file:
        file.seek(skip)
        yield from iter(partial(file.read, _CHUNK), b"")


def byte_blocks(chunks: Iterator[bytes], max_bytes: int) -> Iterator[tuple[int, bytes, bool]]:
    """(offset, whole lines with their ends, False), at most `max_bytes` together; or of a line above that (offset, its first
    `max_bytes` + 1 bytes, True), the rest of which is dropped and never held.

    Lines end with LF, CR LF or CR. The last one need not have an end.
    """
    offset, rest, skipping = 0, b"", False
    for chunk in chunks:
        block = rest + chunk
        if skipping:
            end = _LINE_END.search(block)
            if end is None:
                offset, rest = offset + len(block), b""
                continue
            # What is left begins with the end of the skipped line; as a line of its own it is dropped below.
            offset, block = offset + end.start(), block[end.start() :]
        # A CR at the block's end may be the first half of CR LF, so it waits.
        cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
        whole, rest = block[:cut], block[cut:]
        if skipping and whole:
            end_of_skipped = len(whole.splitlines(keepends=True)[0])
            offset, whole, skipping = offset + end_of_skipped, whole[end_of_skipped:], False
        yield from _bounded(offset, whole, max_bytes)
        offset += len(whole)
        if len(rest) > max_bytes and not skipping:
            yield offset, rest[: max_bytes + 1], True
            kept = rest[-1:] if rest.endswith(b"\r") else b""
            offset, rest, skipping = offset + len(rest) - len(kept), kept, True
    if rest and not skipping:
        yield offset, rest, False


def _bounded(offset: int, whole: bytes, max_bytes: int) -> Iterator[tuple[int, bytes, bool]]:
    """A block as it is where it is small enough, else line by line."""
    if len(whole) <= max_bytes:
        if whole:
            yield offset, whole, False
        return
    for line in whole.splitlines(keepends=True):
        is_long = len(line) > max_bytes
        yield offset, line[: max_bytes + 1], is_long
        offset += len(line)
