"""How far a source's accuracy may lie from its estimate before the votes speak against it, for few sources.

A source hardly ever wrong, beside two or three others, has a likelihood that is far from a bell: steep on one side, flat on
the other. There the curvature at the top (`information`) promises too much, and the limits are looked for themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from annotation.labelmodel.em import FLOOR, to_posteriors
from annotation.labelmodel.priors import log_priors
from annotation.labelmodel.votes import sum_by
from evaluation.stats.figure import FloatArray, IntArray

_ROUNDS = (
    6  # looks at each limit; the root of the likelihood ratio is nearly straight in the angle, so these are plenty
)
_STEPS = 15  # of EM, in each round; they go on from the last round's
_TOP_STEPS, _TOP_RISE = 300, 1e-5
_PSEUDO_VOTES = 1.0  # of each kind, for a source that is not the one in question
_LEAST_VOTES = 1e-6  # the whole range from 0 to 1, but for a millionth


@dataclass(frozen=True, slots=True, eq=False)
class _Coins:
    """One coin per source, in copies side by side: skill (copies, workers), priors (copies, classes)."""

    skill: FloatArray
    priors: FloatArray

    def times(self, copies: int) -> _Coins:
        return _Coins(np.repeat(self.skill, copies, axis=0), np.repeat(self.priors, copies, axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class _Copies:
    """The same votes, `count` times. cell, who: (count · votes,) codes into (copies, items, classes), (copies, workers)."""

    count: int
    items: int
    classes: int
    given: FloatArray
    cell: IntArray
    who: IntArray
    gold_item: IntArray
    gold_label: IntArray

    @classmethod
    def of(
        cls, item: IntArray, worker: IntArray, label: IntArray, known: IntArray, shape: tuple[int, int], count: int
    ) -> _Copies:
        workers, classes = shape
        items = len(known)
        copy = np.arange(count)[:, None]
        gold = np.flatnonzero(known >= 0)
        return cls(
            count,
            items,
            classes,
            given=np.bincount(worker, minlength=workers).astype(np.float64),
            cell=(copy * items * classes + item * classes + label).ravel(),
            who=(copy * workers + worker).ravel(),
            gold_item=(copy * items + gold).ravel(),
            gold_label=np.tile(known[gold], count),
        )

    def step(self, coins: _Coins, added: FloatArray) -> tuple[_Coins, FloatArray]:
        """The coins after one step of EM, and the log density (copies,) before it.

        added   (copies, workers) pseudo-votes, as many right as wrong: a Beta prior
        """
        log_hit = np.log(np.clip(coins.skill, FLOOR, 1))
        log_miss = np.log(np.clip((1 - coins.skill) / (self.classes - 1), FLOOR, 1))
        gain = (log_hit - log_miss).ravel()[self.who]
        scores = sum_by(self.cell, gain, self.count * self.items * self.classes).reshape(self.count, self.items, -1)
        scores += log_priors(coins.priors)[:, None, :]
        flat = scores.reshape(-1, self.classes)
        of_items = to_posteriors(flat, self.gold_item, self.gold_label)
        density = (log_miss * self.given + added * (log_hit + log_miss)).sum(axis=1)
        density += of_items.reshape(self.count, -1).sum(axis=1)
        right = sum_by(self.who, flat.ravel()[self.cell], coins.skill.size).reshape(coins.skill.shape)
        skill = (right + added) / np.maximum(self.given + 2 * added, 1)
        return _Coins(skill, scores.mean(axis=1)), density


def votes_at_limits(
    item: IntArray,
    worker: IntArray,
    label: IntArray,
    accuracy: FloatArray,
    priors: FloatArray,
    known: IntArray,
    confidence: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(workers,) each: the likeliest accuracy, and how many votes of known truth, that many of them right, would set it the
    same lower and the same upper limit.

    item, worker, label   (n,) codes of the votes
    accuracy              (workers,) where to begin, NaN without votes
    priors                (classes,) how frequent each class is, to begin with
    known                 (items,) the code of the class where it is gold, else -1

    The limits are those of the profile likelihood: the accuracy held, all others and the classes' frequency fitted anew,
    twice the log-likelihood has fallen by the square of the normal quantile (Venzon & Moolgavkar, Applied Statistics 37,
    1988). n votes of known truth, a share p of them right, lose n KL(p ‖ x) at x; so the fall says how many votes the votes
    are worth there. Each source counts as one coin. The others have a pseudo-vote right and one wrong: one that looked
    infallible would settle every item, and leave no doubt where there is much. About 100 EM steps on 2 × workers copies of
    the votes.

    Simulated (200 or 300 items, three to six sources right in 55 to 95 of 100, three to five votes per item, 80 to 250 runs per
    design): called 95 %, the intervals of one_coin, dawid_skene, mace and generative cover 95 to 98 %, give or take 1 to 2;
    single sources 93 to 99 %. tests/reference/labelmodel_coverage.py does it again.
    """
    workers = len(accuracy)
    votes, shape = (item, worker, label, known), (workers, len(priors))
    one, two = _Copies.of(*votes, shape, workers), _Copies.of(*votes, shape, 2 * workers)
    others = _PSEUDO_VOTES * (1 - np.eye(workers))
    # EM never leaves an accuracy of 0 or 1, so it begins inside.
    inside = (np.nan_to_num(accuracy, nan=0.5) * one.given + 1) / (one.given + 2)
    top, height = _top(one, _Coins(inside[None], priors[None]).times(workers), others)

    best, height, others = np.tile(np.diag(top.skill), 2), np.tile(height, 2), np.tile(others, (2, 1))
    coins = _Coins(np.tile(top.skill, (2, 1)), np.tile(top.priors, (2, 1)))
    given = np.tile(one.given, 2)
    z = float(stats.norm.ppf((1 + confidence) / 2))
    # In the angle an accuracy's deviation is the same everywhere, and 0 and 1 are places like any other.
    middle, side = np.arcsin(np.sqrt(best)), np.repeat([-1.0, 1.0], workers)
    angle = np.clip(middle + side * z / np.sqrt(np.maximum(given, 1)), 0, np.pi / 2)
    for _ in range(_ROUNDS):
        value = np.sin(angle) ** 2
        coins, density = _held(two, coins, others, value)
        fallen = np.maximum(height - density, 0)
        reach = z / np.sqrt(2 * np.maximum(fallen, FLOOR))
        angle = np.clip(middle + (angle - middle) * np.clip(reach, 0.5, 2), 0, np.pi / 2)

    worth = fallen / np.maximum(_divergence(best, np.clip(value, FLOOR, 1 - FLOOR)), FLOOR)
    worth = np.clip(worth, _LEAST_VOTES, np.maximum(given, _LEAST_VOTES))
    return best[:workers], worth[:workers], worth[workers:]


def _held(copies: _Copies, coins: _Coins, added: FloatArray, value: FloatArray) -> tuple[_Coins, FloatArray]:
    """The coins after some steps with one accuracy a copy held at `value` (copies,), each worker's in turn."""
    copy = np.arange(copies.count)
    worker = copy % coins.skill.shape[1]
    for _ in range(_STEPS):
        coins.skill[copy, worker] = value
        coins, density = copies.step(coins, added)
    return coins, density


def _top(copies: _Copies, coins: _Coins, added: FloatArray) -> tuple[_Coins, FloatArray]:
    """The coins of the highest density near these, and its logarithm (copies,)."""
    height = np.full(copies.count, -np.inf)
    for _ in range(_TOP_STEPS):
        before, (coins, density) = coins, copies.step(coins, added)
        if (density - height < _TOP_RISE).all():
            break
        height = density
    return before, density


def _divergence(share: FloatArray, other: FloatArray) -> FloatArray:
    """Kullback–Leibler divergence of coins of these two chances of heads."""
    return np.asarray(special.rel_entr(share, other) + special.rel_entr(1 - share, 1 - other), dtype=np.float64)
