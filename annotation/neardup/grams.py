"""Texts as sets of character 5-grams: each gram a number, equal for equal grams and for no others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GRAM = 5
_AT_ONCE = 1 << 20  # grams laid out at once: some 10 MB per array, so that the work stays in the processor's caches

Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class GramSets:
    """The sets of all texts one after another: set k is `codes[starts[k]:starts[k + 1]]`, ascending, no code twice.

    Sets stand in the order of their sizes. `order[k]` is the place of set k's text among the texts that were given.
    """

    codes: Codes
    starts: Integers
    order: Integers

    @property
    def sizes(self) -> Integers:
        """Grams of each set, ascending."""
        return np.diff(self.starts)


def gram_sets(texts: Sequence[str]) -> GramSets:
    """The sets of 5-grams. A text shorter than five characters is its own only gram, like no other text's."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    by_length = np.argsort(lengths, kind="stable")
    coder = _Coder(texts)
    codes = np.empty(int(np.maximum(lengths - GRAM + 1, 1).sum()), dtype=np.uint64)
    sizes = np.empty(len(texts), dtype=np.int64)
    filled = done = 0
    for block in _blocks(np.maximum(lengths[by_length], GRAM)):
        rows = coder.codes([texts[at] for at in by_length[block].tolist()])
        rows.sort(axis=1)
        first = np.ones(rows.shape, dtype=np.bool_)
        np.not_equal(rows[:, 1:], rows[:, :-1], out=first[:, 1:])
        kept = rows[first]
        codes[filled : filled + len(kept)] = kept
        sizes[done : done + len(rows)] = first.sum(axis=1)
        filled += len(kept)
        done += len(rows)
    return _by_size(codes[:filled], sizes, by_length)


def rows_of_equal_size(sets: GramSets) -> Iterator[tuple[slice, Codes]]:
    """Blocks of sets of one size: (which sets, their codes as a matrix sets × grams)."""
    for block in _blocks(sets.sizes):
        begin, end = int(sets.starts[block.start]), int(sets.starts[block.stop])
        yield block, sets.codes[begin:end].reshape(block.stop - block.start, -1)


def _blocks(sizes: Integers) -> Iterator[slice]:
    """Runs of equal numbers in an ascending list, each with at most some million grams together."""
    ends = [*(np.flatnonzero(np.diff(sizes)) + 1).tolist(), len(sizes)]
    start = 0
    for end in ends:
        step = max(1, _AT_ONCE // int(sizes[start]))
        for begin in range(start, end, step):
            yield slice(begin, min(begin + step, end))
        start = end


def _by_size(codes: Codes, sizes: Integers, order: Integers) -> GramSets:
    """Texts of one length are of several sizes where grams repeat: the sets are put in the order of their sizes, in place."""
    starts = np.concatenate([[0], np.cumsum(sizes)])
    by_size = np.argsort(sizes, kind="stable")
    moved = np.concatenate([[0], np.cumsum(sizes[by_size])])
    sorted_codes = np.empty_like(codes)
    at = 0
    while at < len(by_size):  # in runs of some million grams, so that the places need little memory
        end = max(at + 1, int(np.searchsorted(moved, moved[at] + _AT_ONCE, side="right")) - 1)
        sorted_codes[moved[at] : moved[end]] = codes[ranges(starts[by_size[at:end]], sizes[by_size[at:end]])]
        at = end
    return GramSets(sorted_codes, moved, order[by_size])


def ranges(starts: Integers, counts: Integers) -> Integers:
    """start, start + 1, … (as many as its count) for each start, one after another."""
    shift = starts - (np.cumsum(counts) - counts)
    places = np.repeat(shift, counts)
    places += np.arange(len(places), dtype=np.int64)
    return places


class _Coder:
    """Numbers grams. Exact: the five letters of a gram are the digits of its number, to the base of the alphabet's size.

    Where five digits do not fit in 64 bits (an alphabet of more than 7,130 letters: several scripts with Chinese among
    them), the first three letters and the last two are numbered by their ranks among those that occur.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        there = np.zeros(0x110000, dtype=np.bool_)
        for block in _joined(texts):
            there[_points(block)] = True
        highest = int(np.flatnonzero(there)[-1]) if there.any() else 0
        self._letter = np.cumsum(there[: highest + 1], dtype=np.uint32)  # from 1; 0 fills up short texts
        self._base = int(self._letter[-1]) + 1
        self._heads = self._tails = np.empty(0, dtype=np.uint64)
        if self._base**GRAM >= 1 << 64:
            self._heads, self._tails = self._numbered(texts)

    def _numbered(self, texts: Sequence[str]) -> tuple[Codes, Codes]:
        lengths = np.array([max(len(text), GRAM) for text in texts], dtype=np.int64)
        by_length = np.argsort(lengths, kind="stable")
        heads, tails = [], []
        for block in _blocks(lengths[by_length]):
            head, tail = self._parts([texts[at] for at in by_length[block].tolist()])
            heads.append(np.unique(head))
            tails.append(np.unique(tail))
        return np.unique(np.concatenate(heads)), np.unique(np.concatenate(tails))

    def codes(self, texts: Sequence[str]) -> Codes:
        """texts × grams; all texts are of one length, or all are shorter than a gram."""
        if not len(self._heads):
            return self._digits(self._letters(texts), 0, GRAM)
        head, tail = self._parts(texts)
        return (np.searchsorted(self._heads, head) * len(self._tails) + np.searchsorted(self._tails, tail)).astype(
            np.uint64
        )

    def _parts(self, texts: Sequence[str]) -> tuple[Codes, Codes]:
        letters = self._letters(texts)
        return self._digits(letters, 0, 3), self._digits(letters, 3, GRAM)

    def _letters(self, texts: Sequence[str]) -> npt.NDArray[np.uint32]:
        width = max(GRAM, len(texts[0]))
        lengths = [len(text) for text in texts]
        if min(lengths) == width:
            return self._letter[_points("".join(texts))].reshape(len(texts), width)
        letters = np.zeros((len(texts), width), dtype=np.uint32)
        filled = np.arange(width) < np.array(lengths)[:, None]
        letters[filled] = self._letter[_points("".join(texts))]
        return letters

    def _digits(self, letters: npt.NDArray[np.uint32], begin: int, end: int) -> Codes:
        count = letters.shape[1] - GRAM + 1
        codes = letters[:, begin : begin + count].astype(np.uint64)
        for digit in range(begin + 1, end):
            codes *= np.uint64(self._base)
            codes += letters[:, digit : digit + count]
        return codes


def _joined(texts: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(texts), 10_000):
        yield "".join(texts[start : start + 10_000])


def _points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
