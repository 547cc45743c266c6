"""Dawid and Skene: a confusion matrix for every source."""

from __future__ import annotations

import numpy as np

from annotation.labelmodel.em import FLOOR, climb, majority_start
from annotation.labelmodel.matrix import VoteMatrix
from annotation.labelmodel.model import Estimate, LabelModel, Problem
from annotation.labelmodel.priors import ClassPriors, check_pseudo_votes, fixed_priors, log_priors, prevalence
from evaluation.stats.figure import FloatArray


def dawid_skene(
    problem: Problem, *, class_priors: ClassPriors = "estimated", smoothing: float = 0.0, diagonal: float = 0.0
) -> Estimate:
    """P(label l | truth k) is a number for each worker; EM from the vote shares, as in the paper.

    class_priors   "estimated", "uniform", or one weight per class
    smoothing      pseudo-votes added to every cell of every confusion matrix (a Dirichlet prior): 0 is the paper's
                   maximum likelihood; 0.1 to 1 keeps sources with few votes from extremes
    diagonal       pseudo-votes added to the cells where label and truth are the same, besides

    Votes of one worker on one item count as independent; abstentions say nothing.
    """
    check_pseudo_votes("smoothing and diagonal", smoothing, diagonal)
    matrix = VoteMatrix.of(problem)
    fixed = fixed_priors(problem, class_priors)
    classes = len(problem.votes.classes)
    added = smoothing + diagonal * (matrix.pair_label[:, None] == np.arange(classes))
    row_total = classes * smoothing + diagonal
    unseen = row_total - matrix.by_worker(added)  # pseudo-votes on labels that the worker never gave

    start = majority_start(problem)
    possible = start.sum(axis=0) > 0  # of a class that nobody says, no votes tell what it would look like
    if fixed is not None and not fixed[possible].any():
        possible = fixed > 0  # told that the truth is none of what was said

    def step(state: tuple[FloatArray, FloatArray]) -> tuple[tuple[FloatArray, FloatArray], float]:
        posteriors, counts = state
        priors = prevalence(posteriors, fixed)
        raised = np.maximum(counts + added, FLOOR)
        log_totals = np.log(matrix.by_worker(raised) + unseen)
        log_pairs = np.log(raised) - log_totals[matrix.group]
        log_density = (added * np.log(raised)).sum() - row_total * log_totals.sum()
        posteriors, counts, likelihood = matrix.expect(log_pairs, np.where(possible, log_priors(priors), -np.inf))
        return (posteriors, counts), likelihood + float(log_density)

    ended = climb((start, matrix.count(start)), step, problem)
    posteriors = ended.state[0]
    return Estimate(posteriors, prevalence(posteriors, fixed), ended.converged, ended.history)


MODEL = LabelModel(
    name="dawid_skene",
    title="Dawid–Skene",
    function=dawid_skene,
    source="Dawid & Skene, Maximum likelihood estimation of observer error-rates using the EM algorithm, JRSS C 28(1), 1979",
    use="Ten votes or more per worker and class: sources that confuse some classes and not others.",
    blind_spot="With few votes it over-fits and rare classes die out; a source of a vote or two tells it nothing without smoothing; repeats of one worker count as independent; which "
    "class is which it knows only from the votes being right more often than not.",
)
