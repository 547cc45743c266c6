"""How the demo spends its minutes: sizes by the number of tickets and by what answering one costs. Django-free.

What is told beforehand is an estimate in tokens and the same on every machine, so that a seed draws the same sets everywhere;
the training is then fitted to the time that is left by timing its own first steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.demo.source import Load

TOTAL_SECONDS = 550.0
"""From the start of `make demo`, installing and all, to the served site; the rest of the ten minutes is for what nobody foresees."""

TRAINING_SECONDS = (75.0, 260.0)
"""The least and the most, the engine's start included."""

MERGE_SECONDS = 40.0
"""Of the tuned model: merged, saved, tried on three prompts, registered."""

SCORING_SECONDS = 12.0
PREPARING_SECONDS = 90.0
"""Installing, the servers' start, the import, and the model unpacked beside it. The sets are sized by it; the rest goes by the clock."""

UNPACKING_SECONDS = 10.0

SHORTER_ANSWERS = 0.85
"""What a tuned model's answers take of the base's: they end, the base's are cut."""

TEST, VALIDATION, TRAIN = 96, 20, 250
"""Tickets of each kind when there are enough: intervals narrow enough to see a gain, in minutes on two cores."""

LEAST, LEAST_TEST = 20, 10
SHOTS = 3
READ_A_SECOND, WRITTEN_A_SECOND, LABELS_A_SECOND = 900.0, 110.0, 300.0
"""Tokens: of prompts, of answers, of labels held against a prompt. Two slow cores, the embedded model."""

ANSWER_SECONDS = TOTAL_SECONDS - PREPARING_SECONDS - TRAINING_SECONDS[0] - MERGE_SECONDS - SCORING_SECONDS
BATCH, EPOCHS = 4, 2


@dataclass(frozen=True)
class Sizes:
    """Tickets of each kind, and those that are left for labelers."""

    test: int
    validation: int
    train: int
    unlabelled: int

    @property
    def most_steps(self) -> int:
        return -(-self.train * EPOCHS // BATCH)


class TooFew(Exception):
    """There are not enough tickets for three sets."""


def sizes(tickets: int, load: Load, *, leave_some: bool) -> Sizes:
    """At most a quarter for the test set, and no more than can be answered in time; a tenth for validation; the rest trains.

    leave_some: keep tickets for labelers.
    """
    if tickets < LEAST:
        raise TooFew(
            f"at least {LEAST} usable tickets are needed for a test set, validation and training; there are {tickets}"
        )
    in_time = int(ANSWER_SECONDS / (baseline_seconds(load) + candidate_seconds(load)))
    test = min(TEST, max(5, tickets // 4), max(LEAST_TEST, in_time))
    validation = min(VALIDATION, max(3, tickets // 10))
    rest = tickets - test - validation
    train = min(TRAIN, rest) if leave_some else rest
    return Sizes(test, validation, train, rest - train)


def baseline_seconds(load: Load) -> float:
    """A test ticket answered by the base model: without and with shots, and its choice between labels."""
    return _asked(load) + _asked(load, times=1 + SHOTS) + _chosen(load)


def candidate_seconds(load: Load) -> float:
    return _asked(load) + _chosen(load)


def _asked(load: Load, times: int = 1) -> float:
    return times * load.prompt_tokens / READ_A_SECOND + load.answer_tokens / WRITTEN_A_SECOND


def _chosen(load: Load) -> float:
    return (load.prompt_tokens / READ_A_SECOND + load.label_tokens / LABELS_A_SECOND) if load.label_tokens else 0.0


def training_budget(spent: float, candidate: float) -> float:
    """Seconds of training that fit, from its engine's start to the last step, after what was spent and before what the candidate's answers will take."""
    left = TOTAL_SECONDS - spent - candidate - MERGE_SECONDS - SCORING_SECONDS
    low, high = TRAINING_SECONDS
    return round(min(high, max(low, left)), 1)


def table(made: Sizes, load: Load, *, spent: float) -> str:
    """The plan as it is printed before the long stages begin: tickets, steps, seconds per stage. spent: seconds so far."""
    baseline, candidate = made.test * baseline_seconds(load), made.test * candidate_seconds(load)
    training = training_budget(spent + UNPACKING_SECONDS + baseline, candidate)
    conditions = "zero-shot, 3-shot" + (", constrained choice" if load.label_tokens else "")
    left = f", {made.unlabelled:,} left for labelers" if made.unlabelled else ""
    rows = [
        ("so far", "installed, servers started, tickets imported", spent),
        ("model", "unpacked beside the import", UNPACKING_SECONDS),
        ("baseline", f"{made.test} test tickets: {conditions}", baseline),
        (
            "training",
            f"at most {made.most_steps} steps of {BATCH} rows; the first are timed and the number is set to fit",
            training,
        ),
        (
            "comparison",
            f"{made.test} test tickets, the tuned model",
            candidate + MERGE_SECONDS + SCORING_SECONDS,
        ),
    ]
    total = sum(seconds for _, _, seconds in rows)
    lines = [f"Plan: {made.test} test tickets, {made.validation} for validation, {made.train:,} to train on{left}"]
    lines += [f"  {stage:12} {seconds:4.0f} s  {what}" for stage, what, seconds in rows]
    lines.append(
        f"  {'in all':12} {total:4.0f} s  estimated; training takes what the others leave of {TOTAL_SECONDS:.0f} s"
    )
    if made.test < min(TEST, (made.test + made.validation + made.train + made.unlabelled) // 4):
        lines.append(f"  The test set has {made.test} tickets only: more could not be answered in the time of a demo.")
    return "\n".join(lines)
