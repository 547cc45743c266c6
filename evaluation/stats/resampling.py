"""The random draws behind bootstrap intervals and permutation tests, in chunks of bounded memory.

Every generator yields arrays of shape (chunk, units) whose rows are resamples, so that a statistic of all resamples
is one matrix product per chunk. The stream does not depend on the size of the chunks, and the indices are those that
`scipy.stats.bootstrap` draws from the same generator: tests compare limits to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evaluation.stats.figure import FloatArray, IntArray

CELLS = 1 << 21  # numbers in a chunk: 16 MB of float64, within reach of the cache of a server's core
TOLERATED_UNDEFINED = 0.05  # share of resamples in which a statistic may be undefined (an empty class, say)
MANY = 2000  # units from which on a row of counts is worth a call of its own
EXACT_UNITS = 16  # up to here all 2^units swaps are enumerated instead of drawn


def chunk_rows(width: int) -> int:
    """Rows of a chunk so that rows × width stays within CELLS."""
    return max(1, CELLS // max(1, width))


def bootstrap_indices(rng: np.random.Generator, units: int, resamples: int) -> Iterator[IntArray]:
    """Unit numbers drawn with replacement, (chunk, units)."""
    rows = chunk_rows(units)
    for start in range(0, resamples, rows):
        yield rng.integers(0, units, (min(rows, resamples - start), units))


def bootstrap_counts(rng: np.random.Generator, units: int, resamples: int) -> Iterator[FloatArray]:
    """How often each unit was drawn, (chunk, units): weights for sums that are linear in the units."""
    for indices in bootstrap_indices(rng, units, resamples):
        rows = len(indices)
        if units >= MANY:  # a row at a time: its counts stay in the nearest cache, which makes it twice as quick
            counts = np.empty((rows, units))
            for row, drawn in zip(counts, indices, strict=True):
                row[:] = np.bincount(drawn, minlength=units)
            yield counts
            continue
        indices += np.arange(rows)[:, None] * units
        yield np.bincount(indices.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)


def kind_counts(rng: np.random.Generator, sizes: FloatArray, resamples: int) -> Iterator[FloatArray]:
    """How often units of each kind were drawn, (chunk, kinds), where ``sizes`` (kinds,) units are of each kind and units of
    a kind are alike: the distribution of `bootstrap_counts` summed over them, without a draw for each unit."""
    units, rows = int(sizes.sum()), chunk_rows(len(sizes))
    for start in range(0, resamples, rows):
        drawn = rng.multinomial(units, sizes / sizes.sum(), min(rows, resamples - start))
        yield drawn.astype(np.float64)


def random_swaps(rng: np.random.Generator, units: int, resamples: int) -> Iterator[FloatArray]:
    """1 where a unit's two systems change places, else 0, each with probability one half: (chunk, units)."""
    width = -(-units // 8)
    rows = chunk_rows(units)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        packed = np.frombuffer(rng.bytes(size * width), dtype=np.uint8).reshape(size, width)
        yield np.unpackbits(packed, axis=1, count=units).astype(np.float64)


def all_swaps(units: int) -> Iterator[FloatArray]:
    """Every one of the 2^units swaps, (chunk, units)."""
    rows = chunk_rows(max(units, 1))
    places = np.arange(units)
    for start in range(0, 1 << units, rows):
        numbers = np.arange(start, min(start + rows, 1 << units))
        yield ((numbers[:, None] >> places) & 1).astype(np.float64)
