"""Not worse than, and as good as: tests against a margin that was fixed before the data.

"Not significantly worse" is no evidence. Non-inferiority: the lower limit of a - b lies above -margin. Equivalence: both
limits lie within ±margin, two one-sided tests (Schuirmann 1987). Both are tests at level alpha = 1 - ``confidence``, and
so go with the interval of confidence 1 - 2·alpha.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.clustered import cluster_variance
from evaluation.stats.figure import BoolArray, as_pairs, check_confidence
from evaluation.stats.grouping import encode, one_each
from evaluation.stats.statistic import statistic


@dataclass(frozen=True, slots=True)
class MarginTest:
    """``delta`` = a - b (higher is better) with the interval that decides; ``shown``: whether the claim is shown at the
    level 1 - ``confidence``, None where nothing can be said (``reason``)."""

    delta: float
    ci_low: float
    ci_high: float
    p_value: float
    shown: bool | None
    margin: float
    n: int
    units: int
    confidence: float
    method: str
    reason: str = ""


@statistic(
    title="Is it worse by less than a margin?",
    design="two systems, same items",
    source="Schuirmann 1987; Wellek 2010",
    trap="The margin must be fixed before the data; “not significantly worse” is no evidence.",
)
def noninferiority(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    margin: float,
    confidence: float = 0.95,
    clusters: npt.ArrayLike | None = None,
) -> MarginTest:
    """Is a worse than b by less than ``margin``? One-sided paired t test of mean(a - b) > -margin.

    ``a``, ``b``: (n,) values of the same examples, higher better; a pair with a NaN is left out. ``margin``: above 0, in
    their unit. ``clusters``: (n,) labels of documents or prompt families; cluster-robust then.
    The upper limit is infinite: it is a one-sided claim.
    """
    return _test(a, b, margin, confidence, clusters, both=False)


@statistic(
    title="Are two systems within a margin of each other?",
    design="two systems, same items",
    source="Schuirmann 1987",
    trap="Its interval has confidence 1 - 2·alpha: 90 % for a test at 5 %.",
)
def equivalence(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    margin: float,
    confidence: float = 0.95,
    clusters: npt.ArrayLike | None = None,
) -> MarginTest:
    """Do a and b differ by less than ``margin`` either way? Two one-sided paired t tests; p is the larger of the two.

    Arguments as in `noninferiority`. The interval has confidence 1 - 2·(1 - ``confidence``): 90 % for 0.95.
    """
    return _test(a, b, margin, confidence, clusters, both=True)


def _test(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    margin: float,
    confidence: float,
    clusters: npt.ArrayLike | None,
    both: bool,
) -> MarginTest:
    check_confidence(confidence)
    if not margin > 0:
        raise ValueError(f"margin must be above 0, in the unit of the values; got {margin!r}")
    first, second = as_pairs(a, b)
    groups = one_each(len(first)) if clusters is None else encode(clusters, len(first))
    kept: BoolArray = ~(np.isnan(first) | np.isnan(second))
    difference, groups = (first - second)[kept], groups.take(kept)
    name = "equivalence, two one-sided" if both else "non-inferiority, one-sided"
    method = f"{name} {'cluster-robust ' if clusters is not None else ''}t, {max(groups.count - 1, 0)} df"
    delta = float(difference.mean()) if len(difference) else math.nan

    def result(low: float, high: float, p_value: float, shown: bool | None, reason: str = "") -> MarginTest:
        return MarginTest(
            delta, low, high, p_value, shown, margin, len(difference), groups.count, confidence, method, reason
        )

    if groups.count < 2:
        return result(math.nan, math.nan, math.nan, None, "two examples or clusters are needed")
    df = groups.count - 1
    se = math.sqrt(cluster_variance(difference, groups, correction=True))
    if se <= 1e-12 * max(1.0, abs(delta)):
        reason = "all differences are equal: there is no variance to test with"
        return result(math.nan, math.nan, math.nan, None, reason)
    half = float(stats.t.ppf(confidence, df)) * se
    p_low = float(stats.t.sf((delta + margin) / se, df))
    p_high = float(stats.t.cdf((delta - margin) / se, df))
    p_value = max(p_low, p_high) if both else p_low
    return result(delta - half, delta + half if both else math.inf, p_value, p_value <= 1 - confidence)
