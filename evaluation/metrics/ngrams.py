"""Clipped n-gram matches of many pairs at once: the counting behind BLEU and chrF.

Of a pair, each n-gram matches as often as the side that has it less often. Instead of a counter per text, all n-grams of an
order are written as whole numbers (which pair, which n-gram, which side) and sorted once: equal ones then lie together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import chain, islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Symbols = TypeVar("Symbols", bound=Sequence[Hashable])
# Sequences -> the symbols of all of them, one after another, numbered from 0; and how many different ones there are.
Encode = Callable[[Sequence[Symbols]], tuple[Ints, int]]

CHUNK = 1 << 17  # symbols a chunk: its arrays stay in the processor's cache
WIDTH = 63  # bits of a whole number without its sign


def clipped_matches(
    predicted: Sequence[Symbols], references: Sequence[Symbols], order: int, encode: Encode[Symbols]
) -> Ints:
    """Matched n-grams of each pair, shape (pairs, order): column n - 1 holds those of length n.

    encode: `characters` of strings or `words` of lists
    """
    matches = np.zeros((len(predicted), order), dtype=np.int64)
    start, held = 0, 0
    for end, (one, other) in enumerate(zip(predicted, references, strict=True), 1):
        held += len(one) + len(other)
        if held >= CHUNK or end == len(predicted):
            matches[start:end] = _matches(predicted[start:end], references[start:end], order, encode)
            start, held = end, 0
    return matches


def characters(texts: Sequence[str]) -> tuple[Ints, int]:
    """Code points, numbered in their order."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    present = np.zeros(int(points.max(initial=0)) + 1, dtype=np.int64)
    present[points] = 1
    return (np.cumsum(present) - 1)[points], int(present.sum())


class _Vocabulary(dict[str, int]):
    """A number for each word, in the order of their first appearance."""

    def __missing__(self, word: str) -> int:
        self[word] = len(self)
        return self[word]


def words(texts: Sequence[Sequence[str]]) -> tuple[Ints, int]:
    """Words, numbered in the order of their first appearance."""
    vocabulary = _Vocabulary()
    numbers = np.fromiter(map(vocabulary.__getitem__, chain.from_iterable(texts)), dtype=np.int64)
    return numbers, len(vocabulary)


def _matches(predicted: Sequence[Symbols], references: Sequence[Symbols], order: int, encode: Encode[Symbols]) -> Ints:
    pairs, both = len(predicted), [*predicted, *references]
    symbols, alphabet = encode(both)
    bits = max(alphabet - 1, 1).bit_length()
    if order * bits + pairs.bit_length() + 1 > WIDTH:
        if pairs == 1:
            return np.array([[_counted(predicted[0], references[0], n) for n in range(1, order + 1)]])
        half = pairs // 2
        parts = (slice(half), slice(half, pairs))
        return np.concatenate([_matches(predicted[part], references[part], order, encode) for part in parts])

    lengths = np.fromiter(map(len, both), dtype=np.int64, count=2 * pairs)
    owner = np.repeat(np.arange(2 * pairs), lengths)
    to_end = np.repeat(np.cumsum(lengths), lengths) - np.arange(
        len(symbols)
    )  # how long an n-gram may be that begins here
    pair, side = owner % pairs, owner // pairs
    matches = np.zeros((pairs, order), dtype=np.int64)
    grams = symbols
    for n in range(1, order + 1):
        if n > 1:
            grams = (grams[:-1] << bits) | symbols[n - 1 :]
        last = len(grams)
        key = (pair[:last] << (n * bits + 1)) | (grams << 1) | side[:last]
        ordered = np.sort(key[to_end[:last] >= n])
        if len(ordered) == 0:
            break
        gram = ordered >> 1
        starts = np.concatenate([[0], np.flatnonzero(gram[1:] != gram[:-1]) + 1])
        of_reference = np.add.reduceat(ordered & 1, starts)
        of_both = np.diff(starts, append=len(ordered))
        clipped = np.minimum(of_reference, of_both - of_reference)
        matches[:, n - 1] = np.bincount(gram[starts] >> (n * bits), weights=clipped, minlength=pairs)
    return matches


def _counted(predicted: Sequence[Hashable], reference: Sequence[Hashable], n: int) -> int:
    """The same of one pair by counters, for alphabets that no whole number holds."""

    def grams(symbols: Sequence[Hashable]) -> Counter[tuple[Hashable, ...]]:
        return Counter(zip(*(islice(symbols, start, None) for start in range(n)), strict=False))

    return (grams(predicted) & grams(reference)).total()
