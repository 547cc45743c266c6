"""Near-duplicates by an exact join: every pair of texts whose character 5-gram sets overlap enough, and no other.

Prefix filter (Chaudhuri, Ganti, Kaushik 2006; AllPairs, Bayardo et al. 2007; PPJoin, Xiao et al. 2008): order the grams of
each text from rare to common. If two sets have a Jaccard of t or more, the rarest few of the one meet the rarest few of
the other, so only texts that share one of those few are compared at all. MinHash is as fast and misses some.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

GRAM = 5
_CANDIDATES_AT_ONCE = 4_000_000  # entries of a block of the join: about 100 MB
_COMPARED_AT_ONCE = 100_000  # pairs whose grams are laid side by side
_SLACK = 1e-9  # bounds are rounded to the safe side of floating point; the last test is the exact quotient

_Integers = npt.NDArray[np.int64]


def near_duplicates(texts: Sequence[str], threshold: float = 0.8) -> list[tuple[int, int, float]]:
    """All (i, j, jaccard) with i < j and Jaccard of character 5-gram sets ≥ `threshold`, ascending by (i, j).

    A text shorter than five characters is its own only gram, so it is near only to its equals. Nothing is normalised:
    pass `normalise_prompt(text)` to look past case and punctuation. threshold: above 0, at most 1.
    Memory: about 100 bytes a character of all texts together (measured: 9.9 million characters, 0.87 GB in all).
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"the threshold is above 0 and at most 1, not {threshold}")
    if len(texts) < 2:
        return []
    grams = _gram_matrix(texts)
    sizes = np.diff(grams.indptr).astype(np.int64)
    order = np.argsort(sizes, kind="stable")
    grams, sizes = grams[order], sizes[order]

    left, right, jaccard = [], [], []
    for larger, smaller in _candidates(grams, sizes, threshold):
        common = _shared(grams, larger, smaller)
        overlap = common / (sizes[larger] + sizes[smaller] - common)
        near = overlap >= threshold
        one, other = order[larger[near]], order[smaller[near]]
        left.append(np.minimum(one, other))
        right.append(np.maximum(one, other))
        jaccard.append(overlap[near])
    if not left:
        return []
    i, j, value = np.concatenate(left), np.concatenate(right), np.concatenate(jaccard)
    by_pair = np.lexsort((j, i))
    return list(zip(i[by_pair].tolist(), j[by_pair].tolist(), value[by_pair].tolist(), strict=True))


def _shared(grams: sparse.csr_array, one: _Integers, other: _Integers) -> _Integers:
    """How many grams the two texts of each pair have in common; in pieces, as the rows of all pairs are large together."""
    counts = np.empty(len(one), dtype=np.int64)
    for start in range(0, len(one), _COMPARED_AT_ONCE):
        piece = slice(start, start + _COMPARED_AT_ONCE)
        counts[piece] = np.asarray(grams[one[piece]].multiply(grams[other[piece]]).sum(axis=1)).ravel()
    return counts


def _candidates(grams: sparse.csr_array, sizes: _Integers, threshold: float) -> Iterator[tuple[_Integers, _Integers]]:
    """Blocks of (position of the larger text, of the smaller) that may reach the threshold. Rows go up in size.

    The larger text is asked with its |x| − ⌈t|x|⌉ + 1 rarest grams. The smaller, met by texts at least as large only,
    is found by its |y| − ⌈2t/(1+t)·|y|⌉ + 1 rarest (PPJoin, lemma 2).
    """
    asked = _prefix(grams, sizes - np.ceil(threshold * sizes - _SLACK).astype(np.int64) + 1)
    found_by = _prefix(grams, sizes - np.ceil(2 * threshold / (1 + threshold) * sizes - _SLACK).astype(np.int64) + 1)
    holders = found_by.T.tocsr()
    met = np.diff(holders.indptr).astype(np.int64)  # by how many texts a gram is met
    work = np.add.reduceat(np.append(met[asked.indices], 0), asked.indptr[:-1].astype(np.int64))
    total = np.cumsum(work)
    start = 0
    while start < len(sizes):
        done = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, done + _CANDIDATES_AT_ONCE, side="right")))
        pairs = (asked[start:end] @ holders).tocoo()
        larger, smaller = pairs.coords[0].astype(np.int64) + start, pairs.coords[1].astype(np.int64)
        keep = (larger > smaller) & (sizes[smaller] >= threshold * sizes[larger] - _SLACK)
        if keep.any():
            yield larger[keep], smaller[keep]
        start = end


def _prefix(grams: sparse.csr_array, lengths: _Integers) -> sparse.csr_array:
    """Of each row only the first (rarest) `lengths` grams, at least one."""
    sizes = np.diff(grams.indptr).astype(np.int64)
    position = np.arange(grams.nnz, dtype=np.int64) - np.repeat(grams.indptr[:-1].astype(np.int64), sizes)
    keep = position < np.repeat(lengths, sizes)
    starts = np.concatenate([[0], np.cumsum(np.minimum(lengths, sizes))])
    return sparse.csr_array((grams.data[keep], grams.indices[keep], starts), shape=grams.shape)


def _gram_matrix(texts: Sequence[str]) -> sparse.csr_array:
    """texts × grams, ones; the columns are numbered from the rarest gram to the most common, each row ascending."""
    rows, codes = _grams(texts)
    _, columns, counts = np.unique(codes, return_inverse=True, return_counts=True)
    by_rarity = np.argsort(counts, kind="stable")
    rank = np.empty_like(by_rarity)
    rank[by_rarity] = np.arange(len(by_rarity))
    # As one number per (text, gram), so that one sort orders both and shows the repeated.
    pairs = np.unique(rows * len(counts) + rank[columns])
    row, column = np.divmod(pairs, len(counts))
    starts = np.searchsorted(row, np.arange(len(texts) + 1))
    return sparse.csr_array((np.ones(len(pairs), dtype=np.int32), column, starts), shape=(len(texts), len(counts)))


def _grams(texts: Sequence[str]) -> tuple[_Integers, _Integers]:
    """(text, number of the gram) for each gram of each text, repeats included; equal grams have equal numbers, others not."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    padded = np.maximum(lengths, GRAM)
    # Short texts are filled up with a sign that no text holds, so that they are one gram and like no other text's.
    signs = np.zeros(int(padded.sum()), dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(padded)[:-1]])
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    alphabet, letters = np.unique(points, return_inverse=True)
    begin = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    signs[np.arange(len(points)) + np.repeat(starts - begin, lengths)] = letters + 1

    counts = padded - GRAM + 1
    rows = np.repeat(np.arange(len(texts), dtype=np.int64), counts)
    first = np.arange(int(counts.sum()), dtype=np.int64) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
    base = len(alphabet) + 1
    codes = np.zeros(len(first), dtype=np.int64)
    bound = 1
    for offset in range(GRAM):
        if bound * base >= 1 << 63:  # many scripts at once: number what there is anew, so that codes stay exact
            known, codes = np.unique(codes, return_inverse=True)
            bound = len(known)
        codes = codes * base + signs[first + offset]
        bound *= base
    return rows, codes
