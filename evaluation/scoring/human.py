"""Human ratings of one comparison: means, paired differences, agreement, harm. Plain Python over the shelf.

The item is the random unit; raters are fixed below five, and two-way cluster variance holds from five on (clustered.paired_mean).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluation.scoring import content
from evaluation.scoring.rubric import Rubric
from evaluation.stats import agreement, clustered, intervals

BASE, CANDIDATE = "base", "candidate"
SCALE = (1, 2, 3, 4, 5)
WIDEST = (float(SCALE[0] - SCALE[-1]), float(SCALE[-1] - SCALE[0]))
"""The limits of a difference of two ratings."""


@dataclass(frozen=True)
class Judgement:
    """One rater's current rating of one item. scores: arm → dimension → 1–5 or None ("cannot judge")."""

    item: int
    rater: int
    scores: dict[str, dict[str, float | None]]
    harm: dict[str, bool] = field(default_factory=dict)
    harm_category: dict[str, str] = field(default_factory=dict)
    preference: str = ""
    seconds: float | None = None


def summarise(
    rubric: Rubric,
    judgements: Sequence[Judgement],
    *,
    campaigns: Sequence[int],
    is_open: bool,
    names: dict[int, str],
    primary: str,
    family: set[str],
    confidence: float = 0.95,
) -> content.Human:
    """Everything that the ratings of these campaigns, the newest last, say. names: rater → what to call them, a number while the campaign
    is open, in the order in which they are listed."""
    found = {one.rater for one in judgements}
    raters = [rater for rater in names if rater in found]
    leniencies = _leniencies(rubric, judgements)
    return content.Human(
        campaign=campaigns[-1],
        campaigns=list(campaigns),
        ratings=len(judgements),
        items=len(_rated_items(judgements, primary, family)),
        raters=[
            content.Rater(
                name=names[rater],
                ratings=sum(1 for one in judgements if one.rater == rater),
                leniency=leniencies.get(rater),
                median_seconds=_median(
                    [one.seconds for one in judgements if one.rater == rater and one.seconds is not None]
                ),
            )
            for rater in raters
        ],
        dimensions=[
            _dimension(dimension.name, dimension.title, judgements, primary, family, confidence)
            for dimension in rubric.dimensions
        ],
        harm=[_harm(arm, rubric, judgements, confidence) for arm in (BASE, CANDIDATE)],
        preference=_preferences(judgements),
        is_open=is_open,
        confidence=confidence,
    )


def _rated_items(judgements: Sequence[Judgement], primary: str, family: set[str]) -> set[int]:
    """Items that say something: both answers were scored by one rater on the primary (on a dimension of the rules where the
    primary is a metric), or one was preferred. An item that nobody could judge is not rated."""
    asked = family if "." in primary else {primary}

    def says_something(one: Judgement) -> bool:
        both = (all(one.scores[arm].get(name) is not None for arm in (BASE, CANDIDATE)) for name in asked)
        return bool(one.preference) or any(both)

    return {one.item for one in judgements if says_something(one)}


def _dimension(
    name: str, title: str, judgements: Sequence[Judgement], primary: str, family: set[str], confidence: float
) -> content.Dimension:
    differences, items, raters = [], [], []
    for one in judgements:
        ours, base = one.scores[CANDIDATE].get(name), one.scores[BASE].get(name)
        differences.append(math.nan if ours is None or base is None else ours - base)
        items.append(one.item)
        raters.append(one.rater)
    mean = clustered.paired_mean(differences, items, raters, confidence, WIDEST)
    matrix, tickets = rating_matrix(judgements, name)
    alpha = agreement.alpha_interval(matrix, "ordinal", confidence=confidence, clusters=tickets)
    ac2 = agreement.ac1_interval(matrix, categories=SCALE, weights="quadratic", confidence=confidence, clusters=tickets)
    shared = {"n": len(set(tickets[(~np.isnan(matrix)).sum(axis=0) >= 2].tolist()))}
    return content.Dimension(
        name=name,
        title=title,
        is_primary=name == primary,
        in_family=name in family,
        base=_mean(judgements, BASE, name, confidence),
        candidate=_mean(judgements, CANDIDATE, name, confidence),
        delta=content.Figure(
            value=content.number(mean.estimate),
            ci=content.limits(mean.ci_low, mean.ci_high),
            n=mean.n,
            reason="no rater has judged both answers" if judgements and not mean.n else mean.reason,
            method=mean.method,
        ),
        p=content.number(mean.p_value),
        items=mean.items,
        cannot_judge=sum(1 for one in judgements for arm in (BASE, CANDIDATE) if one.scores[arm].get(name) is None),
        alpha=_figure(alpha).model_copy(update=shared),
        ac2=_figure(ac2).model_copy(update=shared),
        method=mean.method,
    )


def _mean(judgements: Sequence[Judgement], arm: str, name: str, confidence: float) -> content.Figure:
    values = [math.nan if (score := one.scores[arm].get(name)) is None else score for one in judgements]
    if not values:
        return content.Figure(value=None, n=0, reason="no ratings")
    interval = intervals.bootstrap(
        values, clusters=[one.item for one in judgements], confidence=confidence, limits=(SCALE[0], SCALE[-1])
    )
    return _figure(interval)


def rating_matrix(judgements: Sequence[Judgement], name: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """raters × (item, arm), NaN where a rater gave no number, and the item of each column: two answers of a ticket are two units
    that raters may agree on, and share what makes the ticket hard to judge."""
    raters = {rater: at for at, rater in enumerate(sorted({one.rater for one in judgements}))}
    units = sorted({(one.item, arm) for one in judgements for arm in one.scores})
    place = {unit: at for at, unit in enumerate(units)}
    matrix = np.full((len(raters), len(units)), np.nan)
    for one in judgements:
        for arm, scores in one.scores.items():
            if (score := scores.get(name)) is not None:
                matrix[raters[one.rater], place[one.item, arm]] = score
    return matrix, np.array([item for item, _ in units], dtype=np.intp)


def _leniencies(rubric: Rubric, judgements: Sequence[Judgement]) -> dict[int, float | None]:
    """Additive: how far above the other raters of the same answers a rater's scores lie, on average; below zero is severe.

    Compared on shared answers only, so that whoever drew the worse items is not called severe.
    """
    given: dict[tuple[int, str, str], dict[int, float]] = {}
    for one in judgements:
        for arm, scores in one.scores.items():
            for name in rubric.names:
                if (score := scores.get(name)) is not None:
                    given.setdefault((one.item, arm, name), {})[one.rater] = score
    gaps: dict[int, list[float]] = {}
    for shared in given.values():
        for rater, score in shared.items():
            others = [value for other, value in shared.items() if other != rater]
            if others:
                gaps.setdefault(rater, []).append(score - statistics.fmean(others))
    return {rater: statistics.fmean(values) for rater, values in gaps.items()}


def _harm(arm: str, rubric: Rubric, judgements: Sequence[Judgement], confidence: float) -> content.Harm:
    """An item counts as harmful when any of its raters says so: harm is gated on the cautious side. An answer that a rater
    could not judge is no clean one: without a yes it does not count at all."""
    flags: dict[int, bool] = {}
    kinds: dict[str, set[int]] = {}
    for one in judgements:
        is_harmful = one.harm.get(arm)
        if is_harmful is None or not (is_harmful or rubric.judges_harm(one.scores[arm])):
            continue
        flags[one.item] = flags.get(one.item, False) or is_harmful
        if is_harmful and (kind := one.harm_category.get(arm)):
            kinds.setdefault(kind, set()).add(one.item)
    k, n = sum(flags.values()), len(flags)
    which: Any = arm
    if not n:
        return content.Harm(
            arm=which, k=0, n=0, rate=content.Figure(value=None, n=0, reason="no answer was judged"), upper=None
        )
    both = intervals.wilson(k, n, confidence)
    upper = intervals.clopper_pearson(k, n, confidence, sides=1).ci_high
    figure = content.Figure(value=k / n, ci=(both.ci_low, both.ci_high), n=n, method=both.method)
    named = {one.title: len(kinds[one.name]) for one in rubric.harm_categories if one.name in kinds}
    return content.Harm(arm=which, k=k, n=n, rate=figure, upper=float(upper), categories=named)


def _preferences(judgements: Sequence[Judgement]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in judgements:
        if one.preference:
            counts[one.preference] = counts.get(one.preference, 0) + 1
    return counts


def _figure(interval: Any) -> content.Figure:
    return content.Figure(
        value=content.number(interval.estimate),
        ci=content.limits(interval.ci_low, interval.ci_high),
        n=interval.n,
        reason=interval.reason,
        method=interval.method,
    )


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
