"""May a judge model stand in for a human annotator? The alternative-annotator test of Calderon, Reichart & Dror 2025.

Each human in turn is left out: on every item, who is nearer to the remaining humans, the judge or the one left out? The judge
wins against that human if it is as near or nearer often enough, with a bonus ``epsilon`` for costing less. It passes if it wins
against at least half of the humans, at a false discovery rate of ``q`` (Benjamini & Yekutieli 2001, for dependent tests).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.alpha import as_ratings
from evaluation.stats.figure import FloatArray
from evaluation.stats.grouping import as_labels, encode, is_missing
from evaluation.stats.multiplicity import benjamini_yekutieli
from evaluation.stats.statistic import statistic

Alignment = Literal["accuracy", "rmse"]

FEWEST_ITEMS = 30  # an annotator with fewer shared items has no t test worth the name


@dataclass(frozen=True, slots=True, eq=False)
class AlternativeAnnotator:
    """``winning_rate``: share of the humans tested that the judge wins against; ``passes``: whether it reaches ½, None where
    nothing can be said. ``advantage``: mean chance that the judge is as near as a human or nearer. Per human, in the order of the
    rows, NaN where untested: ``advantages``, ``p_values``, ``items`` (how many were compared)."""

    winning_rate: float
    passes: bool | None
    advantage: float
    advantages: FloatArray
    p_values: FloatArray
    items: FloatArray
    epsilon: float
    q: float
    reason: str = ""


@statistic(
    title="May a judge stand in for a human annotator?",
    design="judge and people",
    source="Calderon, Reichart & Dror 2025",
    trap="It asks for as near as a human, so careless humans make it easy.",
)
def alternative_annotator_test(
    judge: npt.ArrayLike,
    humans: npt.ArrayLike,
    alignment: Alignment = "accuracy",
    epsilon: float = 0.2,
    q: float = 0.05,
    fewest_items: int = FEWEST_ITEMS,
) -> AlternativeAnnotator:
    """Test ``judge`` (items,) against ``humans`` (raters × items, NaN or None for missing).

    ``alignment``: nearness to the remaining humans, share of equal labels (``accuracy``) or negative root mean squared distance
    (``rmse``, for numbers). ``epsilon``: .2 in place of experts, .15 of skilled, .1 of crowd annotators. An item counts for a
    human if the judge and at least one other human rated it. At least three humans are advised; two are told in ``reason``.

    ValueError: shapes that do not fit, or a parameter out of its range.
    """
    if alignment not in ("accuracy", "rmse"):
        raise ValueError(f"alignment must be accuracy or rmse; got {alignment!r}")
    if not 0 <= epsilon < 1 or not 0 < q < 1:
        raise ValueError(f"epsilon lies in 0–1 and q between 0 and 1; got {epsilon!r} and {q!r}")
    own, others = _coded(judge, humans, alignment)
    raters = len(others)
    advantages, p_values, items = np.full(raters, np.nan), np.full(raters, np.nan), np.zeros(raters)
    for human in range(raters):
        rest = np.delete(others, human, axis=0)
        shared = ~np.isnan(own) & ~np.isnan(others[human]) & (~np.isnan(rest)).any(axis=0)
        items[human] = shared.sum()
        if items[human] < max(fewest_items, 2):
            continue
        of_judge = _nearness(own[shared], rest[:, shared], alignment)
        of_human = _nearness(others[human, shared], rest[:, shared], alignment)
        # Ties are a win for both, as in the authors' code: nearness of equal answers is equal to the last bit.
        judge_wins, human_wins = (of_judge >= of_human).astype(float), (of_human >= of_judge).astype(float)
        advantages[human] = judge_wins.mean()
        p_values[human] = _less_than(human_wins - judge_wins, epsilon)
    tested = ~np.isnan(p_values)
    if not tested.any():
        reason = f"no human has {fewest_items} items that the judge and another human rated too"
        return AlternativeAnnotator(math.nan, None, math.nan, advantages, p_values, items, epsilon, q, reason)
    winning_rate = float(np.mean(benjamini_yekutieli(p_values[tested]) <= q))
    few = int(tested.sum())
    reason = f"{few} human{'' if few == 1 else 's'} could be tested; three are advised" if few < 3 else ""
    advantage = float(advantages[tested].mean())
    return AlternativeAnnotator(
        winning_rate, winning_rate >= 0.5, advantage, advantages, p_values, items, epsilon, q, reason
    )


def _coded(judge: npt.ArrayLike, humans: npt.ArrayLike, alignment: Alignment) -> tuple[FloatArray, FloatArray]:
    """Judge (items,) and humans (raters, items) as numbers on one scale, NaN for missing."""
    first, matrix = as_labels(judge), as_labels(humans)
    if matrix.ndim != 2 or first.shape != matrix.shape[1:]:
        raise ValueError(f"judge must be (items,) and humans raters × items; got {first.shape} and {matrix.shape}")
    together = np.concatenate([matrix.astype(object), first.astype(object)[None]])
    if alignment == "rmse":
        numbers = as_ratings(together)
    else:
        present = ~is_missing(together)
        numbers = np.full(together.shape, np.nan)
        numbers[present] = encode(together[present], int(present.sum()), "labels").codes
    return numbers[-1], numbers[:-1]


def _nearness(answers: FloatArray, rest: FloatArray, alignment: Alignment) -> FloatArray:
    """How near ``answers`` (n,) are to ``rest`` (raters, n)."""
    if alignment == "accuracy":
        return np.asarray(np.nansum(answers == rest, axis=0) / (~np.isnan(rest)).sum(axis=0), dtype=np.float64)
    return np.asarray(-np.sqrt(np.nanmean((answers - rest) ** 2, axis=0)), dtype=np.float64)


def _less_than(differences: FloatArray, bound: float) -> float:
    """One-sided p of "the mean is below ``bound``"; without variance 0 or 1, as the t statistic goes to its limit."""
    gap = float(differences.mean()) - bound
    se = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    if se <= 1e-12:
        return 0.0 if gap < 0 else 1.0
    return float(stats.t.cdf(gap / se, len(differences) - 1))
