"""One coin: a single accuracy for every source."""

from __future__ import annotations

import numpy as np

from annotation.labelmodel.em import FLOOR, climb, expect, majority_start
from annotation.labelmodel.model import Estimate, LabelModel, Problem
from annotation.labelmodel.priors import ClassPriors, check_pseudo_votes, fixed_priors, log_priors, prevalence
from annotation.labelmodel.votes import sum_by
from evaluation.stats.figure import FloatArray


def one_coin(
    problem: Problem, *, class_priors: ClassPriors = "estimated", prior: tuple[float, float] = (0.0, 0.0)
) -> Estimate:
    """A worker is right with one probability, and when wrong, names any other class with equal probability.

    class_priors   "estimated", "uniform", or one weight per class
    prior          (right, wrong) pseudo-votes of every worker: a Beta prior; (0, 0) is maximum likelihood

    parameters: "skill" (workers,), the probability of being right, NaN for a worker without votes.
    """
    right, wrong = prior
    check_pseudo_votes("prior (right, wrong)", right, wrong)
    votes, cell = problem.votes, problem.votes.cell
    fixed = fixed_priors(problem, class_priors)
    others = len(votes.classes) - 1
    given = np.bincount(votes.worker, minlength=len(votes.workers))
    total = np.maximum(given + right + wrong, FLOOR)

    def skills(posteriors: FloatArray) -> FloatArray:
        correct = sum_by(votes.worker, posteriors.ravel()[cell], len(votes.workers))
        return np.asarray((correct + right) / total, dtype=np.float64)

    def step(posteriors: FloatArray) -> tuple[FloatArray, float]:
        priors = prevalence(posteriors, fixed)
        skill = skills(posteriors)
        log_hit = np.log(np.clip(skill, FLOOR, 1 - FLOOR))
        log_miss = np.log(np.clip((1 - skill) / others, FLOOR, 1 - FLOOR))
        posteriors, likelihood = expect(
            problem, cell, log_hit[votes.worker], log_miss[votes.worker], log_priors(priors)
        )
        return posteriors, likelihood + float((right * log_hit + wrong * log_miss).sum())

    ended = climb(majority_start(problem), step, problem)
    priors = prevalence(ended.state, fixed)
    skill = np.where(given > 0, skills(ended.state), np.nan)
    return Estimate(ended.state, priors, ended.converged, ended.history, worker_parameters={"skill": skill})


MODEL = LabelModel(
    name="one_coin",
    title="One coin",
    function=one_coin,
    source="Zhang, Chen, Zhou & Jordan, Spectral methods meet EM, JMLR 17, 2016; ZenCrowd: Demartini et al., WWW 2012",
    use="Fewer than ten votes per worker and class, where a confusion matrix would over-fit.",
    blind_spot="It cannot see that a source is good at one class and poor at another, or leans to one.",
)
