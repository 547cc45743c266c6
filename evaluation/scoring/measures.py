"""What a card tells of its metrics: kept with it, so that it is shown alike when one is renamed or its package gone. Plain Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache

from evaluation.metrics import Description, describe
from evaluation.scoring import content

PARSE_RATE = "parse_rate"
_PERCENT = frozenset({"ter"})
"""In percent as sacrebleu's others, though without an upper end."""
_PARSE = content.Measure(title="Parse rate", blind_spot="whether what was read is right", scale=1.0, direction="higher")


def measures_of(names: Iterable[str]) -> dict[str, content.Measure]:
    """By metric, of `field.metric` names."""
    metrics = sorted({metric_of(name) for name in names})
    return {metric: registered(metric) for metric in metrics}


def measure_in(card: content.Content, metric: str) -> content.Measure:
    """As the card keeps it; one made before cards kept it has it from today's metrics, or from its comparisons' rows."""
    row = next((row for row in card.comparisons if row.metric == metric), None)
    if row and metric not in card.metrics and not is_registered(metric):
        return content.Measure(title=row.title, blind_spot=row.blind_spot, scale=row.scale, direction=row.direction)
    return measure(metric, card.metrics)


def measure(metric: str, kept: Mapping[str, content.Measure]) -> content.Measure:
    """As it was kept, or as it is registered today, or by its bare name."""
    if metric in kept:
        return kept[metric]
    if is_registered(metric):
        return registered(metric)
    return content.Measure(title=metric, blind_spot="", scale=None, direction="higher")


def is_registered(metric: str) -> bool:
    return metric == PARSE_RATE or metric in _described()


def registered(metric: str) -> content.Measure:
    """Of today's metrics."""
    if metric == PARSE_RATE:
        return _PARSE
    about = _described()[metric]
    return content.Measure(
        title=about.title, blind_spot=about.blind_spot, scale=_scale(about), direction=about.direction
    )


def limits_of(metric: str) -> tuple[float, float]:
    """Lowest and highest possible value of a metric of today; may be infinite."""
    return _described()[metric].range


def metric_of(name: str) -> str:
    return name.split(".", 1)[-1]


@cache
def _described() -> dict[str, Description]:
    """Asked once: describe() looks for every metric's package."""
    return describe()


def _scale(about: Description) -> float | None:
    highest = about.range[1]
    if highest == 100 or about.name in _PERCENT:
        return 100.0
    return 1.0 if math.isfinite(highest) else None
