"""The likelihood of pairwise votes with ties, and its maximum: the engine of `preference`.

All three models are concave in (strengths, tie parameter), so Newton's method finds the one maximum if it is finite. Whether it
is (no model or group of models that never loses: Ford 1957) is decided before, by a linear programme (Albert & Anderson 1984),
never hidden by a ridge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from evaluation.stats.figure import FloatArray, IntArray

Ties = Literal["davidson", "rao_kupper", "half"]

LEFT, RIGHT, TIE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Rows:
    """The distinct (left, right, outcome), how often each came, and which of them each battle is."""

    left: IntArray
    right: IntArray
    outcome: IntArray
    weight: FloatArray
    of_battle: IntArray


@dataclass(frozen=True, slots=True)
class Fit:
    """The maximum: ``parameters`` are contrasts of strengths, then position, then the tie's; ``scores`` (rows, p)."""

    parameters: FloatArray
    log_likelihood: float
    scores: FloatArray
    information: FloatArray


def why_no_maximum(rows: Rows, design: FloatArray, contrasts: FloatArray, has_tie: bool, names: tuple[str, ...]) -> str:
    """Why the likelihood has no single finite maximum; empty if it has one.

    It has none when some direction of the parameters makes no observed outcome less likely than any alternative, and
    one of them more likely, for ever. The linear programme looks for the steepest such direction in a box.
    """
    if len(names) < 2:
        return "no battles between two models"
    if has_tie and (rows.outcome == TIE).all():
        return "every battle is a tie: strengths are undetermined"
    spread = np.linalg.eigvalsh(design.T @ design)
    if spread[0] <= 1e-9 * spread[-1]:
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


def newton(rows: Rows, design: FloatArray, ties: Ties, has_tie: bool) -> Fit | None:
    """Newton's method with halved steps; None if it does not arrive in 100 of them."""
    # Each row's (d, tie parameter) is linear in the parameters: (r, 2, p).
    slopes = np.zeros((len(design), 2, design.shape[1] + has_tie))
    slopes[:, 0, : design.shape[1]] = design
    if has_tie:
        slopes[:, 1, -1] = 1.0

    stacked = slopes.reshape(-1, slopes.shape[2])

    def evaluate(parameters: FloatArray) -> Fit:
        d = design @ parameters[: design.shape[1]]
        shape = float(parameters[-1]) if has_tie else None
        log_p, gradient, hessian = _outcome_terms(d, shape, rows.outcome, ties)
        scores = np.einsum("rs,rsp->rp", gradient, slopes)
        curved = (rows.weight[:, None, None] * hessian) @ slopes  # (r, 2, p)
        information = -stacked.T @ curved.reshape(stacked.shape)
        return Fit(parameters, float(rows.weight @ log_p), scores, information)

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
