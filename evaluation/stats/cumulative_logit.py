"""Severity of raters on an ordinal scale: a cumulative-logit model with random items.

logit P(rating ≤ k) = threshold_k - item - shift_rater, items normal with mean 0, shifts adding up to 0: the proportional-odds
model (McCullagh 1980) with a random intercept, fitted by marginal maximum likelihood over Gauss–Hermite nodes (Bock &
Aitkin 1981). It is the many-facet idea of Linacre 1989 with cumulative instead of adjacent logits. Unlike points, logits are
not squeezed at the ends of the scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from evaluation.stats.figure import BoolArray, FloatArray, IntArray, as_values, check_confidence
from evaluation.stats.grouping import encode_kept, named
from evaluation.stats.severity import connected_groups
from evaluation.stats.statistic import statistic

NODES = 21  # Gauss–Hermite nodes: more change no third digit with a few dozen ratings per item
LARGEST_LOGIT = 15.0  # a parameter beyond it has left for infinity


@dataclass(frozen=True, slots=True, eq=False)
class OrdinalSeverity:
    """``shifts`` (r,): logits that each of ``raters`` adds, below 0 severe, mean 0, with standard errors and limits.
    ``scale``: the values that occur, ascending; ``thresholds`` between them. ``item_sd``: spread of the items in logits.
    ``reason`` says why figures are NaN."""

    raters: tuple[Any, ...]
    shifts: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    scale: FloatArray
    thresholds: FloatArray
    item_sd: float
    log_likelihood: float
    n: int
    confidence: float
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Ratings:
    """``steps`` (n,) into the scale, in the order of items, whose ratings begin at ``starts`` (i,)."""

    steps: IntArray
    raters: IntArray
    starts: IntArray
    owners: IntArray
    levels: int
    count: int


@statistic(
    title="Severity of raters on an ordinal scale, in logits",
    design="items crossed with raters",
    source="McCullagh 1980; Bock & Aitkin 1981",
    trap="A rater at one end of the scale throughout has no finite severity.",
)
def ordinal_severity(
    ratings: npt.ArrayLike, items: npt.ArrayLike, raters: npt.ArrayLike, confidence: float = 0.95
) -> OrdinalSeverity:
    """Fit ``ratings`` (n,), NaN left out, of ``items`` (n,) by ``raters`` (n,).

    A value of the scale that nobody used changes nothing. Raters must be connected through shared items, as in
    `severity.rater_severity`. A rater who gave the lowest or the highest value throughout has no finite shift: then all are NaN,
    with the rater in ``reason``.
    """
    check_confidence(confidence)
    sample = as_values(ratings, "ratings")
    kept: BoolArray = ~np.isnan(sample)
    sample = sample[kept]
    by_item, (names, by_rater) = encode_kept(items, kept, "items"), named(raters, kept, "raters")
    scale, steps = np.unique(sample, return_inverse=True)
    nothing = np.full(len(names), np.nan)

    def absent(reason: str) -> OrdinalSeverity:
        thresholds = np.full(max(len(scale) - 1, 0), np.nan)
        return OrdinalSeverity(
            names, nothing, nothing, nothing, nothing, scale, thresholds, math.nan, math.nan, len(sample), confidence, reason
        )  # fmt: skip

    if len(names) < 2:
        return absent("one rater: nobody to be more severe than" if names else "no ratings")
    if len(scale) < 2:
        return absent("all ratings are the same value")
    parts = connected_groups(by_item, by_rater)
    if parts > 1:
        return absent(f"the raters fall into {parts} groups that share no item: severities do not compare")
    for rater, name in enumerate(names):
        own = steps[by_rater.codes == rater]
        if (own == 0).all() or (own == len(scale) - 1).all():
            return absent(f"rater {name} gave one end of the scale throughout: no finite severity")

    order = np.argsort(by_item.codes, kind="stable")
    owners = by_item.codes[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(owners) != 0])).astype(np.intp)
    data = _Ratings(steps[order].astype(np.intp), by_rater.codes[order], starts, owners, len(scale), len(names))
    found = optimize.minimize(
        lambda parameters: _negative(parameters, data), _start(data), jac=True, method="BFGS", options={"gtol": 1e-6}
    )
    thresholds, shifts, item_sd = _unpack(found.x, data)
    if not np.isfinite(found.fun) or np.abs(np.concatenate([thresholds, shifts])).max() > LARGEST_LOGIT:
        return absent("the fit did not converge: the ratings hardly determine the severities")
    covariance = _covariance(found.x, data)
    if covariance is None:
        return absent("the ratings hardly determine the severities: their information matrix is singular")
    se = np.sqrt(np.diag(covariance))
    half = float(stats.norm.ppf((1 + confidence) / 2)) * se
    return OrdinalSeverity(
        raters=names,
        shifts=shifts,
        se=se,
        ci_low=shifts - half,
        ci_high=shifts + half,
        scale=scale,
        thresholds=thresholds,
        item_sd=item_sd,
        log_likelihood=-float(found.fun),
        n=len(sample),
        confidence=confidence,
    )


def _start(data: _Ratings) -> FloatArray:
    """Thresholds at the pooled shares, raters alike, items with a spread of one logit."""
    shares = np.cumsum(np.bincount(data.steps, minlength=data.levels))[:-1] / len(data.steps)
    thresholds = special.logit(shares)
    return np.concatenate([thresholds[:1], np.log(np.diff(thresholds)), np.zeros(data.count - 1), [0.0]])


def _unpack(parameters: FloatArray, data: _Ratings) -> tuple[FloatArray, FloatArray, float]:
    """Thresholds (levels - 1), ascending by construction; shifts (raters,), the last minus the sum of the others; item sd."""
    gaps = data.levels - 1
    thresholds = np.cumsum(np.concatenate([parameters[:1], np.exp(parameters[1:gaps])]))
    free = parameters[gaps:-1]
    return thresholds, np.concatenate([free, [-free.sum()]]), math.exp(min(float(parameters[-1]), 50.0))


def _negative(parameters: FloatArray, data: _Ratings) -> tuple[float, FloatArray]:
    """Negative marginal log-likelihood and its gradient (Fisher's identity: the posterior mean of the complete one's)."""
    thresholds, shifts, item_sd = _unpack(parameters, data)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    location = item_sd * nodes[None, :] + shifts[data.raters][:, None]  # (n, nodes)
    edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
    upper, lower = edges[data.steps + 1][:, None] - location, edges[data.steps][:, None] - location
    # F(upper) - F(lower), from the side on which neither is near 1, so that nothing cancels.
    flip = lower > 0
    high, low = np.where(flip, -lower, upper), np.where(flip, -upper, lower)
    chance = np.maximum(special.expit(high) - special.expit(low), 1e-300)
    by_item = np.add.reduceat(np.log(chance), data.starts, axis=0) + np.log(weights / weights.sum())
    marginal = special.logsumexp(by_item, axis=1)
    item_of = np.cumsum(np.bincount(data.starts, minlength=len(data.steps))) - 1
    posterior = np.exp(by_item - marginal[:, None])[item_of]
    density_up, density_low = _density(upper) / chance * posterior, _density(lower) / chance * posterior

    by_location = density_low - density_up  # derivative by where the rating's centre lies
    of_shift = np.bincount(data.raters, weights=by_location.sum(axis=1), minlength=data.count)
    of_edge = np.bincount(data.steps + 1, weights=density_up.sum(axis=1), minlength=data.levels + 1)
    of_edge -= np.bincount(data.steps, weights=density_low.sum(axis=1), minlength=data.levels + 1)
    of_threshold = np.cumsum(of_edge[1:-1][::-1])[::-1].copy()  # a gap moves every threshold above it
    of_threshold[1:] *= np.exp(parameters[1 : data.levels - 1])
    of_sd = item_sd * float(np.sum(by_location * nodes))
    gradient = np.concatenate([of_threshold, of_shift[:-1] - of_shift[-1], [of_sd]])
    return -float(marginal.sum()), -gradient


def _density(logits: FloatArray) -> FloatArray:
    """Logistic density; 0 at ±∞."""
    return np.asarray(special.expit(logits) * special.expit(-logits), dtype=np.float64)


def _covariance(parameters: FloatArray, data: _Ratings) -> FloatArray | None:
    """Covariance of the shifts (r, r) from the observed information, by differences of the exact gradient; None if that is not
    positive definite. The item spread may sit at its edge of 0: then its direction is left out."""
    step = 1e-5
    columns = []
    for at in range(len(parameters)):
        move = np.zeros(len(parameters))
        move[at] = step
        columns.append((_negative(parameters + move, data)[1] - _negative(parameters - move, data)[1]) / (2 * step))
    information = np.array(columns)
    information = (information + information.T) / 2
    used = np.arange(len(parameters) - (parameters[-1] < -5))
    information = information[np.ix_(used, used)]
    if np.linalg.eigvalsh(information)[0] <= 1e-8 * np.abs(information).max():
        return None
    first, free = data.levels - 1, data.count - 1
    inverse = np.linalg.inv(information)[first : first + free, first : first + free]
    spread = np.vstack([np.eye(free), -np.ones(free)])
    return np.asarray(spread @ inverse @ spread.T, dtype=np.float64)
