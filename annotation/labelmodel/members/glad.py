"""GLAD: able sources and difficult items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from annotation.labelmodel.em import climb, expect
from annotation.labelmodel.errors import VoteError
from annotation.labelmodel.model import Estimate, LabelModel, Problem
from annotation.labelmodel.priors import ClassPriors, fixed_priors, log_priors, prevalence
from annotation.labelmodel.votes import sum_by
from evaluation.stats.figure import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """`point`: abilities of the workers, then log-easiness of the items, from which the posteriors were computed."""

    point: FloatArray
    posteriors: FloatArray


def glad(
    problem: Problem,
    *,
    class_priors: ClassPriors = "uniform",
    ability_prior: float = 1.0,
    easiness_prior: float = 1.0,
    ascent_steps: int = 25,
    ascent_tolerance: float = 1e-2,
) -> Estimate:
    """A worker of ability a is right about an item of easiness b with probability 1 / (1 + exp(-a b)), b > 0; when
    wrong, it names any other class with equal probability.

    class_priors       "uniform", "estimated", or one weight per class
    ability_prior      mean of the normal prior (standard deviation 1) of every worker's a
    easiness_prior     mean of the normal prior (standard deviation 1) of every item's log b
    ascent_steps, ascent_tolerance   of the conjugate gradients within each iteration; the defaults are crowd-kit's

    parameters: "ability" (workers,): below 0 is worse than chance against it; "difficulty" (items,) 1/b. NaN without
    votes.
    """
    if ascent_steps < 1 or not ascent_tolerance > 0:
        raise VoteError("ascent_steps is 1 or more and ascent_tolerance above 0")
    if not np.isfinite([ability_prior, easiness_prior]).all():
        raise VoteError("ability_prior and easiness_prior are finite numbers")
    votes, cell = problem.votes, problem.votes.cell
    workers, items, others = len(votes.workers), len(votes.items), len(votes.classes) - 1
    fixed = fixed_priors(problem, class_priors)
    centre = np.r_[np.full(workers, float(ability_prior)), np.full(items, float(easiness_prior))]

    def expected(point: FloatArray, priors: FloatArray) -> tuple[FloatArray, float]:
        strength = point[votes.worker] * np.exp(point[workers:])[votes.item]
        log_hit, log_miss = special.log_expit(strength), special.log_expit(-strength) - np.log(others)
        posteriors, likelihood = expect(problem, cell, log_hit, log_miss, log_priors(priors))
        return posteriors, likelihood - float(((point - centre) ** 2).sum()) / 2

    def maximise(state: _State) -> FloatArray:
        right = state.posteriors.ravel()[cell]

        def loss(point: FloatArray) -> tuple[float, FloatArray]:
            """Minus the expected log density, and its gradient."""
            ability = point[votes.worker]
            easiness = np.exp(point[workers:])[votes.item]
            strength = ability * easiness
            # log expit(-x) = log expit(x) - x: one logarithm serves both outcomes of a vote.
            value = (special.log_expit(strength) - (1 - right) * strength).sum() - ((point - centre) ** 2).sum() / 2
            surprise = right - special.expit(strength)
            gradient = centre - point
            gradient[:workers] += sum_by(votes.worker, surprise * easiness, workers)
            gradient[workers:] += sum_by(votes.item, surprise * strength, items)
            return -float(value), -gradient

        with np.errstate(over="ignore", invalid="ignore"):  # a line search may look far out, and turns back
            found = optimize.minimize(
                loss, state.point, jac=True, method="CG", tol=ascent_tolerance, options={"maxiter": ascent_steps}
            )
        return np.asarray(found.x, dtype=np.float64)

    def step(state: _State) -> tuple[_State, float]:
        point = maximise(state)
        posteriors, objective = expected(point, prevalence(state.posteriors, fixed))
        return _State(point, posteriors), objective

    start = np.ones(workers + items)
    even = np.full(others + 1, 1 / (others + 1))
    ended = climb(_State(start, expected(start, even if fixed is None else fixed)[0]), step, problem)

    point, posteriors = ended.state.point, ended.state.posteriors
    voted = np.bincount(votes.worker, minlength=workers) > 0
    seen = np.bincount(votes.item, minlength=items) > 0
    return Estimate(
        posteriors,
        prevalence(posteriors, fixed),
        ended.converged,
        ended.history,
        worker_parameters={"ability": np.where(voted, point[:workers], np.nan)},
        item_parameters={"difficulty": np.where(seen, np.exp(-point[workers:]), np.nan)},
    )


MODEL = LabelModel(
    name="glad",
    title="GLAD",
    function=glad,
    source="Whitehill, Ruvolo, Wu, Bergsma & Movellan, Whose vote should count more, NIPS 2009",
    use="Items of very unequal difficulty with five votes or more each.",
    blind_spot="With three votes per item its difficulty is mostly the prior; it cannot see a lean to one class.",
)
