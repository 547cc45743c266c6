"""What a file's bytes are: its encoding, its byte order mark, and what is no text at all."""

import codecs
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from annotation.formats.byte_blocks import byte_blocks, file_chunks
from annotation.formats.letters import latin_encoding
from annotation.formats.rows import MAX_RECORD, FormatError

_SAMPLE = 256 * 1024
_ENOUGH_BAD_LINES = 2_000
_ENOUGH_CONTROLS = 16
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r")) + b"\x7f"

# What a file may be written in, by Python's names; offered in the import form. All but UTF-16 and UTF-32 keep the bytes
# of line ends to themselves, so that lines can be cut before they are decoded.
ENCODINGS: tuple[str, ...] = (
    *("utf_8", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be", "ascii", "latin_1"),
    *(
        "cp1252",
        "cp1250",
        "cp1251",
        "cp1253",
        "cp1254",
        "cp1255",
        "cp1256",
        "cp1257",
        "iso8859_2",
        "iso8859_5",
        "iso8859_7",
    ),
    *("iso8859_9", "iso8859_15", "koi8_r", "koi8_u", "mac_roman", "cp437", "cp850", "cp852", "cp866"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949", "euc_kr"),
)
_GUESSABLE = [name for name in ENCODINGS if not name.startswith(("utf_", "ascii", "latin_1"))]
_WIDE = ("utf_16", "utf_32")

_BOMS = (
    (codecs.BOM_UTF8, "utf_8"),
    (codecs.BOM_UTF32_LE, "utf_32_le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf_32_be"),
    (codecs.BOM_UTF16_LE, "utf_16_le"),
    (codecs.BOM_UTF16_BE, "utf_16_be"),
)
_NOT_TEXT = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive; unpack it, or save the sheet as “CSV UTF-8”"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls); save the sheet as “CSV UTF-8”"),
    (b"\x1f\x8b", "compressed by gzip; unpack it first"),
    (b"BZh", "compressed by bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed by xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
    (b"%PDF-", "a PDF"),
    (b"SQLite format 3\0", "an SQLite database; export the table as CSV"),
    (b"PAR1", "a Parquet file; choose the format “parquet”"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes become text. `skip` is the length of the byte order mark."""

    name: str
    skip: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def wide(self) -> bool:
        """Whether a line end is more than one byte."""
        return self.name.startswith(_WIDE)


# ----------------------------------------------------------------------------------------------------------- encoding
def find_encoding(path: Path, given: str | None = None) -> Encoding:
    """The encoding of a file, found in this order: a byte order mark, the caller's word, UTF-16 by its zeros, UTF-8, a guess.

    UTF-8 is checked strictly to the file's end (about a second a gigabyte), since the first accent may stand in the last
    line. Where that fails, lines decide: if more of those that hold non-ASCII bytes are UTF-8 than not, the file is UTF-8
    with broken rows; else the letters in those lines decide (`_guess`). A guess is always a warning. Raises FormatError for an
    empty file, an unknown name, and files that are no text.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    if len(head) < _SAMPLE and not head.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise FormatError(f"{path.name} is empty: it holds no rows.")
    for magic, what in _NOT_TEXT:
        if head.startswith(magic):
            raise FormatError(f"{path.name} is not a text file but {what}.")
    wanted = named_encoding(given) if given else None
    for mark, name in _BOMS:
        if head.startswith(mark):
            return _agreeing(name, len(mark), wanted)
    if wanted:
        return Encoding(wanted)
    if wide := _wide_without_mark(head):
        return Encoding(wide, warnings=(f"The file has no byte order mark; read as {wide} because of its zero bytes.",))
    if (controls := len(head) - len(head.translate(None, _CONTROLS))) > max(_ENOUGH_CONTROLS, len(head) // 20):
        raise FormatError(
            f"{path.name} is not a text file: {controls:,} of its first {len(head):,} bytes are control characters. "
            "Save it as “CSV UTF-8”, or choose its encoding if it is text all the same."
        )
    first_error = _first_error(path)
    if first_error is None:
        return Encoding("utf_8")
    return _judge_by_lines(path, first_error)


def named_encoding(given: str) -> str:
    """The name among ENCODINGS of what may be called `UTF-8` or `windows-1252`, too. Raises FormatError."""
    try:
        canonical = codecs.lookup(given).name
    except LookupError:
        canonical = ""
    for name in ENCODINGS:
        if codecs.lookup(name).name == canonical:
            return name
    if canonical == "utf-8-sig":
        return "utf_8"
    raise FormatError(f"“{given}” is not an encoding we read. Choose one of {', '.join(ENCODINGS)}.")


def _agreeing(name: str, skip: int, wanted: str | None) -> Encoding:
    if wanted is None or name.startswith(wanted):
        return Encoding(name, skip)
    warning = f"The file's byte order mark says {name}, so it is read as that and not as {wanted}."
    return Encoding(name, skip, (warning,))


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 by its zeros: text of a Latin script has one in every second byte, all on the same side."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    many = len(head) // 5
    if odd > many and even * 20 < odd:
        return "utf_16_le"
    if even > many and odd * 20 < even:
        return "utf_16_be"
    return None


def _first_error(path: Path) -> int | None:
    """The offset of the first byte that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = pending = 0
    try:
        for chunk in file_chunks(path, 0):
            if pending or not chunk.isascii():
                decoder.decode(chunk)
                pending = len(decoder.getstate()[0])
            offset += len(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return offset - pending + error.start
    return None


def _judge_by_lines(path: Path, first_error: int) -> Encoding:
    good = bad = 0
    sample = bytearray()
    lines = (line for _, block, _ in byte_blocks(file_chunks(path, 0), MAX_RECORD) for line in block.splitlines())
    for line in lines:
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            good += 1
        except UnicodeDecodeError:
            bad += 1
            if len(sample) < _SAMPLE:
                sample += line[:10_000] + b"\n"
            if bad >= _ENOUGH_BAD_LINES:
                break
    if good >= bad:
        return Encoding(
            "utf_8", warnings=(f"{bad:,} line(s) are not UTF-8 like the rest, first at byte {first_error:,}.",)
        )
    name = _guess(bytes(sample))
    found = f"The file is not UTF-8 (first at byte {first_error:,}); read as {name}, a guess by its letters. Check its accents; if they are wrong, choose the encoding or save the file as UTF-8."
    mixed = (f"{good:,} line(s) look like UTF-8 among the others: the file mixes encodings.",) if good else ()
    return Encoding(name, warnings=(found, *mixed))


def _guess(sample: bytes) -> str:
    """The likeliest encoding: of a Latin text by the letters that languages have, of others charset-normalizer's.

    charset-normalizer tells scripts well, but of Latin texts it takes what gives any letters: Swedish å in cp1252 for ĺ in cp1250.
    """
    if latin := latin_encoding(sample):
        return latin
    best = from_bytes(sample, cp_isolation=_GUESSABLE).best()
    if best is None:
        return _fallback(sample)
    # Which of several that give the same text is meant can't be known, and does not matter.
    alike = {best.encoding, *best.could_be_from_charset}
    return "cp1252" if "cp1252" in alike else str(best.encoding)


def _fallback(sample: bytes) -> str:
    try:
        sample.decode("cp1252")
    except UnicodeDecodeError:
        return "latin_1"  # knows every byte
    return "cp1252"
