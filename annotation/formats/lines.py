"""A file's text: in blocks of whole physical lines, or in pieces."""

import codecs
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from annotation.formats.byte_blocks import byte_blocks, file_chunks
from annotation.formats.physical import Encoding
from annotation.formats.rows import MAX_RECORD, FormatError


@dataclass(frozen=True, slots=True)
class BadLine:
    """A physical line that can't be taken as it stands: its text as far as it can be shown, and why.

    `cut`: the line is too long, and `text` is only its beginning.
    """

    text: str
    reason: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Physical lines that follow each other, with their ends. `text`: all of them; None where one is no text."""

    text: str | None
    _faulty: tuple[str | BadLine, ...] = ()

    @classmethod
    def of(cls, lines: Iterable[str | BadLine]) -> "TextBlock":
        """A block of given lines."""
        return cls(None, tuple(lines))

    def lines(self) -> list[str | BadLine]:
        """The lines, whose ends are LF, CR LF or CR and nothing else that Unicode calls an end."""
        return list(self._faulty) if self.text is None else list(io.StringIO(self.text, newline=""))


def text_blocks(path: Path, encoding: Encoding, max_bytes: int = MAX_RECORD) -> Iterator[TextBlock]:
    """The file's lines. One that is not of the encoding is a BadLine with the offset of the byte; one longer than `max_bytes` is
    skipped, never held. Raises FormatError where UTF-16 or UTF-32 breaks off.
    """
    if encoding.wide:
        chunks, codec, skip = _transcoded(path, encoding), "utf_8", None
    else:
        chunks, codec, skip = file_chunks(path, encoding.skip), encoding.name, encoding.skip
    for offset, data, is_cut in byte_blocks(chunks, max_bytes):
        if is_cut:
            reason = f"the line is longer than {max_bytes:,} bytes; a line end or a closing quote is probably missing"
            yield TextBlock(None, (BadLine(data[:1000].decode(codec, "replace"), reason, True),))
            continue
        try:
            yield TextBlock(data.decode(codec))
        except UnicodeDecodeError:
            start = None if skip is None else skip + offset
            yield TextBlock(None, tuple(_lines_one_by_one(data, codec, start, encoding.name)))


def text_lines(path: Path, encoding: Encoding, max_bytes: int = MAX_RECORD) -> Iterator[str | BadLine]:
    """The lines of `text_blocks` one by one."""
    return chain.from_iterable(block.lines() for block in text_blocks(path, encoding, max_bytes))


def _lines_one_by_one(data: bytes, codec: str, start: int | None, name: str) -> Iterator[str | BadLine]:
    """The lines of a block of which one is not of its encoding. start: the block's place in the file, None if that says nothing."""
    offset = start
    for line in data.splitlines(keepends=True):
        try:
            yield line.decode(codec)
        except UnicodeDecodeError as error:
            place = "" if offset is None else f" (byte {offset + error.start:,} of the file)"
            reason = (
                f"byte 0x{line[error.start]:02X} at position {error.start + 1:,} of the line{place} is not {name}; "
                "save the file as UTF-8, or choose its encoding"
            )
            yield BadLine(line.decode(codec, "backslashreplace"), reason)
        if offset is not None:
            offset += len(line)


def text_chunks(path: Path, encoding: Encoding) -> Iterator[str]:
    """The file's text in pieces of some hundred kilobytes. Raises FormatError with the byte's offset where it is not text."""
    decoder = codecs.getincrementaldecoder(encoding.name)()
    offset = encoding.skip
    pending = 0
    for chunk in _with_end(file_chunks(path, encoding.skip)):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            at = offset - pending + error.start
            raise FormatError(
                f"{path.name}: byte {at:,} is not {encoding.name}; save the file as UTF-8, or choose its encoding."
            ) from error
        pending = len(decoder.getstate()[0])
        offset += len(chunk)
        if text:
            yield text


def _with_end(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from chunks
    yield b""


def _transcoded(path: Path, encoding: Encoding) -> Iterator[bytes]:
    """UTF-16 and UTF-32 as UTF-8; a lone surrogate goes through, to be found in its line."""
    decoder = codecs.getincrementaldecoder(encoding.name)("surrogatepass")
    try:
        for chunk in _with_end(file_chunks(path, encoding.skip)):
            yield decoder.decode(chunk, final=not chunk).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path.name} breaks off or is not {encoding.name} ({error.reason}). Save it anew as UTF-8."
        ) from error
