"""A generative model over functions, models and people together: silence counts, and each kind has its prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from annotation.labelmodel.em import FLOOR, climb, majority_start
from annotation.labelmodel.errors import VoteError
from annotation.labelmodel.matrix import VoteMatrix
from annotation.labelmodel.model import Estimate, LabelModel, Problem
from annotation.labelmodel.priors import ClassPriors, check_pseudo_votes, fixed_priors, log_priors, prevalence
from annotation.labelmodel.votes import Votes
from evaluation.stats.figure import BoolArray, FloatArray, IntArray

_COVERAGE_VOTES = 2.0  # how many items a source's overall coverage weighs against its coverage within a class


@dataclass(frozen=True, slots=True, eq=False)
class _Silence:
    """Who was asked and said nothing.

    everywhere   (workers,) True for functions: a program sees every item
    told         (items, workers) explicit abstentions of the others
    coverage     (workers,) answers among the items asked; 1 for those who never abstained
    """

    everywhere: BoolArray
    told: sparse.csr_array
    coverage: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    posteriors: FloatArray
    counts: FloatArray


def generative(
    problem: Problem,
    *,
    class_priors: ClassPriors = "estimated",
    accuracy: float = 0.7,
    strength: float = 4.0,
    kind_priors: Mapping[str, tuple[float, float]] | None = None,
) -> Estimate:
    """Given the class, a source first speaks or stays silent, and if it speaks, says a label.

    P(speaks | class) matters: a keyword function that only ever says "refund" tells something by being silent. A source
    of kind "function" was asked about every item; any other only where it voted or abstained explicitly, and a person
    who was not given an item is not silent about it. P(label | class, speaks) has a Dirichlet prior of `strength`
    pseudo-votes per class, of which the share `accuracy` is right.

    class_priors          "estimated", "uniform", or one weight per class
    accuracy, strength    the prior of every source; 0.7 is what snorkel starts from as well
    kind_priors           {kind: (accuracy, strength)} for the kinds that differ, e.g. {"person": (0.9, 20)}

    Sources are taken for independent given the class, as in snorkel's LabelModel. `result.alike` names near-duplicates:
    leave one of each pair out.

    parameters: "coverage" (workers, classes) P(speaks | class).
    VoteError: a function that votes twice on an item.
    """
    votes = problem.votes
    workers, classes = len(votes.workers), len(votes.classes)
    matrix = VoteMatrix.of(problem)
    silence = _silence(problem)
    fixed = fixed_priors(problem, class_priors)
    prior = _by_worker(problem.kinds, {"": (accuracy, strength)} | dict(kind_priors or {}))
    right, wrong = prior[:, 0] * prior[:, 1], (1 - prior[:, 0]) * prior[:, 1] / (classes - 1)
    own = matrix.pair_label[:, None] == np.arange(classes)
    added = np.where(own, right[matrix.pair_worker, None], wrong[matrix.pair_worker, None])
    unseen = prior[matrix.pair_worker[matrix.starts], 1, None] - matrix.by_worker(added)  # of labels it never gave
    program, share = silence.everywhere[:, None], silence.coverage[:, None]

    def heard(state: _State) -> tuple[FloatArray, FloatArray]:
        """(workers, classes) each: how often the worker is expected to have spoken of a class, and P(speaks | class)."""
        spoken = np.zeros((workers, classes))
        spoken[matrix.pair_worker[matrix.starts]] = matrix.by_worker(state.counts)
        asked = np.where(program, state.posteriors.sum(axis=0), spoken + silence.told.T @ state.posteriors)
        return spoken, (spoken + _COVERAGE_VOTES * share) / (asked + _COVERAGE_VOTES)

    def step(state: _State) -> tuple[_State, float]:
        priors = prevalence(state.posteriors, fixed)
        spoken, coverage = heard(state)
        speaks = np.clip(coverage, FLOOR, 1 - FLOOR)
        log_speaks, log_silent = np.log(speaks), np.log1p(-speaks)
        log_totals = np.log(np.maximum(spoken + prior[:, 1, None], FLOOR))
        log_label = np.log(np.maximum(state.counts + added, FLOOR)) - log_totals[matrix.pair_worker]
        # Every program is silent to begin with; where it speaks, the silence is taken back.
        log_pairs = log_label + (log_speaks - np.where(program, log_silent, 0.0))[matrix.pair_worker]
        everywhere = log_silent[silence.everywhere].sum(axis=0)
        posteriors, counts, likelihood = matrix.expect(
            log_pairs, log_priors(priors) + everywhere, silence.told @ log_silent
        )
        of_labels = (added * log_label).sum() - (unseen * log_totals[matrix.pair_worker[matrix.starts]]).sum()
        of_coverage = _COVERAGE_VOTES * (share * log_speaks + (1 - share) * log_silent).sum()
        return _State(posteriors, counts), likelihood + float(of_labels + of_coverage)

    start = majority_start(problem)
    ended = climb(_State(start, matrix.count(start)), step, problem)
    return Estimate(
        ended.state.posteriors,
        prevalence(ended.state.posteriors, fixed),
        ended.converged,
        ended.history,
        worker_parameters={"coverage": heard(ended.state)[1]},
    )


def _by_worker(kinds: Sequence[str], priors: Mapping[str, tuple[float, float]]) -> FloatArray:
    """(workers, 2) accuracy and strength."""
    for kind, (accuracy, strength) in priors.items():
        if not 0 < accuracy < 1:
            raise VoteError(f"the prior of {kind or 'a source'} needs an accuracy between 0 and 1; got {accuracy!r}")
        check_pseudo_votes(f"the strength of the prior of {kind or 'a source'}", strength)
    return np.array([priors.get(kind, priors[""]) for kind in kinds], dtype=np.float64)


def _silence(problem: Problem) -> _Silence:
    votes = problem.votes
    workers = len(votes.workers)
    everywhere = np.array([kind == "function" for kind in problem.kinds], dtype=np.bool_)
    _refuse_second_votes(votes, everywhere)
    of_others = ~everywhere[votes.silent_worker]
    item, worker = votes.silent_item[of_others], votes.silent_worker[of_others]
    told = sparse.csr_array((np.ones(len(item)), (item, worker)), shape=(len(votes.items), workers))
    spoken = _tally(votes.worker, workers)
    asked = np.where(everywhere, float(len(votes.items)), spoken + _tally(worker, workers))
    return _Silence(everywhere, told, np.divide(spoken, asked, out=np.zeros(workers), where=asked > 0))


def _refuse_second_votes(votes: Votes, everywhere: BoolArray) -> None:
    mine = np.flatnonzero(everywhere[votes.worker])
    visit, first = np.unique(votes.item[mine] * len(votes.workers) + votes.worker[mine], return_index=True)
    if len(visit) < len(mine):
        twice = mine[np.setdiff1d(np.arange(len(mine)), first)[0]]
        worker, item = votes.workers[votes.worker[twice]], votes.items[votes.item[twice]]
        raise VoteError(f"the function {worker!r} votes twice on {item!r}")


def _tally(codes: IntArray, count: int) -> FloatArray:
    return np.bincount(codes, minlength=count).astype(np.float64)


MODEL = LabelModel(
    name="generative",
    title="Generative model over functions",
    function=generative,
    source="Ratner, De Sa, Wu, Selsam & Ré, Data programming, NIPS 2016; estimated by EM with priors instead of sampling",
    use="Labelling functions that stay silent on most items, mixed with models and people.",
    blind_spot="Functions count as independent given the class: two that share a keyword are counted twice. The result "
    "names pairs that are near-duplicates (`alike`); weaker dependence, and that of whole groups, goes unseen and makes "
    "posteriors too sure.",
    hears_silence=True,
)
