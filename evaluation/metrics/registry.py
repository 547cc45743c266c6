"""The list of metrics: what there is, what each says of itself, and the one door to compute them.

A metric is a file in `members/` that defines `METRIC`. Packages elsewhere add their own through the entry-point
group `ftplatform.metrics`, each entry naming a `Metric`:

    [project.entry-points."ftplatform.metrics"]
    politeness = "acme.metrics:POLITENESS"
"""

from __future__ import annotations

import inspect
import math
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from typing import Any

from evaluation.metrics import members
from evaluation.metrics.errors import Absent, MetricInputError, UnknownMetricError
from evaluation.metrics.metric import Metric, Takes
from evaluation.metrics.result import Direction, MetricResult
from ftplatform.spelling import hint

ENTRY_POINTS = "ftplatform.metrics"


@dataclass(frozen=True)
class Description:
    """What a page, the API and the documentation show of a metric. `absent`: why it cannot be had here, or None;
    `warning`: it only hints at trouble, and no model is chosen by it."""

    name: str
    title: str
    text: str
    takes: Takes
    direction: Direction
    range: tuple[float, float]
    options: dict[str, str]
    source: str
    blind_spot: str
    warning: bool
    absent: str | None


def names() -> list[str]:
    """Names of all metrics, also of those whose package is not installed here (`describe()` says so)."""
    return list(_metrics())


def describe() -> dict[str, Description]:
    """What each metric is, by name: direction, range, options with defaults, source, what it does not show."""
    return {
        metric.name: Description(
            name=metric.name,
            title=metric.title,
            text=inspect.getdoc(metric.function) or "",
            takes=metric.takes,
            direction=metric.direction,
            range=metric.range,
            options={name: _shown(parameter) for name, parameter in metric.options.items()},
            source=metric.source,
            blind_spot=metric.blind_spot,
            warning=metric.warning,
            absent=metric.missing(),
        )
        for metric in _metrics().values()
    }


def compute(name: str, predictions: Any = None, references: Any = None, **options: Any) -> MetricResult:
    """Compute one metric.

    predictions  n model outputs: texts, or labels (None: nothing could be parsed)
    references   n entries, each one string or a list of strings (for labels: one label)
    options      the metric's own, see `describe()[name].options`

    The value is None with `details["reason"]` where it cannot be had: no examples, undefined for these data, or a
    package that is not installed.
    Raises UnknownMetricError, and MetricInputError for input or options the metric does not take.
    """
    metric = _metric(name)
    _check_options(metric, options)
    reason = metric.missing()
    if reason is not None:
        return _absent(metric, reason)
    try:
        scores = metric.function(predictions, references, **options)
    except Absent as absent:
        return _absent(metric, str(absent))
    details = dict(scores.details)
    if math.isnan(scores.value):
        details.setdefault("reason", "undefined for these data")
    return MetricResult(
        name=metric.name,
        value=None if math.isnan(scores.value) else scores.value,
        per_example=scores.per_example,
        direction=metric.direction,
        range=metric.range,
        signature=scores.signature,
        details=details,
    )


@cache
def _metrics() -> dict[str, Metric]:
    """Members by name, in the order of `members.ORDER`, then any other file, then those of other packages."""
    modules = sorted(module.name for module in pkgutil.iter_modules(members.__path__))
    found: list[Metric] = [import_module(f"{members.__name__}.{module}").METRIC for module in modules]
    found.sort(key=lambda metric: members.ORDER.index(metric.name) if metric.name in members.ORDER else math.inf)
    found += _from_other_packages()
    by_name: dict[str, Metric] = {}
    for metric in found:
        if metric.name in by_name:
            raise RuntimeError(f"two metrics are named {metric.name!r}; rename one of them")
        by_name[metric.name] = metric
    return by_name


def _from_other_packages() -> list[Metric]:
    found = []
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        metric = entry.load()
        if not isinstance(metric, Metric):
            raise RuntimeError(f"entry point {entry.name} = {entry.value} is not an evaluation.metrics.registry.Metric")
        found.append(metric)
    return found


def _metric(name: str) -> Metric:
    metric = _metrics().get(name)
    if metric is None:
        raise UnknownMetricError(f"there is no metric {name!r}; {hint(name, names())}")
    return metric


def _check_options(metric: Metric, given: dict[str, Any]) -> None:
    known = metric.options
    for name in given:
        if name not in known:
            takes = ", ".join(known) if known else "none"
            raise MetricInputError(f"{metric.name} has no option {name!r}; its options: {takes}")
    for name, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and name not in given:
            raise MetricInputError(f"{metric.name} needs the option {name}=…")


def _absent(metric: Metric, reason: str) -> MetricResult:
    return MetricResult(metric.name, None, None, metric.direction, metric.range, "", {"reason": reason})


def _shown(parameter: inspect.Parameter) -> str:
    return "required" if parameter.default is inspect.Parameter.empty else repr(parameter.default)
