"""Sources that may be one: pairs that say the same more often than the truth explains.

Every model here takes sources for independent once the truth is known. A function copied with a word changed, or a labeler
who looks over another's shoulder, counts twice, and two that agree with each other look better than all the rest.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from annotation.labelmodel.em import FLOOR
from annotation.labelmodel.members.generative import generative
from annotation.labelmodel.model import Problem
from annotation.labelmodel.votes import Votes
from evaluation.stats.figure import BoolArray, FloatArray, IntArray

_SHARE, _SAME = 0.8, 20  # of common answers, and how many: fewer are no near-duplicates, or chance
_DEVIATIONS = 3.5  # above what independent sources would have; two good sources among poor ones need the room
_OTHERS = 2  # votes per item besides the pair's; with fewer, two good sources look like one
_PAIRS, _VOTES = 10, 50_000  # looked at closely, and of how many votes: near-duplicates are seen in a part as well
_STEPS = 30


@dataclass(frozen=True, slots=True)
class Alike:
    """Two sources that gave the same answer on `same` of the `items` that both were asked about and one answered, where
    independent sources as good as they are would have on `expected`."""

    first: Hashable
    second: Hashable
    same: int
    items: int
    expected: float

    def __str__(self) -> str:
        return (
            f"{self.first!r} and {self.second!r} gave the same answer on {self.same} of {self.items} items, where "
            f"independent sources would on about {self.expected:.0f}: they may be one source that is counted twice"
        )


def alike_pairs(votes: Votes, known: IntArray, kinds: Sequence[str]) -> tuple[Alike, ...]:
    """Pairs that are near-duplicates, those with most in common first; at most ten. Of more than 50,000 votes, those
    on every so manieth item are looked at.

    known   (items,) the code of the gold class, else -1
    kinds   one per worker; functions were asked about every item, others about those they voted on

    A pair is told if it gave the same answer on four fifths of the items and twenty at least, and on more than independence
    explains, by three and a half standard errors. For that, the truth is inferred without the second of the pair (by
    `generative`), and with it how likely the second is to say what the first said. Where fewer than two others voted on the items, that
    cannot be known, and no pair is told. Copies on less than four fifths, and groups that only lean to the same side, are
    not looked for.
    """
    votes, known = _part(votes, known)
    function = np.array([kind == "function" for kind in kinds], dtype=np.bool_)
    pairs = _candidates(votes, function)
    truth = {second: _truth_without(votes, known, kinds, second) for second in {second for _, second in pairs}}
    examined = (_examined(votes, function, first, second, truth[second]) for first, second in pairs)
    return tuple(pair for pair in examined if pair)


def _part(votes: Votes, known: IntArray) -> tuple[Votes, IntArray]:
    """Every so manieth item, and one vote per worker and item."""
    every = max(1, math.ceil(len(votes.item) / _VOTES))
    kept = (votes.item % every == 0) & np.r_[True, (np.diff(votes.item) != 0) | (np.diff(votes.worker) != 0)]
    silent = votes.silent_item % every == 0
    part = replace(
        votes,
        item=votes.item[kept] // every,
        worker=votes.worker[kept],
        label=votes.label[kept],
        silent_item=votes.silent_item[silent] // every,
        silent_worker=votes.silent_worker[silent],
        items=votes.items[::every],
    )
    return part, known[::every]


def _candidates(votes: Votes, function: BoolArray) -> list[tuple[int, int]]:
    workers, items = len(votes.workers), len(votes.items)
    ones = np.ones(len(votes.item))
    said = sparse.csr_array((ones, (votes.cell, votes.worker)), shape=(items * len(votes.classes), workers))
    spoke = sparse.csr_array((ones, (votes.item, votes.worker)), shape=(items, workers))
    same = sparse.triu(said.T @ said, k=1).tocoo()
    first, second = same.coords
    both = np.asarray((spoke.T @ spoke).tocsr()[first, second]).ravel()
    given = np.bincount(votes.worker, minlength=workers)
    asked = np.where(function[first] & function[second], given[first] + given[second] - both, both)
    share = same.data / asked
    kept = np.flatnonzero((same.data >= _SAME) & (share >= _SHARE))
    order = kept[np.argsort(-share[kept], kind="stable")][:_PAIRS]
    return list(zip(first[order].tolist(), second[order].tolist(), strict=True))


def _examined(votes: Votes, function: BoolArray, first: int, second: int, truth: FloatArray) -> Alike | None:
    """truth: (items, classes) as inferred without the second."""
    says, echoes = (_answers(votes, worker) for worker in (first, second))
    spoken, classes = says >= 0, len(votes.classes)
    programs = bool(function[first] and function[second])  # whose silence is an answer
    asked = (spoken | (echoes >= 0)) if programs else (spoken & (echoes >= 0))
    if _others(votes, function, first, second)[asked].mean() < _OTHERS:
        return None
    echoes = np.where((echoes < 0) & programs, classes, echoes)
    answered = echoes >= 0
    chances = _chances(truth[answered], echoes[answered], classes + 1)

    compared = spoken & answered
    expected = (truth[compared] * chances[:, says[compared]].T).sum(axis=1)
    same = int((says[compared] == echoes[compared]).sum())
    chance = float((expected * (1 - expected)).sum())
    doubt = len(expected) * _doubt(truth[spoken, says[spoken]], classes)
    if same - expected.sum() <= _DEVIATIONS * math.sqrt(max(chance + doubt**2, 1.0)):
        return None
    return Alike(votes.workers[first], votes.workers[second], same, int(asked.sum()), float(expected.sum()))


def _answers(votes: Votes, worker: int) -> IntArray:
    """(items,) the label that the worker gave, -1 without."""
    mine = votes.worker == worker
    answers = np.full(len(votes.items), -1, dtype=np.intp)
    answers[votes.item[mine]] = votes.label[mine]
    return answers


def _others(votes: Votes, function: BoolArray, first: int, second: int) -> FloatArray:
    """(items,) how many besides the two answered; functions always do, if only by silence."""
    counted = ~function[votes.worker] & (votes.worker != first) & (votes.worker != second)
    programs = int(function.sum()) - int(function[first]) - int(function[second])
    answered = np.bincount(votes.item[counted], minlength=len(votes.items)) + programs
    return np.asarray(answered, dtype=np.float64)


def _doubt(hits: FloatArray, classes: int) -> float:
    """Standard error of the share of answers that a second source as good as this one would have in common with it.

    hits   (n,) the probability that each of its votes is right. What the votes leave open about the truth is information
           that its accuracy lacks (Louis, JRSS B 44, 1982), and the second's accuracy hangs on the same truth: hence twice.
    """
    accuracy = float(hits.mean())
    spread = accuracy * (1 - accuracy)
    if spread < FLOOR:
        return 0.0
    worth = max(len(hits) - float((hits * (1 - hits)).sum()) / spread, 1.0)
    slope = 2 * max(accuracy - (1 - accuracy) / (classes - 1), 0.0)
    return slope * math.sqrt(spread / worth)


def _truth_without(votes: Votes, known: IntArray, kinds: Sequence[str], worker: int) -> FloatArray:
    """(items, classes) what the others say."""
    kept, silent = votes.worker != worker, votes.silent_worker != worker
    rest = replace(
        votes,
        item=votes.item[kept],
        worker=votes.worker[kept],
        label=votes.label[kept],
        silent_item=votes.silent_item[silent],
        silent_worker=votes.silent_worker[silent],
    )
    gold = np.flatnonzero(known >= 0)
    return generative(Problem(rest, gold, known[gold], kinds, max_iterations=100, tolerance=1e-6)).posteriors


def _chances(truth: FloatArray, answers: IntArray, kinds_of_answer: int) -> FloatArray:
    """(classes, kinds of answer) of highest likelihood: what a source says of each class, where `truth` (n, classes) is what
    is known without it."""
    classes = truth.shape[1]
    chances = np.full((classes, kinds_of_answer), 1 / kinds_of_answer)
    belief = truth
    for _ in range(_STEPS):
        for answer in range(kinds_of_answer):
            chances[:, answer] = belief[answers == answer].sum(axis=0)
        chances = np.maximum(chances, FLOOR)
        chances /= chances.sum(axis=1, keepdims=True)
        belief = truth * chances[:, answers].T
        belief = belief / np.maximum(belief.sum(axis=1, keepdims=True), FLOOR)
    return chances
