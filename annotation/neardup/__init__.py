"""Near-duplicates by an exact join: every pair of texts whose character 5-gram sets overlap enough, and no other.

    near_duplicates(texts)                     # [(i, j, jaccard)], i < j
    near_duplicates_between(train, test)       # [(i, j, jaccard)], i of the first, j of the second: what leaked
    clusters(texts)                            # [[i, j, k], …]: texts that are near, also through others
    expected_memory(texts)                     # bytes, told before anything is done

A text shorter than five characters is its own only gram, so it is near only to its equals. Nothing is normalised: pass
`normalise_prompt(text)` to look past case and punctuation. Django-free; how the join works is told in `join`. MinHash, as in
datasketch, is slower than this and misses some.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from annotation.neardup.grams import GRAM, Integers, gram_sets, ranges
from annotation.neardup.join import Near, near_sets

__all__ = ["GRAM", "clusters", "expected_memory", "near_duplicates", "near_duplicates_between"]

_BYTES_A_CHARACTER = 15  # measured: 12, 250 per text and 90 MB, up to half a million texts; told is a quarter more
_BYTES_A_TEXT = 350
_BYTES_AT_LEAST = 120_000_000


def near_duplicates(texts: Sequence[str], threshold: float = 0.8) -> list[tuple[int, int, float]]:
    """All (i, j, jaccard) with i < j and Jaccard of character 5-gram sets ≥ `threshold`, ascending by (i, j).

    threshold: above 0, at most 1; ValueError else. The lower, the longer it takes: below about 0.5 nearly all texts share a
    gram that is rare enough. Memory: see `expected_memory`, and what the list of pairs takes; a text that occurs a thousand
    times is half a million pairs (`clusters` does not spell them out).
    """
    _check(threshold)
    distinct = _Distinct(texts)
    near = distinct.near(threshold)
    one, other = distinct.members.pairs_of(near.larger, near.smaller)
    twin_one, twin_other = distinct.members.pairs_within()
    jaccard = np.repeat(near.jaccard, distinct.members.count[near.larger] * distinct.members.count[near.smaller])
    return _listed(
        np.concatenate([np.minimum(one, other), twin_one]),
        np.concatenate([np.maximum(one, other), twin_other]),
        np.concatenate([jaccard, np.ones(len(twin_one))]),
    )


def near_duplicates_between(
    left: Sequence[str], right: Sequence[str], threshold: float = 0.8
) -> list[tuple[int, int, float]]:
    """All (i, j, jaccard) of a text of `left` and one of `right` that are near, ascending: what leaked from one into the other.

    i counts in left, j in right; equal texts are near with 1.0. Pairs within either are not looked for. threshold and memory as
    for `near_duplicates`.
    """
    _check(threshold)
    distinct = _Distinct([*left, *right])
    ours, theirs = distinct.split(len(left))
    sides = ((ours.count > 0) + 2 * (theirs.count > 0)).astype(np.uint8)
    near = distinct.near(threshold, sides)
    equal = np.flatnonzero(sides == 3)
    # A pair of texts stands for up to two: one may be in left and the other in right, and the other way round.
    one = np.concatenate([near.larger, near.smaller, equal])
    other = np.concatenate([near.smaller, near.larger, equal])
    jaccard = np.concatenate([near.jaccard, near.jaccard, np.ones(len(equal))])
    i, j = ours.pairs_of(one, other, theirs)
    return _listed(i, j - len(left), np.repeat(jaccard, ours.count[one] * theirs.count[other]))


def clusters(texts: Sequence[str], threshold: float = 0.8) -> list[list[int]]:
    """Groups of two texts or more that are near, also through others (connected components); each ascending, by first member.

    threshold and memory as for `near_duplicates`.
    """
    _check(threshold)
    distinct = _Distinct(texts)
    near = distinct.near(threshold)
    size = len(distinct.texts)
    links = sparse.coo_array(
        (np.ones(len(near.larger), dtype=np.int8), (near.larger, near.smaller)), shape=(size, size)
    )
    _, component = sparse.csgraph.connected_components(links, directed=False)
    found: dict[int, list[int]] = {}
    for text, number in enumerate(component[distinct.number].tolist() if size else []):
        found.setdefault(number, []).append(text)
    return [members for members in found.values() if len(members) > 1]


def expected_memory(texts: Sequence[str]) -> int:
    """Bytes that the join of these texts takes at most, besides the texts and the pairs that it gives.

    Measured at threshold 0.8; a lower one takes more, as a text is then asked with more grams.
    """
    return _BYTES_AT_LEAST + _BYTES_A_TEXT * len(texts) + _BYTES_A_CHARACTER * sum(map(len, texts))


def _check(threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise ValueError(f"the threshold is above 0 and at most 1, not {threshold}")


def _listed(i: Integers, j: Integers, jaccard: npt.NDArray[np.float64]) -> list[tuple[int, int, float]]:
    by_pair = np.lexsort((j, i))
    return list(zip(i[by_pair].tolist(), j[by_pair].tolist(), jaccard[by_pair].tolist(), strict=True))


class _Members:
    """Which texts each distinct text stands for: those of `text` from `start` on, as many as `count`."""

    def __init__(self, text: Integers, number: Integers, size: int) -> None:
        self.text = text[np.argsort(number, kind="stable")]
        self.count: Integers = np.bincount(number, minlength=size)
        self.start: Integers = np.cumsum(self.count) - self.count

    def pairs_of(self, one: Integers, other: Integers, members: "_Members | None" = None) -> tuple[Integers, Integers]:
        """Every text of one with every text of other, for each pair of distinct texts; others' texts out of `members`."""
        second = members or self
        partners = np.repeat(second.count[other], self.count[one])
        first = self.text[ranges(self.start[one], self.count[one])]
        starts = np.repeat(second.start[other], self.count[one])
        return np.repeat(first, partners), second.text[ranges(starts, partners)]

    def pairs_within(self) -> tuple[Integers, Integers]:
        """Every two texts that are equal, the first before the second."""
        later = np.repeat(self.start + self.count, self.count) - np.arange(len(self.text)) - 1
        return np.repeat(self.text, later), self.text[ranges(np.arange(1, len(self.text) + 1), later)]


class _Distinct:
    """Each text once: equal texts are near without a join, and as one they are joined once."""

    def __init__(self, texts: Sequence[str]) -> None:
        known: dict[str, int] = {}
        self.number: Integers = np.array([known.setdefault(text, len(known)) for text in texts], dtype=np.int64)
        self.texts = list(known)
        self.members = _Members(np.arange(len(texts)), self.number, len(self.texts))

    def near(self, threshold: float, sides: npt.NDArray[np.uint8] | None = None) -> Near:
        """The near pairs by the numbers of the distinct texts."""
        if len(self.texts) < 2:
            none = np.empty(0, dtype=np.int64)
            return Near(none, none, np.empty(0))
        sets = gram_sets(self.texts)
        near = near_sets(sets, threshold, None if sides is None else sides[sets.order])
        return Near(sets.order[near.larger], sets.order[near.smaller], near.jaccard)

    def split(self, at: int) -> tuple[_Members, _Members]:
        """The members before text `at`, and those from it on."""
        text = np.arange(len(self.number))
        size = len(self.texts)
        return _Members(text[:at], self.number[:at], size), _Members(text[at:], self.number[at:], size)
