"""Curves as a picture that a server can draw: points in percent of the plot, axes with round numbers, few labels.

Pure. The template writes it as SVG, so that the page needs no script and no inline style to show a live run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Point = tuple[int, float]

MOST_POINTS = 300
"""Points a line is drawn with: more than that is less than two pixels each."""

MOST_VALUE_TICKS, MOST_STEP_TICKS = 6, 6


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
class Plot:
    """Everything in percent of the plot's width and height, from its upper left corner."""

    value_ticks: list[Tick]
    step_ticks: list[Tick]
    train_line: str
    validation_line: str
    dots: list[Dot]
    events: list[Event]
    labels: list[Label]
    description: str


def draw_losses(
    train: Sequence[Point],
    validation: Sequence[Point],
    *,
    steps: int | None = None,
    best: Point | None = None,
    ended_at: int | None = None,
) -> Plot | None:
    """Training and validation loss by step; None where there is no point yet.

    steps: where the run is going, so that the axis does not move while it is live. ended_at: where it stopped before that.
    """
    known = [*train, *validation]
    if not known:
        return None
    train = thinned(train, MOST_POINTS)
    right = max([steps or 1, *(step for step, _ in known)])
    low, high, ticks = round_axis([value for _, value in [*train, *validation]])

    def x(step: float) -> str:
        return _percent(100 * step / right)

    def y(value: float) -> str:
        return _percent(100 * (high - value) / (high - low))

    def line(points: Sequence[Point]) -> str:
        return " ".join(f"{x(step)[:-1]},{y(value)[:-1]}" for step, value in points)

    events = []
    if best is not None:
        events.append(Event(x(best[0]), f"best {best[1]:.2f}", True, best[0] > 0.85 * right))
    if ended_at is not None and ended_at < right:
        events.append(Event(x(ended_at), f"stopped at {ended_at:,}", False, ended_at > 0.85 * right))
    return Plot(
        value_ticks=[Tick(y(value), text, value == low) for value, text in ticks],
        step_ticks=[Tick(x(step), f"{step:,}") for step in step_ticks(right)],
        train_line=line(train),
        validation_line=line(validation),
        dots=[Dot(x(step), y(value), best is not None and step == best[0]) for step, value in validation],
        events=events,
        labels=_labels(train, validation, right, x, y),
        description=_description(train, validation, best),
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


def _labels(
    train: Sequence[Point],
    validation: Sequence[Point],
    right: int,
    x: Callable[[float], str],
    y: Callable[[float], str],
) -> list[Label]:
    """The lower line's name below its end, the upper one's above, so that they never cross."""
    lines = ((validation, "validation", True), (train, "training", False))
    ends = [(points[-1], name, is_own) for points, name, is_own in lines if points]
    upper = max(ends, key=lambda end: end[0][1])[1]
    return [
        Label(
            x=x(step),
            y=y(value),
            text=f"{name} {value:.2f}",
            is_own=is_own,
            is_end=step > 0.12 * right,
            dy=-10 if name == upper else 20,
        )
        for (step, value), name, is_own in ends
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
