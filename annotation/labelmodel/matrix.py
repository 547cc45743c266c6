"""Votes as a sparse matrix of items by (worker, label) pairs, in blocks of items that the cores share.

A step of Dawid and Skene's EM is two products with it: log-probabilities of pairs to scores of items, and posteriors of
items to expected counts of pairs. Only pairs that occur have a column, so a thousand workers of a hundred classes cost
what their votes cost.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from scipy import sparse

from annotation.labelmodel.em import to_posteriors
from annotation.labelmodel.model import Problem
from annotation.labelmodel.votes import distinct
from evaluation.stats.figure import FloatArray, IntArray

_VOTES_A_BLOCK = 100_000  # below this, handing a block to another core costs more than it saves

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    items: slice
    matrix: sparse.csr_array
    transposed: sparse.csc_array
    gold_item: IntArray
    gold_label: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class VoteMatrix:
    """pair_worker, pair_label: (pairs,) the distinct (worker, label), sorted by worker. `starts`, `group`: where in the
    pairs each voting worker begins, and which of these workers a pair belongs to."""

    pair_worker: IntArray
    pair_label: IntArray
    starts: IntArray
    group: IntArray
    blocks: tuple[_Block, ...]
    items: int

    @classmethod
    def of(cls, problem: Problem) -> VoteMatrix:
        votes = problem.votes
        classes, items = len(votes.classes), len(votes.items)
        code, column = distinct(votes.worker * classes + votes.label)
        worker, label = code // classes, code % classes
        starts = np.flatnonzero(np.r_[True, np.diff(worker) > 0])
        group = np.cumsum(np.r_[0, np.diff(worker) > 0])
        ends = np.concatenate([[0], np.cumsum(np.bincount(votes.item, minlength=items))])
        blocks = []
        for first, last in _cuts(ends, len(votes.item)):
            inside = slice(ends[first], ends[last])
            matrix = sparse.csr_array(
                (np.ones(ends[last] - ends[first]), column[inside], ends[first : last + 1] - ends[first]),
                shape=(last - first, len(code)),
            )
            gold = (problem.gold_item >= first) & (problem.gold_item < last)
            blocks.append(
                _Block(slice(first, last), matrix, matrix.T, problem.gold_item[gold] - first, problem.gold_label[gold])
            )
        return cls(worker, label, starts, group, tuple(blocks), items)

    def by_worker(self, pairs: FloatArray) -> FloatArray:
        """Sums over each voting worker's pairs: (pairs, …) gives (voting workers, …)."""
        return np.asarray(np.add.reduceat(pairs, self.starts, axis=0), dtype=np.float64)

    def expect(
        self, log_pairs: FloatArray, log_priors: FloatArray, beside: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray, float]:
        """Posteriors (items, classes), expected counts of the pairs (pairs, classes), log-likelihood.

        log_pairs    (pairs, classes) log-probability of the pair's label where the item is of each class
        log_priors   (classes,) added to every item
        beside       (items, classes) or None: what else speaks for a class, item by item
        """
        posteriors = np.empty((self.items, log_pairs.shape[1]))

        def one(block: _Block) -> tuple[FloatArray, float]:
            scores = block.matrix @ log_pairs
            scores += log_priors
            if beside is not None:
                scores += beside[block.items]
            likelihood = to_posteriors(scores, block.gold_item, block.gold_label)
            posteriors[block.items] = scores
            return block.transposed @ scores, float(likelihood.sum())

        done = _on_cores(one, self.blocks)
        # Summed in the blocks' order, so that the same machine always finds the same figures.
        counts = functools.reduce(np.add, [counted for counted, _ in done])
        return posteriors, counts, sum(likelihood for _, likelihood in done)

    def count(self, posteriors: FloatArray) -> FloatArray:
        """(pairs, classes) how often each pair is expected where the truth is each class."""

        def one(block: _Block) -> FloatArray:
            return np.asarray(block.transposed @ posteriors[block.items], dtype=np.float64)

        return functools.reduce(np.add, _on_cores(one, self.blocks))


def _cuts(ends: IntArray, votes: int) -> list[tuple[int, int]]:
    """Runs of items with about the same number of votes, at most one per core."""
    pieces = max(1, min(os.cpu_count() or 1, votes // _VOTES_A_BLOCK))
    bounds = np.searchsorted(ends, np.linspace(0, votes, pieces + 1)[1:-1])
    edges = np.unique(np.r_[0, bounds, len(ends) - 1]).tolist()
    return list(pairwise(edges))


def _on_cores(one: Callable[[_Block], Result], blocks: Sequence[_Block]) -> list[Result]:
    """`map` over threads: scipy's products and numpy's functions let go of the interpreter."""
    if len(blocks) == 1:
        return [one(blocks[0])]
    with ThreadPoolExecutor(len(blocks)) as pool:
        return list(pool.map(one, blocks))
