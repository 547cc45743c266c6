"""The exact join of sets: every pair whose Jaccard is the threshold or more, and no other.

Three filters that lose nothing, each cheaper for a pair than the next, and then the exact quotient:

1. Prefixes (Chaudhuri, Ganti, Kaushik 2006; AllPairs, Bayardo et al. 2007; PPJoin, Xiao et al. 2008). Order the grams of each
   set from rare to common. Two sets with a Jaccard of t or more have one of their rarest few in common.
2. Sizes: the smaller has at least t times as many grams as the larger.
3. Parities (bitmaps, Sandes et al. 2020). Each gram flips one bit of a few words; the bits in which two sets differ are at most
   as many as the grams in which they differ, of which a near pair has at most (1 − t) / (1 + t) of both sizes.

The order of grams is by buckets of a hash, and hashes may collide. That only makes two grams equally rare, or shows a filter a
pair too many: the proof of (1) holds for every order with ties where tied grams count as one.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from annotation.neardup.grams import Codes, GramSets, Integers, ranges, rows_of_equal_size

_MEETINGS_AT_ONCE = 1 << 18  # pairs that share a rare gram, looked at together: 2 MB per array
_COMPARED_AT_ONCE = 1 << 21  # grams of pairs laid side by side
_COUNTED_AT_ONCE = 1 << 23  # grams whose buckets are counted in one go, as a count goes over all buckets
_HASH_BITS = 44
_MOST_BUCKET_BITS = 22
_MOST_WORDS = 16
_BITS_A_WORD_TELLS = 20  # of 64 that two unlike sets make differ, nearly always more
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying is one to one (Fibonacci hashing)
_SLACK = 1e-9  # bounds are rounded to the safe side of floating point; the last test is the exact quotient


@dataclass(frozen=True, slots=True)
class Near:
    """Pairs of sets by their places: `larger` > `smaller`, each pair once, and the Jaccard of each."""

    larger: Integers
    smaller: Integers
    jaccard: npt.NDArray[np.float64]


def near_sets(sets: GramSets, threshold: float, sides: npt.NDArray[np.uint8] | None = None) -> Near:
    """The near pairs. sides: 1, 2 or 3 (both) per set; given, a pair has one set of each side."""
    prefixes = _Prefixes.of(sets, threshold)
    parities = _parities(sets, threshold)
    probes, found_by = prefixes.probes, prefixes.found_by
    if sides is None:
        pairs = _candidates(sets, probes, found_by, prefixes.bits, parities, threshold)
    else:
        probing, finding = (sides[_places(keys, prefixes.bits)] for keys in (probes, found_by))
        pairs = np.concatenate([
            _candidates(sets, probes[probing & one > 0], found_by[finding & other > 0], prefixes.bits, parities, threshold)
            for one, other in ((1, 2), (2, 1))
        ])  # fmt: skip
    larger, smaller = np.divmod(np.unique(pairs), len(sets.order))
    return _exact(sets, larger, smaller, threshold)


# ----------------------------------------------------------------------------------------------------------- prefixes
@dataclass(frozen=True, slots=True)
class _Prefixes:
    """The rarest grams, each as one ascending number of the gram's hash and, in the last `bits` bits, the place of its set.

    A set is asked with its |x| − ⌈t|x|⌉ + 1 rarest. One met by sets at least as large is found by its
    |y| − ⌈2t/(1+t)·|y|⌉ + 1 rarest (PPJoin, lemma 2).
    """

    probes: Codes
    found_by: Codes
    bits: int

    @classmethod
    def of(cls, sets: GramSets, threshold: float) -> "_Prefixes":
        bits = max(1, (len(sets.order) - 1).bit_length())
        rarity = _rarities(sets)
        probes, found_by = [], []
        for block, rows in rows_of_equal_size(sets):
            size = rows.shape[1]
            hashed = _mixed(rows)
            keys = rarity[_buckets(hashed, len(rarity))].astype(np.uint64)
            keys <<= np.uint64(_HASH_BITS)
            keys |= hashed >> np.uint64(64 - _HASH_BITS)
            keys.sort(axis=1)
            probe = _prefix_length(size, threshold)
            keys = keys[:, :probe] & np.uint64((1 << _HASH_BITS) - 1)
            if bits + _HASH_BITS > 64:
                keys >>= np.uint64(bits + _HASH_BITS - 64)
            keys <<= np.uint64(bits)
            keys |= np.arange(block.start, block.stop, dtype=np.uint64)[:, None]
            probes.append(keys.ravel())
            found_by.append(keys[:, : _prefix_length(size, 2 * threshold / (1 + threshold))].ravel())
        return cls(np.sort(np.concatenate(probes)), np.sort(np.concatenate(found_by)), bits)


def _prefix_length(size: int, share: float) -> int:
    return size - int(np.ceil(share * size - _SLACK)) + 1


def _mixed(codes: Codes) -> Codes:
    """Hashes of 64 bits whose upper bits depend on all of the code, different for different codes."""
    return (codes ^ (codes >> np.uint64(32))) * _MULTIPLIER


def _rarities(sets: GramSets) -> npt.NDArray[np.uint32]:
    """How many grams fall into each bucket of the hash, at most as much as the upper bits of a key hold."""
    counts = np.zeros(1 << min(_MOST_BUCKET_BITS, len(sets.codes).bit_length()), dtype=np.int64)
    for start in range(0, len(sets.codes), _COUNTED_AT_ONCE):
        buckets = _buckets(_mixed(sets.codes[start : start + _COUNTED_AT_ONCE]), len(counts))
        counts += np.bincount(buckets, minlength=len(counts))
    return np.minimum(counts, (1 << (64 - _HASH_BITS)) - 1).astype(np.uint32)


def _buckets(hashed: Codes, count: int) -> Integers:
    """The bucket of each hash by its upper bits; `count` is a power of two."""
    return (hashed >> np.uint64(65 - count.bit_length())).astype(np.int64)


def _places(keys: Codes, bits: int) -> Integers:
    return (keys & np.uint64((1 << bits) - 1)).astype(np.int64)


# ----------------------------------------------------------------------------------------------------------- parities
def _parities(sets: GramSets, threshold: float) -> list[Codes]:
    """Words of 64 bits, one number per set. As many words as can tell the differing grams that a near pair may have."""
    allowed = (1 - threshold) / (1 + threshold) * 2 * float(sets.sizes.mean())
    words = int(min(_MOST_WORDS, 1 + allowed // _BITS_A_WORD_TELLS))
    parities = [np.empty(len(sets.order), dtype=np.uint64) for _ in range(words)]
    for block, rows in rows_of_equal_size(sets):
        # Other bits of the hash than those that choose the buckets.
        hashed = _mixed(rows ^ np.uint64(0x5BF03635)) >> np.uint64(40)
        flipped = np.uint64(1) << (hashed & np.uint64(63))
        word = (hashed >> np.uint64(6)) % np.uint64(words)
        for number, parity in enumerate(parities):
            mine = flipped if words == 1 else np.where(word == number, flipped, np.uint64(0))
            parity[block] = np.bitwise_xor.reduce(mine, axis=1)
    return parities


# --------------------------------------------------------------------------------------------------------- candidates
def _candidates(
    sets: GramSets, probes: Codes, found_by: Codes, bits: int, parities: list[Codes], threshold: float
) -> Integers:
    """Pairs that pass the filters, each as larger · number of sets + smaller; some several times."""
    sizes = sets.sizes
    smallest = np.searchsorted(sizes, threshold * sizes - _SLACK).astype(
        np.uint64
    )  # the first set that is large enough
    place = _places(probes, bits)
    begin = np.searchsorted(found_by, probes - place.astype(np.uint64) + smallest[place])
    counts = (
        np.searchsorted(found_by, probes) - begin
    )  # sets before it in the order of sizes, so each pair is met once a gram
    some = counts > 0
    place, begin, counts = place[some], begin[some], counts[some]
    if not len(place):
        return np.empty(0, dtype=np.int64)

    finders = _places(found_by, bits)
    allowed = np.floor(2 * (1 - threshold) / (1 + threshold) * sizes + _SLACK).astype(np.int64)

    def survivors(block: slice) -> Integers:
        larger = np.repeat(place[block], counts[block])
        smaller = finders[ranges(begin[block], counts[block])]
        differing = np.zeros(len(larger), dtype=np.int64)
        for parity in parities:
            differing += np.bitwise_count(parity[larger] ^ parity[smaller])
            near = np.flatnonzero(differing <= allowed[larger])
            larger, smaller, differing = larger[near], smaller[near], differing[near]
        return np.unique(larger * len(sizes) + smaller)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy lets go of the interpreter's lock
        return np.concatenate(list(pool.map(survivors, _cut(counts, _MEETINGS_AT_ONCE))))


def _cut(counts: Integers, most: int) -> Iterator[slice]:
    """Runs whose counts sum to about `most`."""
    total = np.cumsum(counts)
    ends = np.unique(np.searchsorted(total, np.arange(most, total[-1] + most, most), side="left") + 1)
    ends = np.minimum(ends, len(counts))
    return (slice(start, end) for start, end in pairwise([0, *np.unique(ends).tolist()]))


# -------------------------------------------------------------------------------------------------------------- exact
def _exact(sets: GramSets, larger: Integers, smaller: Integers, threshold: float) -> Near:
    """Those of the pairs that reach the threshold, by the quotient itself."""
    sizes = sets.sizes
    total = sizes[larger] + sizes[smaller]
    by_total = np.argsort(total, kind="stable")
    larger, smaller, total = larger[by_total], smaller[by_total], total[by_total]
    common = np.empty(len(total), dtype=np.int64)
    for start, end in pairwise([0, *(np.flatnonzero(np.diff(total)) + 1).tolist(), len(total)] if len(total) else []):
        step = max(1, _COMPARED_AT_ONCE // int(total[start]))
        for begin in range(start, end, step):
            block = slice(begin, min(begin + step, end))
            common[block] = _shared(sets, larger[block], smaller[block])
    jaccard = common / (total - common)
    near = jaccard >= threshold
    return Near(larger[near], smaller[near], jaccard[near])


def _shared(sets: GramSets, larger: Integers, smaller: Integers) -> Integers:
    """How many grams the sets of each pair have in common; the sizes of each pair sum to the same."""
    both = np.stack([larger, smaller], axis=1).ravel()
    rows = sets.codes[ranges(sets.starts[both], sets.sizes[both])].reshape(len(larger), -1)
    rows.sort(axis=1)
    shared: Integers = (rows[:, 1:] == rows[:, :-1]).sum(axis=1)
    return shared
