"""Severe and lenient raters on one scale: what each adds to a rating, with the items' own quality taken out.

Additive least squares, rating = item + rater + noise, the raters' shifts adding up to 0 (Linacre 1989 for the idea; the
linear form is the two-way analysis of variance without interaction). A rater's mean alone, and z-scores, confound severity
with the items that were drawn. For a scale of few steps see `cumulative_logit`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats
from scipy.sparse import csgraph

from evaluation.stats.figure import BoolArray, FloatArray, as_values, check_confidence
from evaluation.stats.grouping import Groups, named
from evaluation.stats.statistic import statistic


@dataclass(frozen=True, slots=True, eq=False)
class Severity:
    """``shifts`` (r,): what each rater adds, in points, below 0 severe, in the order of ``raters``, mean 0; with standard
    errors and limits. ``item_means`` (i,): what an average rater would give each of ``items``. ``residual_sd``: the noise.
    ``ratings`` (r,): how many each gave. ``reason`` says why figures are NaN."""

    raters: tuple[Any, ...]
    shifts: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    ratings: FloatArray
    items: tuple[Any, ...]
    item_means: FloatArray
    residual_sd: float
    df: int
    confidence: float
    reason: str = ""


@statistic(
    title="Severity of raters in points, items taken out",
    design="items crossed with raters",
    source="Linacre 1989; two-way analysis of variance",
    trap="Raters compare only if shared items connect them.",
)
def rater_severity(
    ratings: npt.ArrayLike, items: npt.ArrayLike, raters: npt.ArrayLike, confidence: float = 0.95
) -> Severity:
    """Fit ``ratings`` (n,), NaN left out, by ``items`` (n,) and ``raters`` (n,) labels of any kind.

    Raters must be connected: rater A and rater B compare if they share an item, or each shares one with a third. Where they
    are not, the shifts are NaN and ``reason`` says how many separate groups there are. Without a degree of freedom left the
    shifts stand, and their standard errors are NaN.
    """
    check_confidence(confidence)
    sample = as_values(ratings, "ratings")
    kept: BoolArray = ~np.isnan(sample)
    sample = sample[kept]
    item_names, by_item = named(items, kept, "items")
    rater_names, by_rater = named(raters, kept, "raters")
    per_rater = by_rater.sizes()
    nothing = np.full(by_rater.count, np.nan)

    def absent(reason: str) -> Severity:
        return Severity(
            rater_names, nothing, nothing, nothing, nothing, per_rater, item_names,
            np.full(by_item.count, np.nan), math.nan, 0, confidence, reason,
        )  # fmt: skip

    if by_rater.count < 2:
        return absent("one rater: nobody to be more severe than" if by_rater.count else "no ratings")
    parts = connected_groups(by_item, by_rater)
    if parts > 1:
        return absent(f"the raters fall into {parts} groups that share no item: severities do not compare")

    table = sparse.csr_array((np.ones(len(sample)), (by_item.codes, by_rater.codes)), (by_item.count, by_rater.count))
    per_item = by_item.sizes()
    # Items swept out: what is left is one equation per rater, singular along "all raters alike", which the mean 0 fixes.
    within = np.diag(per_rater) - np.asarray((table.T @ (sparse.diags_array(1 / per_item) @ table)).todense())
    right = by_rater.sums(sample) - np.asarray(table.T @ (by_item.sums(sample) / per_item))
    inverse = np.linalg.pinv(within, hermitian=True)
    shifts = inverse @ right
    item_means = (by_item.sums(sample) - np.asarray(table @ shifts)) / per_item
    residuals = sample - item_means[by_item.codes] - shifts[by_rater.codes]
    df = len(sample) - by_item.count - by_rater.count + 1
    residual_sd = math.sqrt(float(residuals @ residuals) / df) if df > 0 else math.nan
    se = residual_sd * np.sqrt(np.diag(inverse))
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * se if df > 0 else nothing
    return Severity(
        raters=rater_names,
        shifts=shifts,
        se=se,
        ci_low=shifts - half,
        ci_high=shifts + half,
        ratings=per_rater,
        items=item_names,
        item_means=item_means,
        residual_sd=residual_sd,
        df=df,
        confidence=confidence,
        reason="" if df > 0 else "as many unknowns as ratings: no noise to judge the shifts by",
    )


def connected_groups(items: Groups, raters: Groups) -> int:
    """Into how many groups without a common item the raters fall; 1 is a connected design."""
    size = items.count + raters.count
    edges = sparse.csr_array((np.ones(len(items.codes)), (items.codes, items.count + raters.codes)), shape=(size, size))
    return int(csgraph.connected_components(edges, directed=False, return_labels=False))
