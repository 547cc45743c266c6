"""Automatic metrics of answers to an evaluation set, and their paired comparison. Plain Python over the shelf.

The item's group (thread, customer, same question) is the unit that is resampled and swapped: two questions of one thread are
not two pieces of evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from annotation import codecs
from evaluation.metrics import MetricInputError, MetricResult, compute
from evaluation.metrics.fields import metrics_of
from evaluation.scoring import content, measures
from evaluation.scoring.measures import PARSE_RATE
from evaluation.stats import intervals, paired
from evaluation.stats.figure import Interval
from evaluation.stats.multiplicity import holm
from ftplatform.projects.spec import TaskField, TaskSpec

RESAMPLES = 10_000
SLICE_RESAMPLES = 2_000
"""Slices are many and exploratory: their p values need no third digit."""
SEED = 20_260_310
LEAST_UNITS = 6
"""Of a slice with an interval: resamples of fewer groups seldom leave what was observed, so zero lies outside too easily."""


@dataclass(frozen=True)
class TestSet:
    """The frozen evaluation set. All lists have one entry per item, in the set's order."""

    __test__ = False  # not a test case for pytest

    spec: TaskSpec
    item_ids: Sequence[int]
    references: Sequence[dict[str, Any]]
    inputs: Sequence[dict[str, Any]]
    groups: Sequence[str]

    @property
    def size(self) -> int:
        return len(self.item_ids)


@dataclass(frozen=True)
class Answers:
    """What one source wrote for every item. `fields` are those that it can answer: constrained choice answers one."""

    key: str
    title: str
    model: str
    model_version: int | None
    fields: frozenset[str]
    values: Sequence[dict[str, Any]]
    parse: Sequence[dict[str, str]]
    outputs: Sequence[str]

    @property
    def place(self) -> tuple[str, str]:
        """(model, condition) as a scorecard names them."""
        return self.model, self.title


@dataclass(frozen=True)
class Scored:
    """One metric of one source, with what its interval and comparisons need. per_item: (n,), NaN where there is no reference."""

    name: str
    field: str
    metric: str
    figure: content.Figure
    direction: str
    scale: float
    limits: tuple[float, float]
    """Lowest and highest possible value; may be infinite."""
    signature: str = ""
    per_item: npt.NDArray[np.float64] | None = None
    statistics: npt.NDArray[np.float64] | None = None
    reduce: Any = None

    @property
    def widest(self) -> tuple[float, float]:
        """The limits of a difference of two such figures."""
        width = self.limits[1] - self.limits[0]
        return -width, width


def metric_names(field: TaskField) -> list[str]:
    """The metrics of a field, its primary one first."""
    names = list(metrics_of(field.kind).metrics)
    primary = primary_metric(field)
    return [primary, *(name for name in names if name != primary)]


def primary_metric(field: TaskField) -> str:
    return field.primary_metric or metrics_of(field.kind).primary


def score(test: TestSet, answers: Answers, confidence: float = 0.95) -> dict[str, Scored]:
    """`field.metric` → scored, for every field that the source can answer; the parse rate stands among them."""
    scored: dict[str, Scored] = {}
    for field in test.spec.fields:
        if field.name not in answers.fields:
            continue
        kept = [at for at, reference in enumerate(test.references) if field.name in reference]
        for metric in metric_names(field):
            one = _score_metric(test, answers, field, metric, kept, confidence)
            scored[one.name] = one
        one = _parse_rate(test, answers, field, confidence)
        scored[one.name] = one
    return scored


def _score_metric(
    test: TestSet, answers: Answers, field: TaskField, metric: str, kept: list[int], confidence: float
) -> Scored:
    predictions = [_prediction(test.spec, field, answers, at) for at in kept]
    references = [test.references[at][field.name] for at in kept]
    options: dict[str, Any] = {"labels": field.scale} if field.scale else {}
    try:
        result = compute(metric, predictions, references, **options)
    except MetricInputError as error:
        return _absent(field, metric, len(kept), str(error))
    return _scored(test, field, metric, result, kept, confidence)


def _prediction(spec: TaskSpec, field: TaskField, answers: Answers, at: int) -> Any:
    """A failed choice is None, which is wrong for its true class."""
    if field.kind == "text":
        return codecs.written(spec, field.name, answers.values[at], answers.outputs[at])
    return answers.values[at].get(field.name)


def _scored(
    test: TestSet, field: TaskField, metric: str, result: MetricResult, kept: list[int], confidence: float
) -> Scored:
    per_item = statistics = reduce = None
    interval: Interval | None = None
    options: Any = {
        "clusters": np.asarray(test.groups),
        "resamples": RESAMPLES,
        "seed": SEED,
        "confidence": confidence,
        "limits": result.range,
    }
    if result.per_example is not None:
        per_item = np.full(test.size, np.nan)
        per_item[kept] = result.per_example
        interval = intervals.bootstrap(per_item, **options)
    elif "statistics" in result.details:
        rows = np.asarray(result.details["statistics"], dtype=np.float64)
        statistics = np.full((test.size, rows.shape[1]), np.nan)
        statistics[kept] = rows
        reduce = result.details["reduce"]
        interval = intervals.bootstrap_statistics(statistics, reduce, **options)
    figure = content.Figure(
        value=result.value,
        ci=content.limits(interval.ci_low, interval.ci_high) if interval and result.value is not None else None,
        n=len(kept),
        reason=result.reason or (interval.reason if interval else ""),
        method=interval.method if interval else "",
    )
    return Scored(
        name=f"{field.name}.{metric}",
        field=field.name,
        metric=metric,
        figure=figure,
        direction=result.direction,
        scale=measures.registered(metric).scale or 1.0,
        limits=result.range,
        signature=result.signature,
        per_item=per_item,
        statistics=statistics,
        reduce=reduce,
    )


def _absent(field: TaskField, metric: str, n: int, reason: str) -> Scored:
    """Of a metric that cannot be had: what it is stands on the card all the same."""
    measure = measures.registered(metric)
    return Scored(
        name=f"{field.name}.{metric}",
        field=field.name,
        metric=metric,
        figure=content.Figure(value=None, n=n, reason=reason),
        direction=measure.direction,
        scale=measure.scale or 1.0,
        limits=measures.limits_of(metric),
    )


def _parse_rate(test: TestSet, answers: Answers, field: TaskField, confidence: float) -> Scored:
    """Share of the answers in which the field was given, or had to be, that gave it as it was asked for."""
    per_item = np.full(test.size, np.nan)
    kept = [at for at, status in enumerate(answers.parse) if field.name in status]
    for at in kept:
        per_item[at] = answers.parse[at][field.name] in codecs.as_asked(field)
    k = int(np.nansum(per_item))
    interval = intervals.wilson(k, len(kept), confidence) if kept else None
    figure = content.Figure(
        value=k / len(kept) if kept else None,
        ci=content.limits(interval.ci_low, interval.ci_high) if interval else None,
        n=len(kept),
        reason="" if kept else "no answer had to give this field",
        method=interval.method if interval else "",
    )
    name = f"{field.name}.{PARSE_RATE}"
    signature = "parse:as asked|interval:wilson"
    return Scored(name, field.name, PARSE_RATE, figure, "higher", 1.0, (0.0, 1.0), signature, per_item)


def best_conditions(scored: dict[str, dict[str, Scored]]) -> dict[str, str]:
    """Metric → the key of the base condition that does best on it. The first one wins a tie, so zero-shot before k-shot.

    Choosing the best on the test set itself flatters the baseline, never the candidate: a straw man is no baseline.
    """
    best: dict[str, str] = {}
    for key, metrics in scored.items():
        for name, one in metrics.items():
            value = one.figure.value
            if value is None:
                continue
            held = scored[best[name]][name].figure.value if name in best else None
            sign = 1 if one.direction == "higher" else -1
            if held is None or sign * value > sign * held:
                best[name] = key
    return best


def compare(
    test: TestSet,
    base: dict[str, dict[str, Scored]],
    candidate: dict[str, tuple[str, Scored]],
    family: set[str],
    confidence: float = 0.95,
) -> list[content.Comparison]:
    """One comparison per metric: the candidate under its own condition against the best base condition for that metric.

    base: condition key → metric → scored. candidate: metric → (condition key, scored). family: names whose p are adjusted
    together later (see `adjust`).
    """
    best = best_conditions(base)
    rows: list[content.Comparison] = []
    for name, (condition, ours) in candidate.items():
        if name not in best:
            continue
        field = test.spec.field_named(ours.field)
        theirs = base[best[name]][name]
        rows.append(_compare(test, field, best[name], theirs, condition, ours, name in family, confidence))
    return rows


def _compare(
    test: TestSet,
    field: TaskField,
    base_key: str,
    base: Scored,
    condition: str,
    ours: Scored,
    in_family: bool,
    confidence: float,
) -> content.Comparison:
    options: Any = {
        "clusters": np.asarray(test.groups),
        "resamples": RESAMPLES,
        "seed": SEED,
        "confidence": confidence,
        "limits": ours.widest,
    }
    result: paired.Comparison | None = None
    reason = ours.figure.reason or base.figure.reason
    if ours.per_item is not None and base.per_item is not None:
        result = paired.compare(ours.per_item, base.per_item, **options)
    elif ours.statistics is not None and base.statistics is not None:
        result = paired.compare_statistics(ours.statistics, base.statistics, ours.reduce, **options)
    delta = content.Figure(
        value=content.number(result.delta) if result else None,
        ci=content.limits(result.ci_low, result.ci_high) if result else None,
        n=result.n if result else 0,
        reason=(result.reason if result else reason) or "",
        method=result.method if result else "",
    )
    measure = measures.registered(ours.metric)
    return content.Comparison(
        name=ours.name,
        field=ours.field,
        metric=ours.metric,
        title=measure.title,
        direction="higher" if ours.direction == "higher" else "lower",
        scale=ours.scale,
        is_primary=ours.metric == primary_metric(field),
        in_family=in_family,
        base_condition=base_key,
        candidate_condition=condition,
        base=base.figure,
        candidate=ours.figure,
        delta=delta,
        p=content.number(result.p_value) if result else None,
        method=result.method if result else "",
        signature=ours.signature,
        blind_spot=measure.blind_spot,
    )


def adjust(p_values: dict[str, float | None]) -> dict[str, float | None]:
    """Holm over the family; a figure without p stays without."""
    known = {name: p for name, p in p_values.items() if p is not None}
    adjusted: Any = holm(list(known.values())) if known else ()
    return {**p_values, **{name: float(p) for name, p in zip(known, adjusted, strict=True)}}


def condition_row(answers: Answers, scored: dict[str, Scored], note: str = "") -> content.Condition:
    return content.Condition(
        name=answers.key,
        title=answers.title,
        model=answers.model,
        model_version=answers.model_version,
        metrics={name: one.figure for name, one in scored.items()},
        note=note,
    )


def slices(
    test: TestSet, by: TaskField, base: Scored, ours: Scored, title: str, confidence: float = 0.95
) -> content.Slices | None:
    """The paired difference within each true label of a choice field; p adjusted by Holm over the slices. One of a few tickets has
    a difference and no interval."""
    if base.per_item is None or ours.per_item is None:
        return None
    rows: list[tuple[str, paired.Comparison, int]] = []
    labels = np.asarray([str(reference.get(by.name, "")) for reference in test.references])
    groups = np.asarray(test.groups)
    for label in by.labels:
        here = labels == label
        if here.sum() >= 2:
            result = paired.compare(
                ours.per_item[here],
                base.per_item[here],
                clusters=groups[here],
                seed=SEED,
                resamples=SLICE_RESAMPLES,
                confidence=confidence,
                limits=ours.widest,
            )
            rows.append((label, result, int(here.sum())))
    if len(rows) < 2:
        return None
    adjusted = adjust({label: content.number(result.p_value) for label, result, _ in rows})
    return content.Slices(
        field=by.name,
        metric=ours.name,
        title=title,
        rows=[
            content.Slice(
                label=label,
                n=n,
                delta=_slice_figure(result, n),
                p=adjusted[label],
            )
            for label, result, n in rows
        ],
    )


def _slice_figure(result: paired.Comparison, n: int) -> content.Figure:
    ci, reason = content.limits(result.ci_low, result.ci_high), result.reason
    if result.units < LEAST_UNITS:
        ci, reason = None, "too few tickets for an interval"
    return content.Figure(value=content.number(result.delta), ci=ci, n=n, reason=reason, method=result.method)


def extremes(test: TestSet, base: Scored, ours: Scored, most: int = 5) -> tuple[list[content.Case], list[content.Case]]:
    """The items that improved most and those that got worse most, by one per-item metric."""
    if base.per_item is None or ours.per_item is None:
        return [], []
    sign = 1 if ours.direction == "higher" else -1
    difference = sign * (ours.per_item - base.per_item)
    order = [int(at) for at in np.argsort(difference, kind="stable") if not math.isnan(difference[at])]

    def case(at: int) -> content.Case:
        return content.Case(item=test.item_ids[at], difference=round(sign * float(difference[at]), 6))

    worse = [case(at) for at in order[:most] if difference[at] < 0]
    improved = [case(at) for at in reversed(order[-most:]) if difference[at] > 0]
    return improved, worse
