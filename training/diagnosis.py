"""What a run's curves say, in plain words. Pure: from points to sentences, so that page, API and lamp say the same.

All losses are nats per trained token, weighted as in training. The untrained model's validation loss stands at step 0.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Point = tuple[int, float]
State = Literal["good", "wait", "bad", "todo"]

FLAT = 0.005
"""A change of validation loss below this share of it is no change."""

SMALL_GAIN = 0.02
"""A best validation loss less than this share below the untrained model's is next to nothing."""

RISES_TO_WARN = 2
"""Evaluations in a row above the best from which on a rise is called overfitting."""


@dataclass(frozen=True)
class Diagnosis:
    """One sentence for the head, the evidence behind it, and what to do. `code` is for programs."""

    code: str
    state: State
    headline: str
    evidence: str
    advice: str = ""


def best_point(validation: Sequence[Point]) -> Point | None:
    """The trained step with the lowest validation loss, the first of equals; None before the first evaluation after step 0."""
    trained = [point for point in validation if point[0] > 0]
    return min(trained, key=lambda point: (point[1], point[0])) if trained else None


def diagnose(
    train: Sequence[Point], validation: Sequence[Point], *, patience: int | None = None, is_live: bool = True
) -> Diagnosis:
    """Reads both curves, each in the order of steps. patience: evaluations without a better one after which the run stops."""
    if _diverges(train):
        return Diagnosis(
            "diverging",
            "bad",
            "The run diverges.",
            f"Training loss rose from {_loss(min(value for _, value in train))} to {_loss(train[-1][1])}.",
            "Stop it and take a lower learning rate or a longer warm-up.",
        )
    best = best_point(validation)
    if best is None:
        return _before_first_evaluation(train, validation, is_live)
    start = validation[0][1] if validation[0][0] == 0 else None
    since = [value for step, value in validation if step > best[0]]
    if start is not None and best[1] >= start * (1 - FLAT):
        return Diagnosis(
            "nothing-learnt",
            "wait",
            "Nothing is learnt so far." if is_live else "Nothing was learnt.",
            f"Validation loss is {_loss(best[1])} at best; the untrained model has {_loss(start)}.",
            "Try a higher learning rate, or look at a few training rows: the answers may not follow from the tickets.",
        )
    if len(since) >= RISES_TO_WARN and since[-1] > best[1] * (1 + FLAT) and _falls_after(train, best[0]):
        return _overfitting(best, since, patience, is_live)
    return _no_alarm(best, start, since, validation, is_live)


def _before_first_evaluation(train: Sequence[Point], validation: Sequence[Point], is_live: bool) -> Diagnosis:
    if not train:
        text = "The first point comes with the first step." if is_live else "No step was taken."
        return Diagnosis("not-begun", "todo", "No curve yet.", text)
    if is_live:
        start = f" The untrained model has {_loss(validation[0][1])}." if validation else ""
        return Diagnosis("early", "todo", "Too early to tell.", f"Validation has not been measured yet.{start}")
    return Diagnosis(
        "unvalidated",
        "wait",
        "Overfitting cannot be judged.",
        "No step of this run was measured on validation tickets.",
        "Freeze a training set with a validation split, and this page will say when to stop.",
    )


def _overfitting(best: Point, since: Sequence[float], patience: int | None, is_live: bool) -> Diagnosis:
    evidence = (
        f"Validation loss has risen for {_count(len(since), 'evaluation')} while training loss falls: "
        f"{_loss(best[1])} at step {best[0]:,}, {_loss(since[-1])} now. Best was step {best[0]:,}; it is kept."
    )
    advice = "More or more varied tickets would help most; else fewer epochs, a lower learning rate or more dropout."
    if is_live and patience is not None:
        left = patience - len(since)
        ends = f"after {_count(left, 'more evaluation')}" if left > 0 else "now"
        advice = f"The run stops by itself {ends} unless validation loss falls below the best. {advice}"
    headline = "Overfitting has begun." if is_live else "It overfitted after its best step."
    return Diagnosis("overfitting", "wait", headline, evidence, advice)


def _no_alarm(
    best: Point, start: float | None, since: Sequence[float], validation: Sequence[Point], is_live: bool
) -> Diagnosis:
    gained = f"Validation loss fell from {_loss(start)} to {_loss(best[1])}" if start is not None else (
        f"Validation loss is {_loss(best[1])} at best"
    )  # fmt: skip
    at_best = f"{gained}, best at step {best[0]:,}."
    trained = [value for step, value in validation if step > 0]
    still_falls = not since and len(trained) >= 2 and trained[-1] < trained[-2] * (1 - SMALL_GAIN)
    if still_falls and not is_live:
        return Diagnosis(
            "unfinished",
            "wait",
            "It could have learnt more.",
            f"{at_best} It was still falling when the run ended.",
            "More epochs or a larger time budget would probably help.",
        )
    if is_live:
        headline = "Validation loss still falls." if not since else "Validation loss has stopped falling."
        return Diagnosis("falling" if not since else "level", "good", headline, at_best)
    return Diagnosis(
        "healthy",
        "good",
        "No sign of overfitting.",
        f"{at_best} It did not rise clearly after that; the best step is kept.",
    )


def _diverges(train: Sequence[Point]) -> bool:
    """Whether the last stretch of training loss lies well above where the run began: three stretches, told apart from noise."""
    if len(train) < 12:
        return False
    values = [value for _, value in train]
    stretch = len(values) // 4
    return statistics.fmean(values[-stretch:]) > 1.25 * statistics.fmean(values[:stretch])


def _falls_after(train: Sequence[Point], step: int) -> bool:
    """Whether training loss is lower after a step than in the stretch of the same length before it."""
    after = [value for at, value in train if at > step]
    before = [value for at, value in train if at <= step][-len(after) :] if after else []
    return bool(after and before) and statistics.fmean(after) < statistics.fmean(before)


def _count(number: int, noun: str) -> str:
    words = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
    return f"{words.get(number, number)} {noun}{'' if number == 1 else 's'}"


def _loss(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"
