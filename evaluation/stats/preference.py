"""Strengths of models from pairwise preferences with ties: Bradley–Terry and its two extensions.

With d = strength of the left answer minus the right one's (+ the advantage of standing left, if asked for):

- ``davidson``: P(left) : P(right) : P(tie) = e^(d/2) : e^(-d/2) : nu (Davidson 1970)
- ``rao_kupper``: P(left) = F(d - eta), P(right) = F(-d - eta), the rest is the tie; theta = e^eta (Rao & Kupper 1967)
- ``half``: a tie is half a win for each, as public leaderboards count it; shrinks strengths together

The likelihood and its maximum are in `preference_fit`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.clustered import VarianceComponents, crossed_variance
from evaluation.stats.figure import FloatArray, Interval, check_confidence, no_interval
from evaluation.stats.grouping import Groups, as_labels, crossed, encode
from evaluation.stats.intervals import bootstrap
from evaluation.stats.preference_fit import LEFT, RIGHT, TIE, Fit, Rows, Ties, newton, why_no_maximum
from evaluation.stats.statistic import statistic

Battle = tuple[str, str, str]  # left, right, "left" | "right" | "tie"

_OUTCOMES = {"left": LEFT, "right": RIGHT, "tie": TIE}
_METHODS = {"davidson": "Davidson", "rao_kupper": "Rao–Kupper", "half": "Bradley–Terry with ties as half wins"}


@dataclass(frozen=True, slots=True, eq=False)
class BradleyTerry:
    """Strengths on the log scale with mean 0, in the order of ``names``; e^(s_i - s_j) is the odds of i against j.

    ``covariance`` (m, m) is that of the centred strengths; ``win_rate`` counts a tie as half a win.
    ``tie``: Davidson's nu or Rao and Kupper's theta, NaN without ties or with ``half``. ``position``: the left
    answer's advantage in log odds, if it was asked for. ``reason`` says why strengths are NaN.
    """

    names: tuple[str, ...]
    strengths: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    win_rate: FloatArray
    covariance: FloatArray
    tie: float
    position: Interval | None
    log_likelihood: float
    battles: int
    confidence: float
    method: str
    reason: str = ""


@statistic(
    title="Strengths of models from pairwise votes with ties",
    design="pairwise votes",
    source="Bradley & Terry 1952; Davidson 1970; Rao & Kupper 1967",
    trap="Without `items` and `raters` every vote counts as independent, and the intervals are too narrow.",
)
def bradley_terry(
    battles: Sequence[Battle],
    ties: Ties = "davidson",
    confidence: float = 0.95,
    *,
    position: bool = False,
    items: npt.ArrayLike | None = None,
    raters: npt.ArrayLike | None = None,
) -> BradleyTerry:
    """Fit strengths to ``battles``: (left, right, "left"|"right"|"tie") by maximum likelihood.

    ``items``, ``raters``: one label a battle. Votes on the same item or by the same rater are not independent; with
    either or both the intervals are cluster-robust, with t's quantiles for as few clusters as there are.
    ``position``: also estimate the advantage of standing left.

    ValueError: an outcome of another name, a model against itself, or names of several kinds, with the battle's number.
    """
    check_confidence(confidence)
    if ties not in get_args(Ties):
        raise ValueError(f"ties must be one of {', '.join(get_args(Ties))}; got {ties!r}")
    counted = _counted(battles)
    names = names_of(battles, counted)
    labelled = (("items", items), ("raters", raters))
    given = [(name, labels) for name, labels in labelled if labels is not None]
    clusters = [encode(labels, len(battles), name) for name, labels in given]
    method = f"{_METHODS[ties]}, {('Fisher information', 'cluster-robust', 'two-way cluster-robust')[len(clusters)]}"
    rows = _rows(counted, names, battles if clusters else ())
    win_rate = _win_rates(rows, len(names))
    has_tie = bool((rows.outcome == TIE).any()) and ties != "half"

    contrasts = _centred_basis(len(names))
    design = contrasts[rows.left] - contrasts[rows.right]
    if position:
        design = np.column_stack([design, np.ones(len(design))])
    reason = why_no_maximum(rows, design, contrasts, has_tie, names)
    fit = None if reason else newton(rows, design, ties, has_tie)
    if fit is None:
        nothing = np.full(len(names), np.nan)
        reason = reason or "the fit did not converge: the battles hardly determine the strengths"
        return BradleyTerry(
            names=names,
            strengths=nothing,
            ci_low=nothing,
            ci_high=nothing,
            win_rate=win_rate,
            covariance=np.full((len(names), len(names)), np.nan),
            tie=math.nan,
            position=no_interval(math.nan, confidence, len(battles), method, reason) if position else None,
            log_likelihood=math.nan,
            battles=len(battles),
            confidence=confidence,
            method=method,
            reason=reason,
        )

    m = contrasts.shape[1]
    strengths = contrasts @ fit.parameters[:m]
    # Of each strength, and then of the position if there is one: how it hangs on the parameters.
    directions = np.zeros((len(names) + position, len(fit.parameters)))
    directions[: len(names), :m] = contrasts
    if position:
        directions[-1, m] = 1.0
    covariance, variance, df = _spread(fit, rows, clusters, directions)
    widths = stats.t.ppf((1 + confidence) / 2, df) * np.sqrt(variance)
    half = widths[: len(names)]
    lone = next((name for (name, _), groups in zip(given, clusters, strict=True) if groups.count == 1), None)
    reason = f"all battles are of one of the {lone}: their spread cannot be known" if lone else ""
    advantage = None
    if position:
        gamma, width = float(fit.parameters[m]), float(widths[-1])
        advantage = Interval(gamma, gamma - width, gamma + width, confidence, len(battles), "Wald", reason)
    return BradleyTerry(
        names=names,
        strengths=strengths,
        ci_low=strengths - half,
        ci_high=strengths + half,
        win_rate=win_rate,
        covariance=contrasts @ covariance[:m, :m] @ contrasts.T,
        tie=math.exp(float(fit.parameters[-1])) if has_tie else math.nan,
        position=advantage,
        log_likelihood=fit.log_likelihood,
        battles=len(battles),
        confidence=confidence,
        method=method,
        reason=reason,
    )


@statistic(
    title="Share of a model's battles that it won",
    design="pairwise votes",
    source="Efron & Tibshirani 1993 (interval)",
    trap="It depends on whom the model met.",
)
def win_share(
    battles: Sequence[Battle],
    name: str,
    items: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Share of ``name``'s battles that it won, a tie being half a win: all that two models need.

    ``items``: one label a battle; the interval resamples whole items.
    """
    _counted(battles)  # refuses what is no battle
    labels = np.arange(len(battles)) if items is None else as_labels(items)
    own = [number for number, (left, right, _) in enumerate(battles) if name in (left, right)]
    credit = {"left": 1.0, "tie": 0.5, "right": 0.0}
    won = [
        credit[outcome] if left == name else 1 - credit[outcome]
        for left, _, outcome in (battles[number] for number in own)
    ]
    return bootstrap(won, clusters=labels[own], method="expanded", confidence=confidence, seed=seed)


def _counted(battles: Sequence[Battle]) -> Counter[Battle]:
    """How often each distinct battle came: a million votes on twenty models are at most 1,140 of them.

    ValueError with the battle's number: not three parts, an outcome of another name, or a model against itself.
    """
    try:
        counted = _tally(battles)
        if all(outcome in _OUTCOMES and left != right for left, right, outcome in counted):
            return counted
    except (TypeError, ValueError):  # not three parts, or a name that can't be looked up: the loop says which
        pass
    for number, battle in enumerate(battles):
        check_battle(number, battle)
    raise AssertionError("a battle was refused that is not among those given")


def _tally(battles: Sequence[Battle]) -> Counter[Battle]:
    try:
        return Counter(battles)
    except TypeError:  # rows read from JSON are lists
        return Counter((left, right, outcome) for left, right, outcome in battles)


def check_battle(number: int, battle: Any) -> None:
    """ValueError with the battle's number, where it is none."""
    try:
        left, right, outcome = battle
    except (TypeError, ValueError):
        raise ValueError(f"battle {number}: give left, right and outcome; got {battle!r}") from None
    for name in (left, right):
        if not isinstance(name, Hashable):
            raise ValueError(f"battle {number}: {name!r} is no name of a model")
    if not isinstance(outcome, str) or outcome not in _OUTCOMES:
        raise ValueError(f"battle {number}: the outcome must be left, right or tie; got {outcome!r}")
    if left == right:
        raise ValueError(f"battle {number}: {left!r} cannot stand against itself")


def names_of(battles: Sequence[Battle], counted: Iterable[Battle]) -> tuple[str, ...]:
    """The models' names, sorted. ValueError with the battle's number where one is of another kind than those before.

    ``counted``: the distinct battles among ``battles``, of which there are fewer.
    """
    try:
        return tuple(sorted({name for left, right, _ in counted for name in (left, right)}))
    except TypeError:
        kind = type(battles[0][0])
        for number, (left, right, _) in enumerate(battles):
            for name in (left, right):
                if type(name) is not kind:
                    told = f"{name!r} is of type {type(name).__name__}, the names before it of type {kind.__name__}"
                    raise ValueError(f"battle {number}: {told}; give all names as text") from None
        raise ValueError(f"names of type {kind.__name__} have no order: give them as text") from None


def _rows(counted: Counter[Battle], names: tuple[str, ...], numbered: Sequence[Battle]) -> Rows:
    """Models and outcomes as numbers. ``numbered``: the battles one by one, where it matters which row each of them is."""
    place = {name: code for code, name in enumerate(names)}
    code = {battle: (place[battle[0]], place[battle[1]], _OUTCOMES[battle[2]]) for battle in counted}
    distinct = sorted(counted, key=code.__getitem__)
    row = {battle: number for number, battle in enumerate(distinct)}
    left, right, outcome = np.array([code[battle] for battle in distinct], dtype=np.intp).reshape(-1, 3).T.copy()
    weight = np.array([counted[battle] for battle in distinct], dtype=np.float64)
    return Rows(
        left,
        right,
        outcome,
        weight,
        np.array([row[left, right, outcome] for left, right, outcome in numbered], dtype=np.intp),
    )


def _win_rates(rows: Rows, models: int) -> FloatArray:
    won, fought = np.zeros(models), np.zeros(models)
    credit = np.select([rows.outcome == LEFT, rows.outcome == TIE], [1.0, 0.5], 0.0)
    for side, share in ((rows.left, credit), (rows.right, 1 - credit)):
        won += np.bincount(side, weights=rows.weight * share, minlength=models)
        fought += np.bincount(side, weights=rows.weight, minlength=models)
    return won / np.where(fought == 0, np.nan, fought)


def _centred_basis(models: int) -> FloatArray:
    """Orthonormal columns (m, m-1) orthogonal to the ones: their combinations are strengths with mean 0."""
    return np.linalg.svd(np.eye(models) - 1 / max(models, 1))[0][:, : max(models - 1, 0)]


def _spread(
    fit: Fit, rows: Rows, clusters: list[Groups], directions: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariance of the parameters (p, p); variance and degrees of freedom of each of ``directions`` (d, p) of them.

    With one grouping the sandwich by its clusters; with two the sum of both less that of their cells, and for the variances
    `clustered.crossed_variance`, which is never below either alone. NaN where a grouping has a single cluster.
    """
    bread: FloatArray = np.asarray(np.linalg.inv(fit.information), dtype=np.float64)

    def along(covariance: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("dp,pq,dq->d", directions, covariance, directions), dtype=np.float64)

    if not clusters:
        return bread, along(bread), np.full(len(directions), np.inf)
    scores = fit.scores[rows.of_battle]

    def sandwich(groups: Groups) -> FloatArray:
        sums = groups.sums(scores)
        correction = groups.count / (groups.count - 1) if groups.count > 1 else math.nan
        return np.asarray(correction * bread @ (sums.T @ sums) @ bread)

    alone = [sandwich(groups) for groups in clusters]
    if len(alone) == 1:
        return alone[0], along(alone[0]), np.full(len(directions), max(clusters[0].count - 1, 1))
    if min(groups.count for groups in clusters) < 2:
        nothing = np.full(len(directions), np.nan)
        return np.full_like(bread, np.nan), nothing, nothing
    of_cell = sandwich(crossed(*clusters))
    combined = [
        crossed_variance(VarianceComponents(*map(float, parts)), *clusters)
        for parts in zip(*map(along, (*alone, of_cell)), strict=True)
    ]
    variance, df = np.array(combined).T
    # May have negative directions: they are set to 0, as the authors advise.
    values, vectors = np.linalg.eigh(alone[0] + alone[1] - of_cell)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T, dtype=np.float64), variance, df
