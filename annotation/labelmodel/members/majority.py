"""Majority vote: the baseline that every other model has to beat."""

from __future__ import annotations

import numpy as np

from annotation.labelmodel.em import majority_start
from annotation.labelmodel.model import Estimate, LabelModel, Problem
from annotation.labelmodel.priors import prevalence
from annotation.labelmodel.votes import Votes
from evaluation.stats.figure import FloatArray, IntArray


def majority(problem: Problem) -> Estimate:
    """Each vote counts the same; the posterior is the share of votes, and a tie goes to the class that comes first.

    A worker's quality is how often it agrees with the majority of the *others* on an item (a tie of m classes counts as
    1/m for each), or with gold: its own vote would agree with itself.
    """
    posteriors = majority_start(problem)
    return Estimate(posteriors, prevalence(posteriors, None), hits=_agreement_with_others(problem))


def _agreement_with_others(problem: Problem) -> FloatArray:
    """(votes,) 1, 0 or a share of a tie; NaN where nobody else voted on the item."""
    votes = problem.votes
    counts = votes.counts()
    hits = np.full(len(votes.item), np.nan)
    for rows in _in_pieces(votes):
        # A worker who voted twice on an item leaves with both votes.
        visit, of_visit = np.unique(votes.item[rows] * len(votes.workers) + votes.worker[rows], return_inverse=True)
        others = counts[visit // len(votes.workers)]
        np.subtract.at(others, (of_visit, votes.label[rows]), 1.0)
        leading = others == others.max(axis=1, keepdims=True)
        share = np.where(others.sum(axis=1) > 0, 1 / leading.sum(axis=1), np.nan)
        hits[rows] = np.where(leading[of_visit, votes.label[rows]], share[of_visit], 0 * share[of_visit])
    known = np.full(len(votes.items), -1)
    known[problem.gold_item] = problem.gold_label
    gold = known[votes.item]
    return np.where(gold >= 0, (gold == votes.label).astype(np.float64), hits)


def _in_pieces(votes: Votes, cells: int = 4_000_000) -> list[IntArray]:
    """Rows of votes in runs that hold whole items, so that the table of one run stays small: 8 bytes per cell."""
    size = max(1, cells // len(votes.classes))
    cuts = np.searchsorted(votes.item, votes.item[np.arange(size, len(votes.item), size)])
    return [rows for rows in np.split(np.arange(len(votes.item)), np.unique(cuts)) if len(rows)]


MODEL = LabelModel(
    name="majority",
    title="Majority vote",
    function=majority,
    source="the plurality rule; as a baseline for crowds see Zheng et al., PVLDB 10(5), 2017",
    use="Few votes per item, sources of like quality, or as the figure that a model has to beat.",
    blind_spot="A careless source counts as much as a careful one; the posterior is a share of votes, not a probability.",
)
