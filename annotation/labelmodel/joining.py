"""The one door: votes in, posteriors, labels and the quality of sources out."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from annotation.labelmodel.alike import Alike, alike_pairs
from annotation.labelmodel.em import to_posteriors
from annotation.labelmodel.errors import VoteError
from annotation.labelmodel.model import Estimate, LabelModel, Problem
from annotation.labelmodel.priors import fixed_priors, log_priors
from annotation.labelmodel.quality import SourceQuality, source_quality
from annotation.labelmodel.registry import member
from annotation.labelmodel.result import LabelModelResult
from annotation.labelmodel.votes import Votes, encode, is_missing
from evaluation.stats.figure import BoolArray, FloatArray, IntArray, check_confidence

_VOTES_FOR_CONFUSION = 10  # a worker and class
_ASSUMED_RIGHT = 0.7  # of a source of which nothing is known; what `generative` and snorkel start from


def fit(
    name: str,
    votes: Any,
    max_iterations: int = 100,
    tolerance: float = 1e-6,
    *,
    items: Iterable[Hashable] | None = None,
    classes: Sequence[Hashable] | None = None,
    abstain: Hashable | None = None,
    gold: Mapping[Hashable, Hashable] | None = None,
    kinds: Mapping[Hashable, str] | None = None,
    confidence: float = 0.95,
    **options: Any,
) -> LabelModelResult:
    """Join votes into one posterior per item.

    votes            (item, worker, label) rows in any order, or a tuple of three arrays or lists: items, workers, labels,
                     or a table (n × 3 array, data frame). Three tuples are columns where they are longer than three, else
                     rows. A label of None or NaN is an abstention. Items may have any number of votes, and a worker
                     several on an item.
    max_iterations   at most; `result.converged` says whether they were enough
    tolerance        stop when the objective rises by less than this a vote
    items            items that there are besides those in the rows: a function that spoke of none of them was silent
    classes          all classes there are, in the order wanted; left out: those that occur, sorted
    abstain          a label that means abstention besides None and NaN, e.g. -1
    gold             {item: class} known answers: they stay as they are and teach how good the sources are
    kinds            {worker: "person" | "function" | "model"}, or other words; `generative` hears the silence of
                     functions and can give each kind its prior, the others only report it
    confidence       of the intervals of the sources' quality
    options          the model's own, see `describe()[name].options`

    An item that nobody labelled has None in `labels` and NaN in `posteriors`. Where no item has votes of two sources or a known
    class, nothing is learnt: each source is taken to be right in 70 of 100, and a warning says so (`majority` gives its shares).
    UnknownLabelModelError, and VoteError for votes or options that fit no model.
    """
    model = member(name)
    _check_options(model, options)
    check_confidence(confidence)
    if max_iterations < 1 or not tolerance >= 0:
        raise VoteError("max_iterations is 1 or more and tolerance 0 or more")
    answers = {item: label for item, label in (gold or {}).items() if not is_missing(label)}
    coded = encode(votes, items=items, classes=classes, abstain=abstain, gold=answers)
    known = _known(coded, answers)
    if len(coded.classes) < 2 or not len(coded.item):
        return _undetermined(model, coded, known)

    told = _told(coded, known)
    part = np.arange(len(told)) if model.hears_silence or told.all() else np.flatnonzero(told)
    kind_of = tuple((kinds or {}).get(worker, "") for worker in coded.workers)
    gold_item = np.flatnonzero(known[part] >= 0)
    problem = Problem(
        votes=_only(coded, part),
        gold_item=gold_item,
        gold_label=known[part][gold_item],
        kinds=kind_of,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    estimate = model.function(problem, **options)
    checked = _checked_by_others(coded, known)
    if model.name != "majority" and not checked[coded.item].any():
        estimate = _unchecked(problem, estimate, options)

    posteriors = _spread(estimate.posteriors, part, len(told))
    posteriors[~told] = np.nan
    probable = estimate.hits is None
    hits = _hits(coded, checked, posteriors) if estimate.hits is None else estimate.hits
    quality = source_quality(coded, hits, posteriors if probable else None, estimate.priors, known, kind_of, confidence)
    alike = alike_pairs(coded, known, kind_of)
    of_items = {key: _spread(values, part, len(told)) for key, values in estimate.item_parameters.items()}
    return LabelModelResult(
        name=model.name,
        posteriors=posteriors,
        items=coded.items,
        classes=coded.classes,
        workers=coded.workers,
        priors=estimate.priors,
        quality=quality,
        converged=estimate.converged,
        history=tuple(estimate.history),
        alike=alike,
        parameters={**estimate.worker_parameters, **of_items},
        warnings=tuple(_warnings(model, told, checked[coded.item], quality, estimate, alike)),
    )


def _check_options(model: LabelModel, given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in model.options:
            takes = ", ".join(model.options) if model.options else "none"
            raise VoteError(f"{model.name} has no option {name!r}; its own options: {takes}")


def _known(votes: Votes, gold: Mapping[Hashable, Hashable]) -> IntArray:
    """(items,) the code of the known class, -1 where none is known. Gold of items that are not among the votes is left:
    a gold set is often larger than a batch."""
    known = np.full(len(votes.items), -1, dtype=np.intp)
    if not gold:
        return known
    place = {value: code for code, value in enumerate(votes.classes)}
    for code, item in enumerate(votes.items):
        if item in gold:
            if gold[item] not in place:
                raise VoteError(f"the gold class of {item!r} is {gold[item]!r}, which is none of the classes")
            known[code] = place[gold[item]]
    return known


def _told(votes: Votes, known: IntArray) -> BoolArray:
    """(items,) True where an item has a vote or is gold."""
    return np.asarray((np.bincount(votes.item, minlength=len(votes.items)) > 0) | (known >= 0), dtype=np.bool_)


def _only(votes: Votes, part: IntArray) -> Votes:
    """The votes with items coded by their place in `part`, which holds all that have votes."""
    if len(part) == len(votes.items):
        return votes
    place = np.full(len(votes.items), -1, dtype=np.intp)
    place[part] = np.arange(len(part))
    silent = place[votes.silent_item] >= 0
    return replace(
        votes,
        item=place[votes.item],
        items=tuple(votes.items[code] for code in part.tolist()),
        silent_item=place[votes.silent_item[silent]],
        silent_worker=votes.silent_worker[silent],
    )


def _spread(values: FloatArray, part: IntArray, items: int) -> FloatArray:
    """Rows of the items in `part` at their place among all items, NaN elsewhere."""
    if len(part) == items:
        return values
    spread = np.full((items, *values.shape[1:]), np.nan)
    spread[part] = values
    return spread


def _hits(votes: Votes, checked: BoolArray, posteriors: FloatArray) -> FloatArray:
    """(votes,) the probability that each is right; NaN where nobody else voted on the item, nor is it gold: what a model
    makes of a vote that stands alone is what it thinks of its source already."""
    return np.where(checked[votes.item], posteriors[votes.item, votes.label], np.nan)


def _checked_by_others(votes: Votes, known: IntArray) -> BoolArray:
    """(items,) True where two sources voted on an item, or its class is known; of an item without votes it says nothing."""
    ends = np.cumsum(np.bincount(votes.item, minlength=len(known)))
    first, last = votes.worker[np.r_[0, ends[:-1]] % len(votes.item)], votes.worker[ends - 1]
    return np.asarray((first != last) | (known >= 0), dtype=np.bool_)  # an item's votes are sorted by worker


def _unchecked(problem: Problem, estimate: Estimate, options: Mapping[str, Any]) -> Estimate:
    """What is left where no vote stands beside another source's or a known class: a model would only turn its first guess into
    certainty. Each source is taken to be right in 70 of 100, and nothing else is said of it."""
    votes = problem.votes
    classes = len(votes.classes)
    priors = fixed_priors(problem, options.get("class_priors", "uniform"))
    priors = np.full(classes, 1 / classes) if priors is None else priors
    posteriors = votes.counts() * np.log(_ASSUMED_RIGHT * (classes - 1) / (1 - _ASSUMED_RIGHT)) + log_priors(priors)
    to_posteriors(posteriors, problem.gold_item, problem.gold_label)
    return Estimate(
        posteriors,
        priors,
        worker_parameters={key: np.full_like(values, np.nan) for key, values in estimate.worker_parameters.items()},
        item_parameters={key: np.full_like(values, np.nan) for key, values in estimate.item_parameters.items()},
    )


def _undetermined(model: LabelModel, votes: Votes, known: IntArray) -> LabelModelResult:
    """No votes, or a single class: nothing tells how good a source is, and labels follow without a model."""
    told = _told(votes, known)
    posteriors = np.full((len(votes.items), len(votes.classes)), np.nan)
    if len(votes.classes) == 1:
        posteriors[told] = 1.0
    else:
        posteriors[told] = 0.0
        posteriors[told, known[told]] = 1.0
    reason = "one class only: nothing tells how good a source is" if len(votes.item) else "no votes"
    return LabelModelResult(
        name=model.name,
        posteriors=posteriors,
        items=votes.items,
        classes=votes.classes,
        workers=votes.workers,
        priors=np.ones(1) if len(votes.classes) == 1 and told.any() else np.full(len(votes.classes), np.nan),
        quality=None,
        converged=True,
        history=(),
        alike=(),
        parameters={},
        warnings=(reason,),
    )


def _warnings(
    model: LabelModel,
    told: BoolArray,
    checked: BoolArray,
    quality: SourceQuality,
    estimate: Estimate,
    alike: Sequence[Alike],
) -> Iterator[str]:
    if not checked.any():
        taken = "" if model.name == "majority" else ", and each is taken to be right in 70 of 100"
        yield f"no item was labelled by two sources, and none of these is gold: the votes do not tell how good a source is{taken}"
    if not estimate.converged:
        yield f"not converged after {len(estimate.history)} iterations: raise max_iterations"
    if untold := int((~told).sum()):
        yield f"{untold} of {len(told)} items got no vote and have no label"
    classes = len(estimate.priors)
    if model.name != "majority":
        below = int((quality.accuracy < 1 / classes).sum())
        if 2 * below > int((quality.votes > 0).sum()):
            yield "most sources look worse than chance: the classes may have changed places"
    if model.name == "dawid_skene":
        voting = quality.votes[quality.votes > 0]
        if np.median(voting) < _VOTES_FOR_CONFUSION * classes:
            yield (
                f"half of the sources have fewer than {_VOTES_FOR_CONFUSION} votes per class: "
                "one_coin or mace, or smoothing, is steadier than a confusion matrix each"
            )
    yield from map(str, alike)
