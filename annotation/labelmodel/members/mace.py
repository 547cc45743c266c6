"""MACE: a source either knows, or answers from a habit of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from annotation.labelmodel.em import Climb, climb, expect
from annotation.labelmodel.errors import VoteError
from annotation.labelmodel.model import Estimate, LabelModel, Problem
from annotation.labelmodel.priors import ClassPriors, fixed_priors, log_priors, prevalence
from annotation.labelmodel.votes import sum_by
from evaluation.stats.figure import FloatArray

_START_NOISE = 0.5
_EM_SMOOTHING = 0.01  # spread over the classes


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    """Posteriors (items, classes) and, by worker, expected counts: habit (workers, classes), knowing (workers,)."""

    posteriors: FloatArray
    habit: FloatArray
    knowing: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Weights:
    """By worker: of spamming, of knowing (workers,), of each label when spamming (workers, classes). Under variational
    Bayes these are exponentials of expected logarithms and sum to less than 1. `log_density` is the objective's share."""

    spamming: FloatArray
    knowing: FloatArray
    habit: FloatArray
    log_density: float


def mace(
    problem: Problem,
    *,
    class_priors: ClassPriors = "uniform",
    method: Literal["vb", "em"] = "vb",
    spamming_prior: tuple[float, float] = (0.5, 0.5),
    habit_prior: float = 10.0,
    restarts: int = 10,
    seed: int = 0,
) -> Estimate:
    """With probability 1 - theta a worker gives the truth, otherwise a label from its own habit whatever the truth.

    class_priors     "uniform" (the paper's), "estimated", or one weight per class
    method           "vb" variational Bayes with the priors below; "em" maximum likelihood, with a hundredth of a vote
    spamming_prior   Beta prior of (spamming, knowing)
    habit_prior      Dirichlet prior of each label of a habit
    restarts         climbs from random starts, of which the one with the highest objective is kept; with several there is one more
                     from a start that takes no side, kept where it ends as high, so that a tie stays one
    seed             of the first start; restart r takes seed + r

    parameters: "competence" (workers,) 1 - theta, "habit" (workers, classes); NaN for a worker without votes.
    """
    if method not in ("vb", "em"):
        raise VoteError(f"method is “vb” or “em”; got {method!r}")
    if restarts < 1 or not all(0 < count < np.inf for count in (*spamming_prior, habit_prior)):
        raise VoteError("mace needs one restart or more and finite priors above 0")
    votes, cell = problem.votes, problem.votes.cell
    workers, classes = len(votes.workers), len(votes.classes)
    habit_cell = votes.worker * classes + votes.label
    fixed = fixed_priors(problem, class_priors)

    def expected(weights: _Weights, priors: FloatArray) -> tuple[_Expected, float]:
        by_habit = weights.spamming[votes.worker] * weights.habit.ravel()[habit_cell]
        either = by_habit + weights.knowing[votes.worker]
        posteriors, likelihood = expect(problem, cell, np.log(either), np.log(by_habit), log_priors(priors))
        knew = posteriors.ravel()[cell] * (weights.knowing[votes.worker] / either)
        counts = sum_by(habit_cell, 1 - knew, workers * classes).reshape(workers, classes)
        knowing = sum_by(votes.worker, knew, workers)
        return _Expected(posteriors, counts, knowing), likelihood + weights.log_density

    def weigh(now: _Expected) -> _Weights:
        if method == "em":
            return _smoothed(now, _EM_SMOOTHING / classes)
        return _variational(now, spamming_prior, habit_prior)

    def step(now: _Expected) -> tuple[_Expected, float]:
        return expected(weigh(now), prevalence(now.posteriors, fixed))

    def climbed(start: _Weights) -> tuple[float, Climb[_Expected]]:
        ended = climb(expected(start, even if fixed is None else fixed)[0], step, problem)
        return (ended.history[-1] if ended.history else -np.inf), ended

    even = np.full(classes, 1 / classes)
    random = (climbed(_random_weights(workers, classes, seed + restart)) for restart in range(restarts))
    highest, best = max(random, key=lambda ended: ended[0])
    if restarts > 1:
        objective, ended = climbed(_even_weights(workers, classes))
        if objective >= highest - problem.enough:
            best = ended

    posteriors = best.state.posteriors
    silent = np.bincount(votes.worker, minlength=workers) == 0
    competence, habit = _means(best.state, spamming_prior, habit_prior) if method == "vb" else _modes(best.state)
    competence[silent], habit[silent] = np.nan, np.nan
    parameters = {"competence": competence, "habit": habit}
    return Estimate(
        posteriors, prevalence(posteriors, fixed), best.converged, best.history, worker_parameters=parameters
    )


def _random_weights(workers: int, classes: int, seed: int) -> _Weights:
    """As crowd-kit draws its first start (both tables from the same seed), so that the two can be compared."""
    spamming = np.random.RandomState(seed).uniform(1, 2 + _START_NOISE, (workers, 2))
    habit = np.random.RandomState(seed).uniform(1, 2 + _START_NOISE, (workers, classes))
    spamming /= spamming.sum(axis=1, keepdims=True)
    return _Weights(spamming[:, 0], spamming[:, 1], habit / habit.sum(axis=1, keepdims=True), 0.0)


def _even_weights(workers: int, classes: int) -> _Weights:
    half = np.full(workers, 0.5)
    return _Weights(half, half, np.full((workers, classes), 1 / classes), 0.0)


def _smoothed(now: _Expected, smoothing: float) -> _Weights:
    """The maximum with `smoothing` added to every count; the density is that of the matching Dirichlet priors."""
    spamming, knowing = now.habit.sum(axis=1) + smoothing, now.knowing + smoothing
    habit = now.habit + smoothing
    total = spamming + knowing
    spamming, knowing, habit = spamming / total, knowing / total, habit / habit.sum(axis=1, keepdims=True)
    density = smoothing * (np.log(spamming).sum() + np.log(knowing).sum() + np.log(habit).sum())
    return _Weights(spamming, knowing, habit, float(density))


def _variational(now: _Expected, spamming_prior: tuple[float, float], habit_prior: float) -> _Weights:
    """Exponentials of expected logarithms under the variational posterior; minus its distance from the prior."""
    coin = np.column_stack([now.habit.sum(axis=1), now.knowing]) + np.asarray(spamming_prior)
    habit = now.habit + habit_prior
    distance = _divergence(coin, np.asarray(spamming_prior)) + _divergence(habit, np.full(habit.shape[1], habit_prior))
    weights = np.exp(special.digamma(coin) - special.digamma(coin.sum(axis=1, keepdims=True)))
    labels = np.exp(special.digamma(habit) - special.digamma(habit.sum(axis=1, keepdims=True)))
    return _Weights(weights[:, 0], weights[:, 1], labels, -distance)


def _divergence(posterior: FloatArray, prior: FloatArray) -> float:
    """Kullback–Leibler divergence of Dirichlet posteriors (workers, k) from their common prior (k,), summed."""
    total = posterior.sum(axis=1)
    logs = special.digamma(posterior) - special.digamma(total)[:, None]
    each = special.gammaln(total) - special.gammaln(posterior).sum(axis=1) + ((posterior - prior) * logs).sum(axis=1)
    of_prior = special.gammaln(prior.sum()) - special.gammaln(prior).sum()
    return float((each - of_prior).sum())


def _means(now: _Expected, spamming_prior: tuple[float, float], habit_prior: float) -> tuple[FloatArray, FloatArray]:
    """Posterior means of competence and habit."""
    spamming = now.habit.sum(axis=1) + spamming_prior[0]
    knowing = now.knowing + spamming_prior[1]
    habit = now.habit + habit_prior
    return knowing / (knowing + spamming), habit / habit.sum(axis=1, keepdims=True)


def _modes(now: _Expected) -> tuple[FloatArray, FloatArray]:
    weights = _smoothed(now, _EM_SMOOTHING / now.habit.shape[1])
    return weights.knowing, weights.habit


MODEL = LabelModel(
    name="mace",
    title="MACE",
    function=mace,
    source="Hovy, Berg-Kirkpatrick, Vaswani & Hovy, Learning whom to trust with MACE, NAACL 2013",
    use="Crowds in which some answer without reading: always the first choice, or at random.",
    blind_spot="Honest confusion of two classes looks like spamming.",
)
