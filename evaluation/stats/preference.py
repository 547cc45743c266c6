"""Strengths of models from pairwise preferences with ties: Bradley–Terry and its two extensions.

With d = strength of the left answer minus the right one's (+ the advantage of standing left, if asked for):

- ``davidson``: P(left) : P(right) : P(tie) = e^(d/2) : e^(-d/2) : nu (Davidson 1970)
- ``rao_kupper``: P(left) = F(d - eta), P(right) = F(-d - eta), the rest is the tie; theta = e^eta (Rao & Kupper 1967)
- ``half``: a tie is half a win for each, as public leaderboards count it; shrinks strengths together

All are concave in (strengths, tie parameter), so Newton's method finds the one maximum if it is finite. Whether it is
(no model or group of models that never loses: Ford 1957) is decided before, by a linear programme (Albert & Anderson
1984), never hidden by a ridge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from evaluation.stats.figure import FloatArray, IntArray, Interval, check_confidence, no_interval
from evaluation.stats.grouping import Groups, crossed, encode
from evaluation.stats.intervals import bootstrap
from evaluation.stats.statistic import statistic

Ties = Literal["davidson", "rao_kupper", "half"]
Battle = tuple[str, str, str]  # left, right, "left" | "right" | "tie"

LEFT, RIGHT, TIE = 0, 1, 2
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


@dataclass(frozen=True, slots=True)
class _Rows:
    """The distinct (left, right, outcome), how often each came, and which of them each battle is."""

    left: IntArray
    right: IntArray
    outcome: IntArray
    weight: FloatArray
    of_battle: IntArray


@dataclass(frozen=True, slots=True)
class _Fit:
    """The maximum: ``parameters`` are contrasts of strengths, then position, then the tie's; ``scores`` (rows, p)."""

    parameters: FloatArray
    log_likelihood: float
    scores: FloatArray
    information: FloatArray


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
    either or both the intervals are cluster-robust (two-way: V_item + V_rater - V_cell, but at least each alone).
    ``position``: also estimate the advantage of standing left.

    ValueError: an outcome of another name, or a model against itself, with the battle's number.
    """
    check_confidence(confidence)
    if ties not in get_args(Ties):
        raise ValueError(f"ties must be one of {', '.join(get_args(Ties))}; got {ties!r}")
    names = tuple(sorted({name for left, right, _ in battles for name in (left, right)}))
    rows = _distinct(battles, names)
    labelled = (("items", items), ("raters", raters))
    clusters = [encode(labels, len(battles), name) for name, labels in labelled if labels is not None]
    method = f"{_METHODS[ties]}, {('Fisher information', 'cluster-robust', 'two-way cluster-robust')[len(clusters)]}"
    win_rate = _win_rates(rows, len(names))
    has_tie = bool((rows.outcome == TIE).any()) and ties != "half"

    contrasts = _centred_basis(len(names))
    design = contrasts[rows.left] - contrasts[rows.right]
    if position:
        design = np.column_stack([design, np.ones(len(design))])
    reason = _why_no_maximum(rows, design, contrasts, has_tie, names)
    fit = None if reason else _newton(rows, design, ties, has_tie)
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
    covariances = _covariances(fit, rows, clusters)
    variance = np.max([np.diag(contrasts @ each[:m, :m] @ contrasts.T) for each in covariances], axis=0)
    half = float(stats.norm.ppf((1 + confidence) / 2)) * np.sqrt(variance)
    return BradleyTerry(
        names=names,
        strengths=strengths,
        ci_low=strengths - half,
        ci_high=strengths + half,
        win_rate=win_rate,
        covariance=contrasts @ covariances[0][:m, :m] @ contrasts.T,
        tie=math.exp(float(fit.parameters[-1])) if has_tie else math.nan,
        position=_left_advantage(fit, covariances, m, confidence, len(battles)) if position else None,
        log_likelihood=fit.log_likelihood,
        battles=len(battles),
        confidence=confidence,
        method=method,
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
    labels = np.arange(len(battles)) if items is None else np.asarray(items)
    own = [number for number, (left, right, _) in enumerate(battles) if name in (left, right)]
    credit = {"left": 1.0, "tie": 0.5, "right": 0.0}
    won = [
        credit[outcome] if left == name else 1 - credit[outcome]
        for left, _, outcome in (battles[number] for number in own)
    ]
    return bootstrap(won, clusters=labels[own], method="expanded", confidence=confidence, seed=seed)


def _distinct(battles: Sequence[Battle], names: tuple[str, ...]) -> _Rows:
    place = {name: code for code, name in enumerate(names)}
    triples = np.empty((len(battles), 3), dtype=np.intp)
    for number, (left, right, outcome) in enumerate(battles):
        if outcome not in _OUTCOMES:
            raise ValueError(f"battle {number}: the outcome must be left, right or tie; got {outcome!r}")
        if left == right:
            raise ValueError(f"battle {number}: {left!r} cannot stand against itself")
        triples[number] = place[left], place[right], _OUTCOMES[outcome]
    distinct, of_battle, weight = np.unique(triples, axis=0, return_inverse=True, return_counts=True)
    left_of, right_of, outcome_of = distinct.T.copy()
    return _Rows(left_of, right_of, outcome_of, weight.astype(np.float64), of_battle.reshape(-1))


def _win_rates(rows: _Rows, models: int) -> FloatArray:
    won, fought = np.zeros(models), np.zeros(models)
    credit = np.select([rows.outcome == LEFT, rows.outcome == TIE], [1.0, 0.5], 0.0)
    for side, share in ((rows.left, credit), (rows.right, 1 - credit)):
        won += np.bincount(side, weights=rows.weight * share, minlength=models)
        fought += np.bincount(side, weights=rows.weight, minlength=models)
    return won / np.where(fought == 0, np.nan, fought)


def _centred_basis(models: int) -> FloatArray:
    """Orthonormal columns (m, m-1) orthogonal to the ones: their combinations are strengths with mean 0."""
    return np.linalg.svd(np.eye(models) - 1 / max(models, 1))[0][:, : max(models - 1, 0)]


def _why_no_maximum(
    rows: _Rows, design: FloatArray, contrasts: FloatArray, has_tie: bool, names: tuple[str, ...]
) -> str:
    """Why the likelihood has no single finite maximum; empty if it has one.

    It has none when some direction of the parameters makes no observed outcome less likely than any alternative, and
    one of them more likely, for ever. The linear programme looks for the steepest such direction in a box.
    """
    if len(names) < 2:
        return "no battles between two models"
    if has_tie and (rows.outcome == TIE).all():
        return "every battle is a tie: strengths are undetermined"
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return (
            "the battles do not tie all models together: some groups of models never met, "
            "or position and strength cannot be told apart"
        )
    outcomes = [design / 2, -design / 2] + ([np.zeros_like(design)] if has_tie else [])
    if has_tie:  # one more parameter, which only the utility of a tie holds
        outcomes = [np.column_stack([each, np.full(len(design), float(o == TIE))]) for o, each in enumerate(outcomes)]
    advantages = []
    for o, utility in enumerate(outcomes):
        seen = rows.outcome == o
        advantages += [(utility - other)[seen] for p, other in enumerate(outcomes) if p != o]
    if not has_tie:  # ties as half wins hold the two strengths together
        tied = rows.outcome == TIE
        advantages += [design[tied], -design[tied]]
    advantage = np.concatenate(advantages)
    found = optimize.linprog(-advantage.sum(axis=0), A_ub=-advantage, b_ub=np.zeros(len(advantage)), bounds=(-1, 1))
    if not found.success or -found.fun <= 1e-7:
        return ""
    direction = contrasts @ found.x[: contrasts.shape[1]]
    if np.ptp(direction) < 1e-7:
        return "position alone decides the battles: its advantage has no finite size"
    best = [name for name, value in zip(names, direction, strict=True) if value > direction.max() - 1e-7]
    return f"no finite strengths: {', '.join(best)} never lost to the other models; win rates still hold"


def _outcome_terms(
    d: FloatArray, shape: float | None, outcome: IntArray, ties: Ties
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log probability of each row's outcome (r,), its gradient (r, 2) and Hessian (r, 2, 2) in (d, tie parameter).

    ``shape`` is log nu (Davidson) or log theta (Rao–Kupper); None leaves plain Bradley–Terry, a tie being half of each.
    """
    if shape is None:
        share = np.select([outcome == LEFT, outcome == TIE], [1.0, 0.5], 0.0)
        p = special.expit(d)
        log_p = share * special.log_expit(d) + (1 - share) * special.log_expit(-d)
        return log_p, _pairs(share - p, np.zeros_like(d)), _matrices(-p * (1 - p), np.zeros_like(d), np.zeros_like(d))
    if ties == "davidson":
        utilities = np.stack([d / 2, -d / 2, np.full_like(d, shape)], axis=1)
        log_all = special.log_softmax(utilities, axis=1)
        left, right, tie = np.exp(log_all).T
        slope = np.choose(outcome, [0.5, -0.5, 0.0])
        mean = (left - right) / 2
        gradient = _pairs(slope - mean, (outcome == TIE) - tie)
        hessian = _matrices(mean**2 - (left + right) / 4, mean * tie, -tie * (1 - tie))
        return np.take_along_axis(log_all, outcome[:, None], axis=1)[:, 0], gradient, hessian
    # Rao–Kupper: P(tie) = F(d + eta) F(eta - d) (1 - e^(-2 eta)); the other two are logistic.
    up, down = special.expit(-d - shape), special.expit(d - shape)  # 1 - F(d + eta), 1 - F(eta - d)
    win, loss = special.expit(d - shape), special.expit(-d - shape)
    width = math.expm1(2 * shape)
    log_p = np.choose(
        outcome,
        [
            special.log_expit(d - shape),
            special.log_expit(-d - shape),
            special.log_expit(d + shape) + special.log_expit(shape - d) + math.log(-math.expm1(-2 * shape)),
        ],
    )
    gradient = _pairs(
        np.choose(outcome, [1 - win, loss - 1, up - down]),
        np.choose(outcome, [win - 1, loss - 1, up + down + 2 / width]),
    )
    bend_win, bend_loss = win * (1 - win), loss * (1 - loss)
    hessian = _matrices(
        np.choose(outcome, [-bend_win, -bend_loss, -bend_win - bend_loss]),
        np.choose(outcome, [bend_win, -bend_loss, bend_win - bend_loss]),
        np.choose(outcome, [-bend_win, -bend_loss, -bend_win - bend_loss - 4 * (width + 1) / width**2]),
    )
    return log_p, gradient, hessian


def _pairs(first: FloatArray, second: FloatArray) -> FloatArray:
    return np.stack([first, second], axis=1)


def _matrices(first: FloatArray, mixed: FloatArray, second: FloatArray) -> FloatArray:
    return np.stack([_pairs(first, mixed), _pairs(mixed, second)], axis=1)


def _newton(rows: _Rows, design: FloatArray, ties: Ties, has_tie: bool) -> _Fit | None:
    """Newton's method with halved steps; None if it does not arrive in 100 of them."""
    # Each row's (d, tie parameter) is linear in the parameters: (r, 2, p).
    slopes = np.zeros((len(design), 2, design.shape[1] + has_tie))
    slopes[:, 0, : design.shape[1]] = design
    if has_tie:
        slopes[:, 1, -1] = 1.0

    def evaluate(parameters: FloatArray) -> _Fit:
        d = design @ parameters[: design.shape[1]]
        shape = float(parameters[-1]) if has_tie else None
        log_p, gradient, hessian = _outcome_terms(d, shape, rows.outcome, ties)
        scores = np.einsum("rs,rsp->rp", gradient, slopes)
        information = -np.einsum("r,rsp,rst,rtq->pq", rows.weight, slopes, hessian, slopes, optimize=True)
        return _Fit(parameters, float(rows.weight @ log_p), scores, information)

    start = np.zeros(slopes.shape[2])
    if has_tie and ties == "rao_kupper":
        start[-1] = 1.0  # eta must be positive
    fit = evaluate(start)
    for _ in range(100):
        step = np.linalg.solve(fit.information, rows.weight @ fit.scores)
        size = 1.0
        while size > 1e-9:
            moved = fit.parameters + size * step
            if not (ties == "rao_kupper" and has_tie and moved[-1] <= 0):
                tried = evaluate(moved)
                if tried.log_likelihood >= fit.log_likelihood - 1e-12 * abs(fit.log_likelihood):
                    break
            size /= 2
        else:
            return None
        fit = tried
        if np.max(np.abs(size * step)) < 1e-10:
            return fit
    return None


def _covariances(fit: _Fit, rows: _Rows, clusters: list[Groups]) -> list[FloatArray]:
    """Covariance of the parameters; with two groupings also that of each alone, below which no variance may fall."""
    bread: FloatArray = np.asarray(np.linalg.inv(fit.information), dtype=np.float64)
    if not clusters:
        return [bread]
    scores = fit.scores[rows.of_battle]

    def sandwich(groups: Groups) -> FloatArray:
        sums = groups.sums(scores)
        correction = groups.count / (groups.count - 1) if groups.count > 1 else math.nan
        return np.asarray(correction * bread @ (sums.T @ sums) @ bread)

    alone = [sandwich(groups) for groups in clusters]
    if len(alone) == 1:
        return alone
    two_way = alone[0] + alone[1] - sandwich(crossed(*clusters))
    values, vectors = np.linalg.eigh(two_way)  # may have negative directions: set to 0, as the authors advise
    return [np.asarray((vectors * np.maximum(values, 0)) @ vectors.T, dtype=np.float64), *alone]


def _left_advantage(fit: _Fit, covariances: list[FloatArray], at: int, confidence: float, battles: int) -> Interval:
    gamma = float(fit.parameters[at])
    half = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(max(float(each[at, at]) for each in covariances))
    return Interval(gamma, gamma - half, gamma + half, confidence, battles, "Wald")
