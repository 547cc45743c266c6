"""How the demo spends its minutes: sizes by the number of tickets and by what answering one costs. Django-free.

What is told beforehand is an estimate in tokens and the same on every machine that is not slower than planned, so that a seed draws
the same sets everywhere; the training is then fitted to the time that is left by timing its own first steps.
"""

from __future__ import annotations

from dataclasses import dataclass

TOTAL_SECONDS = 550.0
"""From the start of `make demo`, installing and all, to the served site; the rest of the ten minutes is for what nobody foresees."""

TRAINING_SECONDS = (75.0, 260.0)
"""The least and the most, the engine's start included."""

MERGE_SECONDS = 40.0
"""Of the tuned model: merged, saved, tried on three prompts, registered."""

ENGINE_SECONDS = 10.0
"""Until an engine has read its libraries and its model."""

SCORING_SECONDS = 12.0
PREPARING_SECONDS = 90.0
"""Installing, the servers' start, the import, and the model unpacked beside it. The sets are sized by it; the rest goes by the clock."""

SHORTER_ANSWERS = 0.85
"""What a tuned model's written answers take of the base's: they end, the base's are cut."""

TEST, VALIDATION, TRAIN = 96, 20, 250
"""Tickets of each kind when there are enough: intervals narrow enough to see a gain, in minutes on two cores."""

LEAST, LEAST_TEST = 20, 10
SHOTS = 3
READ_A_SECOND, WRITTEN_A_SECOND, LABELS_A_SECOND = 320.0, 110.0, 300.0
"""Tokens: of prompts, of answers, of labels held against a prompt. The embedded model on two cores that have neither AVX-512 nor bfloat16."""

ROWS_A_BATCH = 16
"""What prompts begin with is computed once for about so many."""

TOLD_SLOWNESS = 1.2
"""Less is not told from chance."""

SHOTS_IN_VIEW = 1.6
"""What a token of a prompt costs with the shots in view, of what it costs without."""

ANSWER_SECONDS = TOTAL_SECONDS - PREPARING_SECONDS - TRAINING_SECONDS[0] - MERGE_SECONDS - SCORING_SECONDS
BATCH, EPOCHS = 4, 2


@dataclass(frozen=True)
class Load:
    """Means over a ticket, in tokens."""

    own_tokens: float
    """Of its prompt, without what all prompts begin with."""
    shared_tokens: int
    """What they begin with: the instructions, the list of labels."""
    answer_tokens: int
    """At most."""
    label_tokens: int
    """Of all labels together, for the constrained choice; 0 where nothing is chosen."""
    only_chosen: bool = False
    """Whether all it does is choose between labels: then ways of asking are tried on the validation tickets first."""
    slowness: float = 1.0
    """How many times as long as planned this machine computes today; never less than 1, so that the sets are the same on all that are quick enough."""


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
    validation = min(VALIDATION, max(3, tickets // 10))
    left = ANSWER_SECONDS - tried_seconds(validation, load)
    in_time = int(left / (baseline_seconds(load) + candidate_seconds(load)))
    test = min(TEST, max(5, tickets // 4), max(LEAST_TEST, in_time))
    rest = tickets - test - validation
    train = min(TRAIN, rest) if leave_some else rest
    return Sizes(test, validation, train, rest - train)


def baseline_seconds(load: Load) -> float:
    """A test ticket answered by the base model: without and with shots, and its choice between labels."""
    shots = SHOTS * (load.own_tokens + load.answer_tokens)
    return load.slowness * (_asked(load) + _asked(load, shots=shots, view=SHOTS_IN_VIEW) + _chosen(load))


def candidate_seconds(load: Load) -> float:
    return load.slowness * (_asked(load) + _chosen(load))


def tried_seconds(validation: int, load: Load) -> float:
    """Of an engine of its own that answers the validation tickets, before the candidate answers the test set."""
    return validation * candidate_seconds(load) + ENGINE_SECONDS if load.only_chosen else 0.0


def _asked(load: Load, *, shots: float = 0.0, view: float = 1.0) -> float:
    return _read(load, shots=shots, view=view) + load.answer_tokens / WRITTEN_A_SECOND


def _chosen(load: Load) -> float:
    return (_read(load) + load.label_tokens / LABELS_A_SECOND) if load.label_tokens else 0.0


def _read(load: Load, *, shots: float = 0.0, view: float = 1.0) -> float:
    return (view * load.own_tokens + (load.shared_tokens + shots) / ROWS_A_BATCH) / READ_A_SECOND


def training_budget(spent: float, candidate: float) -> float:
    """Seconds of training that fit, from its engine's start to the last step, after what was spent and before what the candidate's answers will take."""
    left = TOTAL_SECONDS - spent - candidate - MERGE_SECONDS - SCORING_SECONDS
    low, high = TRAINING_SECONDS
    return round(min(high, max(low, left)), 1)


def table(made: Sizes, load: Load, *, spent: float) -> str:
    """The plan as it is printed before the long stages begin: tickets, steps, seconds per stage. spent: seconds so far."""
    baseline = made.test * baseline_seconds(load)
    candidate = made.test * candidate_seconds(load) + tried_seconds(made.validation, load)
    training = training_budget(spent + baseline, candidate)
    conditions = "zero-shot, 3-shot" + (", constrained choice" if load.label_tokens else "")
    left = f", {made.unlabelled:,} left for labelers" if made.unlabelled else ""
    rows = [
        ("so far", "installed, servers started, tickets imported, model unpacked", spent),
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
    if load.slowness >= TOLD_SLOWNESS:
        lines.append(
            f"  This machine computes {load.slowness:.1f} times as slowly as planned for; answers are given that much more time."
        )
    return "\n".join(lines)
