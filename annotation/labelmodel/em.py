"""Expectation and maximisation in turns (Dempster, Laird & Rubin 1977): the loop, and the steps that models share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from annotation.labelmodel.model import Problem
from annotation.labelmodel.votes import sum_by
from evaluation.stats.figure import FloatArray, IntArray

FLOOR = 1e-10  # the least probability and expected count: a zero could never be left again, and has no logarithm

State = TypeVar("State")


@dataclass(frozen=True, slots=True, eq=False)
class Climb(Generic[State]):
    """Where a climb ended; `history` holds the objective after each iteration."""

    state: State
    history: tuple[float, ...]
    converged: bool


def climb(start: State, step: Callable[[State], tuple[State, float]], problem: Problem) -> Climb[State]:
    """Step until the objective rises by less than `tolerance` a vote, or `max_iterations` are done.

    `step` is one maximisation and the expectation after it; it returns the new state and the objective there.
    """
    state, history = start, list[float]()
    for _ in range(problem.max_iterations):
        state, objective = step(state)
        history.append(objective)
        if len(history) > 1 and history[-1] - history[-2] < problem.enough:
            return Climb(state, tuple(history), converged=True)
    return Climb(state, tuple(history), converged=False)


def majority_start(problem: Problem) -> FloatArray:
    """(items, classes): vote shares, certain for gold; even where an item has neither."""
    counts = problem.votes.counts()
    total = counts.sum(axis=1, keepdims=True)
    shares: FloatArray = np.divide(counts, total, out=np.full_like(counts, 1 / counts.shape[1]), where=total > 0)
    shares[problem.gold_item] = 0.0
    shares[problem.gold_item, problem.gold_label] = 1.0
    return shares


def to_posteriors(scores: FloatArray, gold_item: IntArray, gold_label: IntArray) -> FloatArray:
    """Turn log joint probabilities (items, classes) into posteriors in place; returns (items,) the log-likelihoods.

    Where the class is known, the likelihood is that of the known class, and its posterior is 1.
    """
    if len(gold_item):
        known = scores[gold_item, gold_label]
        scores[gold_item] = -np.inf
        scores[gold_item, gold_label] = known
    top = scores[:, 0].copy()
    for column in range(1, scores.shape[1]):  # numpy's own maximum along a short last axis is several times slower
        np.maximum(top, scores[:, column], out=top)
    scores -= top[:, None]
    np.exp(scores, out=scores)
    total = scores @ np.ones(scores.shape[1])
    scores /= total[:, None]
    return np.asarray(top + np.log(total), dtype=np.float64)


def expect(
    problem: Problem, cell: IntArray, log_hit: FloatArray, log_miss: FloatArray, log_priors: FloatArray
) -> tuple[FloatArray, float]:
    """Posteriors and log-likelihood where a vote says only "this class" or "another".

    log_hit, log_miss   (votes,) log-probability of each vote if the item is of the class it names, and if it is not
    """
    shape = (len(problem.votes.items), len(problem.votes.classes))
    gain = sum_by(cell, log_hit - log_miss, shape[0] * shape[1])
    scores = gain.reshape(shape) + log_priors
    likelihood = to_posteriors(scores, problem.gold_item, problem.gold_label)
    return scores, float(likelihood.sum() + log_miss.sum())
