"""Ratings with crossed random intercepts of item and rater: what is the treatment's effect, and where does variation come from?

rating = fixed + item + rater + noise, by restricted maximum likelihood (Patterson & Thompson 1971; Bates et al. 2015 for the
profiled form). Items are many and their block of the equations is diagonal, so they are swept out exactly and only a raters ×
raters system is solved. An item's entry depends on nothing but its number of ratings, so all that the search needs is summed once
over the items of each number: a step costs the same for a hundred ratings and for a million.

The response is taken as a number. For scales of three steps or with heaps at an end the ordinal model is the better one
(Howcroft & Rieser 2021): see `cumulative_logit`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse, stats

from evaluation.stats.figure import BoolArray, FloatArray, as_values, check_confidence
from evaluation.stats.grouping import Groups, as_labels, crossed, encode_kept
from evaluation.stats.statistic import statistic

HIGHEST_RATIO = 100.0  # of a random sd to the noise sd, where the search ends


@dataclass(frozen=True, slots=True, eq=False)
class MixedEffects:
    """``terms``: "(intercept)", then each treatment but the first; ``estimates``, ``se``, ``ci_low``, ``ci_high``, ``p_values``
    (terms,) of the intercept and of the differences from the first treatment. ``df`` (terms,): degrees of freedom of the t.

    ``item_variance``, ``rater_variance``, ``residual_variance``: where a single rating's variation comes from; ``icc``: the items'
    share, the reliability of one rater. ``log_likelihood``: restricted. ``reason`` says why figures are NaN or need caution.
    """

    terms: tuple[str, ...]
    estimates: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    p_values: FloatArray
    covariance: FloatArray
    df: FloatArray
    item_variance: float
    rater_variance: float
    residual_variance: float
    log_likelihood: float
    n: int
    items: int
    raters: int
    confidence: float
    reason: str = ""

    @property
    def icc(self) -> float:
        """Share of the items in the variance of one rating, NaN where there is none."""
        total = self.item_variance + self.rater_variance + self.residual_variance
        return self.item_variance / total if total > 0 else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Sums over the columns, which are the fixed ones and the responses side by side (n, c).

    ``per_rater`` (r,) ratings and ``rater_sums`` (r, c) of each rater; ``crossproduct`` (c, c) of the columns. By the number of
    ratings an item has, ``sizes`` (k,): ``items`` (k,) such items, and summed over these ``pairs`` (k, r, r) of the counts of
    their raters, ``mixed`` (k, r, c) of these with the items' sums, ``squares`` (k, c, c) of the items' sums.
    """

    n: int
    per_rater: FloatArray
    rater_sums: FloatArray
    crossproduct: FloatArray
    sizes: FloatArray
    items: FloatArray
    pairs: FloatArray
    mixed: FloatArray
    squares: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """At given ratios of standard deviations: coefficients, (X'V⁻¹X)⁻¹ in units of the noise, noise and criterion."""

    coefficients: FloatArray
    inverse: FloatArray
    noise: float
    criterion: float


@statistic(
    title="Effects of treatments with random items and raters",
    design="items crossed with raters",
    source="Patterson & Thompson 1971; Bates et al. 2015",
    trap="The response is a number: with three steps or heaps at an end take the ordinal model.",
)
def mixed_effects(
    ratings: npt.ArrayLike,
    items: npt.ArrayLike,
    raters: npt.ArrayLike,
    treatment: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> MixedEffects:
    """Fit ``ratings`` (n,), NaN left out, with random ``items`` (n,) and ``raters`` (n,) and a fixed ``treatment`` (n,), the model
    that wrote the answer, say; the first in sorted order is the one the others are compared with.

    Items and raters are random intercepts: the effect of the treatment is taken to be the same for all of them. Intervals are t
    with degrees of freedom by containment: those of the intercept are the fewer of items and raters less one; those of a
    treatment are the noise's where items and raters saw several treatments, the items' or raters' where each saw only one.

    ValueError: labels of another length, or a rating without item, rater or treatment.
    """
    check_confidence(confidence)
    sample = as_values(ratings, "ratings")
    kept: BoolArray = ~np.isnan(sample)
    sample = sample[kept]
    by_item, by_rater = encode_kept(items, kept, "items"), encode_kept(raters, kept, "raters")
    names, fixed, by_treatment = _design(treatment, kept)
    terms = ("(intercept)", *(str(name) for name in names[1:]))
    n, p = fixed.shape
    nothing = np.full(len(terms), np.nan)

    def absent(reason: str) -> MixedEffects:
        return MixedEffects(
            terms, nothing, nothing, nothing, nothing, nothing, np.full((p, p), np.nan), nothing,
            math.nan, math.nan, math.nan, math.nan, n, by_item.count, by_rater.count, confidence, reason,
        )  # fmt: skip

    if by_item.count < 2 or by_rater.count < 2:
        return absent("two items and two raters are needed to tell their variation apart")
    if n in (by_item.count, by_rater.count):
        return absent(
            "no item was rated twice, or no rater rated twice: their variation and noise cannot be told apart"
        )
    if n <= p + 1:
        return absent(f"{n} ratings for {p} fixed terms leave nothing to estimate variation from")
    if np.ptp(sample) <= 1e-12 * max(1.0, float(np.abs(sample).max())):
        return absent("all ratings are equal: there is no variation to divide")
    data = _sums(np.column_stack([fixed, sample]), by_item, by_rater)
    ratios = _search(data)
    fit = _solve(data, *ratios)
    df = _degrees_of_freedom(by_treatment, by_item, by_rater, n, p)
    covariance = fit.noise * fit.inverse
    se = np.sqrt(np.diag(covariance))
    half = stats.t.ppf((1 + confidence) / 2, df) * se
    if max(ratios) > 0.99 * HIGHEST_RATIO:
        return absent("items, raters and treatments explain the ratings without noise: no errors can be estimated")
    edges = [name for name, ratio in zip(("items", "raters"), ratios, strict=True) if ratio < 1e-4]
    return MixedEffects(
        terms=terms,
        estimates=fit.coefficients,
        se=se,
        ci_low=fit.coefficients - half,
        ci_high=fit.coefficients + half,
        p_values=2 * stats.t.sf(np.abs(fit.coefficients) / se, df),
        covariance=covariance,
        df=df,
        item_variance=ratios[0] ** 2 * fit.noise,
        rater_variance=ratios[1] ** 2 * fit.noise,
        residual_variance=fit.noise,
        log_likelihood=-fit.criterion / 2,
        n=n,
        items=by_item.count,
        raters=by_rater.count,
        confidence=confidence,
        reason=f"no variation between {' and between '.join(edges)} was found beyond noise" if edges else "",
    )


def _design(treatment: npt.ArrayLike | None, kept: BoolArray) -> tuple[list[Any], FloatArray, Groups]:
    """The treatments' names, the fixed columns (n, p): ones and one for each treatment but the first, and the groups."""
    n = int(kept.sum())
    ones = np.ones((n, 1))
    if treatment is None or n == 0:
        return [""], ones, Groups(np.zeros(n, dtype=np.intp), 1)
    groups = encode_kept(treatment, kept, "treatment")
    labels = as_labels(treatment)[kept]
    names = sorted(set(labels.tolist()), key=lambda name: (str(type(name)), name))
    first = np.unique(groups.codes, return_index=True)[1]
    place = np.array([names.index(labels[row]) for row in first], dtype=np.intp)
    return names, np.column_stack([ones, np.eye(len(names))[place[groups.codes]][:, 1:]]), groups


def _degrees_of_freedom(by_treatment: Groups, by_item: Groups, by_rater: Groups, n: int, p: int) -> FloatArray:
    """By containment, (p,): the intercept's, then the same for each treatment."""
    of_intercept = min(by_item.count, by_rater.count) - 1
    choices = [n - by_item.count - by_rater.count + 1 - (p - 1)]
    for groups in (by_item, by_rater):
        if crossed(groups, by_treatment).count == groups.count:  # each saw one treatment only
            choices.append(groups.count - p)
    return np.array([of_intercept] + [max(min(choices), 1)] * (p - 1), dtype=np.float64)


def _sums(columns: FloatArray, by_item: Groups, by_rater: Groups) -> _Data:
    table = sparse.csr_array(
        (np.ones(len(columns)), (by_item.codes, by_rater.codes)), shape=(by_item.count, by_rater.count)
    )
    table.sum_duplicates()
    item_sums = by_item.sums(columns)
    sizes, kind = np.unique(by_item.sizes(), return_inverse=True)
    members = [np.flatnonzero(kind == k) for k in range(len(sizes))]
    return _Data(
        n=len(columns),
        per_rater=by_rater.sizes(),
        rater_sums=by_rater.sums(columns),
        crossproduct=columns.T @ columns,
        sizes=sizes,
        items=np.array([len(rows) for rows in members], dtype=np.float64),
        pairs=np.stack([(table[rows].T @ table[rows]).toarray() for rows in members]),
        mixed=np.stack([table[rows].T @ item_sums[rows] for rows in members]),
        squares=np.stack([item_sums[rows].T @ item_sums[rows] for rows in members]),
    )


def _search(data: _Data) -> tuple[float, float]:
    """The ratios of item and rater sd to noise sd at the maximum; both may be 0, the edge of their range."""

    def criterion(ratios: FloatArray) -> float:
        return _solve(data, float(ratios[0]), float(ratios[1])).criterion

    best: tuple[float, FloatArray] = (math.inf, np.zeros(2))
    # The profile may have its maximum at an edge, where a search from inside stalls: begin at two places.
    for start in ((1.0, 0.5), (0.1, 0.1)):
        found = optimize.minimize(
            criterion, start, method="L-BFGS-B", bounds=[(0, HIGHEST_RATIO)] * 2, options={"ftol": 1e-12, "gtol": 1e-7}
        )
        if found.fun < best[0] - 1e-10:
            best = float(found.fun), found.x
    return float(best[1][0]), float(best[1][1])


def _solve(data: _Data, item_ratio: float, rater_ratio: float) -> _Fit:
    """Generalised least squares for V = noise · (I + item_ratio² ZZ' + rater_ratio² WW'), profiled over the noise.

    With spherical effects u, v (z = ratio · u) the penalised normal equations have an identity added to each block; items are
    swept out first, then raters.
    """
    p = data.crossproduct.shape[0] - 1
    item_diagonal = item_ratio**2 * data.sizes + 1.0  # of an item with so many ratings
    both, swept = item_ratio * rater_ratio, 1 / item_diagonal
    raters = np.diag(rater_ratio**2 * data.per_rater + 1.0) - both**2 * np.tensordot(swept, data.pairs, 1)
    rater_right = rater_ratio * data.rater_sums - both * item_ratio * np.tensordot(swept, data.mixed, 1)
    factor = np.linalg.cholesky(raters)
    whitened = np.linalg.solve(factor, rater_right)
    reduced = data.crossproduct - item_ratio**2 * np.tensordot(swept, data.squares, 1) - whitened.T @ whitened
    information, right, square = reduced[:p, :p], reduced[:p, p], reduced[p, p]
    inverse = np.linalg.inv(information)
    coefficients = inverse @ right
    free = data.n - p
    noise = max(float(square - right @ coefficients), 1e-300) / free
    logdet_fixed = float(np.linalg.slogdet(information)[1])
    logdet = float(data.items @ np.log(item_diagonal)) + 2 * float(np.log(np.diag(factor)).sum()) + logdet_fixed
    return _Fit(coefficients, inverse, noise, logdet + free * (1 + math.log(2 * math.pi * noise)))
