"""Curves as a picture that a server can draw: points in percent of the plot, axes with round numbers, few labels.

Pure. The template writes it as SVG, so that the page needs no script and no inline style to show a live run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

Point = tuple[int, float]

MOST_POINTS = 300
"""Points a line is drawn with: more than that is less than two pixels each."""

MOST_VALUE_TICKS, MOST_STEP_TICKS = 6, 6

SHARE_TICKS = ((1.0, "1.0"), (0.5, "0.5"), (0.0, "0"))
NEAR_AXIS = 90.0
"""Percent of the plot below which a line of text would run into the axis."""

LINE_OF_TEXT = 6.0
"""Percent of the tall plot that a line of text takes."""

LABEL_GAP = 12.0
"""Percent of a low plot that a line of text takes."""


@dataclass(frozen=True)
class Tick:
    at: str
    text: str
    is_axis: bool = False


@dataclass(frozen=True)
class Dot:
    x: str
    y: str
    is_best: bool


@dataclass(frozen=True)
class Event:
    """A vertical line with its word."""

    x: str
    text: str
    is_strong: bool
    flips: bool
    dy: int = 12
    """Pixels below the upper edge; a second line of text where the first is taken."""


@dataclass(frozen=True)
class Label:
    """The name at a line's end."""

    x: str
    y: str
    text: str
    is_own: bool
    is_end: bool
    dy: int


@dataclass(frozen=True)
class Line:
    """Points as SVG writes them. Our own line is the one that counts; the other stands behind it."""

    points: str
    is_own: bool


@dataclass(frozen=True)
class Plot:
    """Everything in percent of the plot's width and height, from its upper left corner."""

    value_ticks: list[Tick]
    step_ticks: list[Tick]
    lines: list[Line]
    dots: list[Dot]
    events: list[Event]
    labels: list[Label]
    description: str


@dataclass(frozen=True)
class Scale:
    """From steps 0…right and values low…high to places in the plot."""

    right: int
    low: float
    high: float

    def x(self, step: float) -> float:
        return 100 * step / self.right

    def y(self, value: float) -> float:
        return 100 * (self.high - value) / (self.high - self.low)

    def line(self, points: Sequence[Point], *, is_own: bool) -> Line:
        return Line(" ".join(f"{self.x(step):.2f},{self.y(value):.2f}" for step, value in points), is_own)

    def dots(self, points: Sequence[Point], best: int | None) -> list[Dot]:
        return [Dot(_percent(self.x(step)), _percent(self.y(value)), step == best) for step, value in points]

    def steps(self) -> list[Tick]:
        return [Tick(_percent(self.x(step)), f"{step:,}") for step in step_ticks(self.right)]

    def event(self, step: int, text: str, *, is_strong: bool) -> Event:
        return Event(_percent(self.x(step)), text, is_strong, step > 0.85 * self.right)


def draw_losses(
    train: Sequence[Point],
    validation: Sequence[Point],
    *,
    steps: int | None = None,
    best: Point | None = None,
    ended_at: int | None = None,
) -> Plot | None:
    """Training and validation loss by step; None where there is no point yet.

    steps: where a live run is going, so that the axis does not move meanwhile. ended_at: where it stopped before that.
    """
    known = [*train, *validation]
    if not known:
        return None
    train = thinned(train, MOST_POINTS)
    low, high, ticks = round_axis([value for _, value in [*train, *validation]])
    scale = Scale(max([steps or 1, ended_at or 1, *(step for step, _ in known)]), low, high)
    events = []
    if best is not None:
        events.append(scale.event(best[0], f"best {best[1]:.2f}", is_strong=True))
    if ended_at is not None:
        events.append(replace(scale.event(ended_at, f"stopped at {ended_at:,}", is_strong=False), dy=28))
    return Plot(
        value_ticks=[Tick(_percent(scale.y(value)), text, value == low) for value, text in ticks],
        step_ticks=scale.steps(),
        lines=[scale.line(train, is_own=False), scale.line(validation, is_own=True)],
        dots=scale.dots(validation, best[0] if best else None),
        events=events,
        labels=_labels(train, validation, scale),
        description=_description(train, validation, best),
    )


def draw_shares(series: Mapping[str, Sequence[Point]], *, steps: int | None, best: Point | None) -> Plot | None:
    """Metrics between 0 and 1 by step, each name at its line's end; None where there is none.

    best: the step that the losses keep, marked here too.
    """
    ends = sorted(((points[-1], name) for name, points in series.items() if points), key=lambda end: -end[0][1])
    if not ends:
        return None
    scale = Scale(max([steps or 1, *(step for (step, _), _ in ends)]), 0.0, 1.0)
    labels, lowest = [], -LABEL_GAP
    for (step, value), name in ends:
        y = min(max(scale.y(value) - LABEL_GAP, 0.0, lowest + LABEL_GAP), 100.0)
        lowest = y
        x = _percent(scale.x(step))
        labels.append(Label(x, _percent(y), f"{name} {value:.2f}", True, step > 0.12 * scale.right, dy=4))
    return Plot(
        value_ticks=[Tick(_percent(scale.y(value)), text, value == 0) for value, text in SHARE_TICKS],
        step_ticks=scale.steps(),
        lines=[scale.line(points, is_own=True) for points in series.values()],
        dots=[dot for points in series.values() for dot in scale.dots(points, best[0] if best else None)],
        events=[scale.event(best[0], "", is_strong=False)] if best else [],
        labels=labels,
        description=". ".join(
            f"{name} goes from {points[0][1]:.2f} at step {points[0][0]} to {points[-1][1]:.2f} at step {points[-1][0]}"
            for name, points in series.items()
            if points
        )
        + ".",
    )


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` points: means of equal stretches, each at its last step, so that the line ends where the run is."""
    if len(points) <= most:
        return list(points)
    stretches = [points[len(points) * at // most : len(points) * (at + 1) // most] for at in range(most)]
    return [(one[-1][0], sum(value for _, value in one) / len(one)) for one in stretches]


def round_axis(values: Sequence[float]) -> tuple[float, float, list[tuple[float, str]]]:
    """(low, high, ticks) around the values, with steps of 1, 2 or 5 times a power of ten; the highest tick first."""
    low, high = min(values), max(values)
    width = high - low or max(abs(high), 1.0) * 0.1
    raw = width / (MOST_VALUE_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        last += 1
    digits = max(0, -math.floor(math.log10(step)))
    ticks = [(at * step, f"{at * step:.{max(digits, 1)}f}") for at in range(last, first - 1, -1)]
    return first * step, last * step, ticks


def step_ticks(right: int) -> list[int]:
    """Round steps from 0 to at most `right`."""
    raw = max(1.0, right / MOST_STEP_TICKS)
    power = 10 ** math.floor(math.log10(raw))
    step = next(int(factor * power) for factor in (1, 2, 4, 5, 10) if factor * power >= raw)
    return list(range(0, right + 1, step))


def _labels(train: Sequence[Point], validation: Sequence[Point], scale: Scale) -> list[Label]:
    """The lower line's name below its end, the upper one's above, so that they never cross; near the axis both stand above."""
    lines = ((validation, "validation", True), (train, "training", False))
    ends = sorted(((points[-1], name, is_own) for points, name, is_own in lines if points), key=lambda end: end[0][1])
    lowest = scale.y(ends[0][0][1])
    below = len(ends) == 2 and lowest <= NEAR_AXIS
    crowded = len(ends) == 2 and not below and lowest - scale.y(ends[1][0][1]) < LINE_OF_TEXT
    places = (20 if below else -10, -26 if crowded else -10)
    return [
        Label(
            x=_percent(scale.x(step)),
            y=_percent(scale.y(value)),
            text=f"{name} {value:.2f}",
            is_own=is_own,
            is_end=step > 0.12 * scale.right,
            dy=dy,
        )
        for ((step, value), name, is_own), dy in zip(ends, places, strict=False)
    ]


def _description(train: Sequence[Point], validation: Sequence[Point], best: Point | None) -> str:
    """The picture in a sentence or two, for whoever cannot see it."""
    parts = [
        f"{name} loss goes from {points[0][1]:.2f} at step {points[0][0]} to {points[-1][1]:.2f} at step {points[-1][0]}"
        for name, points in (("Training", train), ("Validation", validation))
        if points
    ]
    if best is not None:
        parts.append(f"The best validation loss is {best[1]:.2f} at step {best[0]}")
    return ". ".join(parts) + "."


def _percent(value: float) -> str:
    return f"{value:.2f}%"
