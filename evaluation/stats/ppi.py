"""A judge's many scores corrected by people's few: prediction-powered inference.

The judge scores everything; people score a *random* part of the same items. The judge's mean is corrected by its mean
error on that part, so its bias cancels, and the interval is never (asymptotically) wider than that of the people alone.

Sources: Angelopoulos et al. 2023 (PPI); Angelopoulos, Duchi & Zrnic 2023 (PPI++, power tuning); Rogan & Gladen 1978;
Lang & Reiczigel 2014 (its interval).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.figure import BoolArray, FloatArray, Interval, as_values, check_confidence, no_interval
from evaluation.stats.statistic import statistic

SMALL = 30  # below so many human ratings the normal approximation is said to be one


@dataclass(frozen=True, slots=True)
class PredictionPoweredMean:
    """The corrected mean. ``weight`` is how much of the judge went in (0: people only, 1: plain PPI); ``effective_n``
    the number of human ratings that would have given the same standard error without the judge."""

    estimate: float
    ci_low: float
    ci_high: float
    se: float
    weight: float
    n: int
    judged: int
    effective_n: float
    confidence: float
    method: str
    reason: str = ""


@statistic(
    title="Mean of people's ratings, helped by a judge",
    design="judge and people",
    source="Angelopoulos et al. 2023; Angelopoulos, Duchi & Zrnic 2023 (power tuning)",
    trap="The rated items must be a random sample, not the disputed ones.",
)
def mean(
    human: npt.ArrayLike,
    judge_on_same: npt.ArrayLike,
    judge_on_rest: npt.ArrayLike,
    confidence: float = 0.95,
    weight: float | None = None,
) -> PredictionPoweredMean:
    """Mean of what people would say of all items, from ``human`` (n,) and the judge on the same items (n,) and on the
    rest (N,).

    One value per item: average several raters first, items are the unit. ``weight``: None tunes it for the narrowest
    interval; 1 is plain PPI, 0 the people alone. The rated items must be a random sample, not the disputed ones.

    ValueError: ``human`` and ``judge_on_same`` of unequal length, or a weight outside 0–1.
    """
    check_confidence(confidence)
    if weight is not None and not 0.0 <= weight <= 1.0:
        raise ValueError(f"weight must lie between 0 and 1, or be None; got {weight!r}")
    y, f = as_values(human, "human"), as_values(judge_on_same, "judge_on_same")
    if y.shape != f.shape:
        raise ValueError(f"human and judge_on_same must hold the same items: {len(y)} against {len(f)}")
    kept: BoolArray = ~(np.isnan(y) | np.isnan(f))
    y, f = y[kept], f[kept]
    rest = as_values(judge_on_rest, "judge_on_rest")
    rest = rest[~np.isnan(rest)]
    n, judged = len(y), len(rest)
    if n < 2:
        nan = math.nan
        estimate = float(y[0]) if n else nan
        return PredictionPoweredMean(
            estimate, nan, nan, nan, nan, n, judged, nan, confidence, "ppi", "two items rated by people are needed"
        )
    lam = 0.0 if judged == 0 else _tuned(y, f, rest) if weight is None else weight
    estimate = float((lam * rest.mean() if judged else 0.0) + np.mean(y - lam * f))
    variance = float((lam**2 * rest.var() / judged if judged else 0.0) + np.var(y - lam * f) / n)
    se = math.sqrt(variance)
    half = float(stats.norm.ppf((1 + confidence) / 2)) * se
    alone = float(np.var(y))
    reason = ""
    if se == 0:
        reason = "neither people nor judge vary: an interval without width is not certainty"
    elif judged == 0:
        reason = "the judge scored no further items: these are the people alone"
    elif n < SMALL:
        reason = f"{n} items rated by people: the normal interval is somewhat too narrow below {SMALL}"
    return PredictionPoweredMean(
        estimate=estimate,
        ci_low=estimate - half,
        ci_high=estimate + half,
        se=se,
        weight=lam,
        n=n,
        judged=judged,
        effective_n=alone / variance if variance > 0 else math.nan,
        confidence=confidence,
        method="people alone" if lam == 0 else f"prediction-powered, weight of the judge {lam:.2f}",
        reason=reason,
    )


def _tuned(y: FloatArray, f: FloatArray, rest: FloatArray) -> float:
    """The weight with the least variance (PPI++, section 6), within 0–1, with the degrees of freedom of the authors'
    `ppi_py`, so that the two agree to the last digit."""
    spread = float(np.var(np.concatenate([f, rest]), ddof=1))
    if spread == 0:
        return 0.0  # a judge that always says the same adds nothing
    covariance = float(np.mean((y - y.mean()) * (f - f.mean())))
    return min(max(covariance / ((1 + len(y) / len(rest)) * spread), 0.0), 1.0)


@statistic(
    title="True rate from an imperfect yes/no judge",
    design="judge and people",
    source="Rogan & Gladen 1978; Lang & Reiczigel 2014",
    trap="Sensitivity and specificity must hold for the items judged.",
)
def rogan_gladen(
    positive: int,
    n: int,
    true_positive: int,
    sick: int,
    true_negative: int,
    healthy: int,
    confidence: float = 0.95,
) -> Interval:
    """True rate of a yes/no property that an imperfect judge called ``positive`` in ``n`` items.

    Its sensitivity is ``true_positive`` of ``sick``, its specificity ``true_negative`` of ``healthy`` calibration items
    on which people decided. The interval (Lang & Reiczigel's) carries the error of the calibration; it stays valid
    when the rate in ``n`` differs from that among the calibration items.

    ValueError: a count below 0 or above that of its items.
    """
    check_confidence(confidence)
    method = "Rogan–Gladen"
    for count, items in ((positive, n), (true_positive, sick), (true_negative, healthy)):
        if not 0 <= count <= items:
            raise ValueError(f"a count lies between 0 and its number of items; got {count} of {items}")
    if min(n, sick, healthy) < 1:
        return no_interval(
            math.nan, confidence, n, method, "judged items and calibration items of both kinds are needed"
        )
    rate, sensitivity, specificity = positive / n, true_positive / sick, true_negative / healthy
    if sensitivity + specificity <= 1:
        return no_interval(math.nan, confidence, n, method, "the judge tells the two kinds apart no better than chance")
    estimate = (rate + specificity - 1) / (sensitivity + specificity - 1)
    # Adjusted counts, as in Agresti and Coull's interval, keep the width honest at shares of 0 and 1.
    z = float(stats.norm.ppf((1 + confidence) / 2))
    n_, sick_, healthy_ = n + z**2, sick + 2, healthy + 2
    rate_, se_, sp_ = (positive + z**2 / 2) / n_, (true_positive + 1) / sick_, (true_negative + 1) / healthy_
    youden = se_ + sp_ - 1
    if youden <= 0:
        return no_interval(estimate, confidence, n, method, "too few calibration items for an interval")
    centre = (rate_ + sp_ - 1) / youden
    shift = 2 * z**2 * (centre * se_ * (1 - se_) / sick_ - (1 - centre) * sp_ * (1 - sp_) / healthy_)
    variance = (
        rate_ * (1 - rate_) / n_ + centre**2 * se_ * (1 - se_) / sick_ + (1 - centre) ** 2 * sp_ * (1 - sp_) / healthy_
    )
    half = z * math.sqrt(variance) / youden
    low, high = (min(max(limit, 0.0), 1.0) for limit in (centre + shift - half, centre + shift + half))
    return Interval(min(max(estimate, 0.0), 1.0), low, high, confidence, n, method)
