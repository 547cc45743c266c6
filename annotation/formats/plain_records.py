"""Many records of a delimited file at once: where quotes stand as RFC 4180 has them, numpy finds where cells begin and end.

Exactly what `csv.reader` gives in its strict mode, or nothing: with any doubt the block is read record by record.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_QUOTE, _LF, _CR = ord('"'), ord("\n"), ord("\r")

_Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PlainRecords:
    """Records that all have as many cells as there are columns, out of `text`. lines: on which each starts."""

    text: str
    records: Iterator[tuple[str, ...]]
    lines: Sequence[int]
    end: int  # of the last record in the text
    line_count: int  # up to there


def plain_records(text: str, delimiter: str, width: int, first_line: int) -> PlainRecords | None:
    """The records of whole lines, up to the last that ends in them; None where one has not `width` cells, or a quote is astray."""
    if text.count("\r") != text.count("\r\n"):
        return None
    signs = _signs(text)
    quotes = np.flatnonzero(signs == _QUOTE)
    breaks = np.flatnonzero((signs == ord(delimiter)) | (signs == _LF))
    breaks = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
    last = np.flatnonzero(signs[breaks] == _LF)
    breaks = breaks[: last[-1] + 1] if len(last) else breaks[:0]
    if not len(breaks) or not np.array_equal(last, np.arange(width - 1, len(breaks), width)):
        return None
    end = int(breaks[-1]) + 1
    if not _are_in_place(signs, quotes[: np.searchsorted(quotes, end)], ord(delimiter)):
        return None

    starts = np.concatenate([[0], breaks[:-1] + 1])
    ends = breaks - ((breaks > starts) & (signs[breaks - 1] == _CR))
    if width == 1 and (starts == ends).any():
        return None  # a blank line is no record
    cells = [text[start:stop] for start, stop in zip(starts.tolist(), ends.tolist(), strict=True)]
    for at in np.flatnonzero(signs[starts] == _QUOTE).tolist():
        inner = cells[at][1:-1]
        cells[at] = inner.replace('""', '"') if '"' in inner else inner
    line_ends = np.flatnonzero(signs[:end] == _LF)
    count = len(last)
    lines = first_line + (np.arange(count) if len(line_ends) == count else np.searchsorted(line_ends, starts[::width]))
    return PlainRecords(text, zip(*[iter(cells)] * width, strict=True), lines.tolist(), end, len(line_ends))


def _signs(text: str) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint32]:
    """The text's code points, in a byte each where that is enough."""
    try:
        return np.frombuffer(text.encode("latin-1"), dtype=np.uint8)
    except UnicodeEncodeError:
        return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _are_in_place(signs: npt.NDArray[np.uint8] | npt.NDArray[np.uint32], quotes: _Places, delimiter: int) -> bool:
    """Whether every quote that opens stands at a cell's beginning and every one that closes at its end, but for doubled ones."""
    opening, closing = quotes[::2], quotes[1::2]
    doubled = opening[1:] == closing[:-1] + 1
    before, after = signs[opening - 1], signs[closing + 1]
    begins = (before == delimiter) | (before == _LF) | (opening == 0)
    ends = (after == delimiter) | (after == _LF) | (after == _CR)
    begins[1:] |= doubled
    ends[:-1] |= doubled
    return bool(begins.all() and ends.all())
