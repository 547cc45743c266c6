"""How the demo spends its minutes: sizes by the number of tickets, training by the time that is left. Django-free."""

from __future__ import annotations

from dataclasses import dataclass

TOTAL_SECONDS = 480.0
"""From the first stage to the served site; installing takes another one to two minutes of the ten."""

TRAINING_SECONDS = (60.0, 190.0)
START_AND_MERGE_SECONDS = 35.0
SCORING_SECONDS = 12.0

TEST, VALIDATION, TRAIN = 110, 24, 250
"""Tickets of each kind when there are enough: intervals narrow enough to see a gain, in minutes on two cores."""

LEAST = 20


@dataclass(frozen=True)
class Sizes:
    """Tickets of each kind, and those that are left for labelers."""

    test: int
    validation: int
    train: int
    unlabelled: int


class TooFew(Exception):
    """There are not enough tickets for three sets."""


def sizes(tickets: int, *, leave_some: bool) -> Sizes:
    """At most a quarter for the test set and a tenth for validation; the rest trains. leave_some: keep tickets for labelers."""
    if tickets < LEAST:
        raise TooFew(
            f"{tickets} usable tickets are too few for a test set, validation and training; at least {LEAST} are needed."
        )
    test = min(TEST, max(5, tickets // 4))
    validation = min(VALIDATION, max(3, tickets // 10))
    rest = tickets - test - validation
    train = min(TRAIN, rest) if leave_some else rest
    return Sizes(test, validation, train, rest - train)


def training_budget(spent: float, candidate_seconds: float) -> float:
    """Seconds of steps and evaluations that fit, after what was spent and before what the candidate's answers will take."""
    left = TOTAL_SECONDS - spent - candidate_seconds - START_AND_MERGE_SECONDS - SCORING_SECONDS
    low, high = TRAINING_SECONDS
    return round(min(high, max(low, left)), 1)
