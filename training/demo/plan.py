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

PLANNED_TRAINING = 120.0
"""What the sets leave for it: a machine that turns out slower than planned takes of that first."""

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
SHOTS, SHOTS_OF_LONG_TICKETS = 3, 1
MOST_SHOT_TOKENS = 600
"""Of all shots together, where there is more than one."""

READ_A_SECOND, WRITTEN_A_SECOND, LABELS_A_SECOND = 300.0, 110.0, 300.0
"""Tokens: of prompts, of answers, of labels held against a prompt. The embedded model on two cores that have neither AVX-512 nor bfloat16."""

TRAINED_A_SECOND, EVALUATED_A_SECOND = 140.0, 200.0
"""Tokens of rows, there too."""

ROWS_A_BATCH = 16
"""What prompts begin with is computed once for about so many."""

TOLD_SLOWNESS = 1.2
"""Less is not told from chance."""

VIEW = 1.1e-3
"""What each token that is looked back at adds to the cost of reading one."""

REHEARSED, LEAST_STEPS, LEAST_EVALUATIONS = 4, 6, 3
"""What a training is not worth its name without: the steps that are timed, those that train, and the evaluations at both ends and in rehearsal."""

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
    test = min(TEST, max(5, tickets // 4))
    while test > LEAST_TEST and not _fits(test, _validation(test, tickets), load):
        test -= 1
    validation = _validation(test, tickets)
    rest = tickets - test - validation
    train = min(TRAIN, rest) if leave_some else rest
    return Sizes(test, validation, train, rest - train)


def _validation(test: int, tickets: int) -> int:
    """A third of a test set that had to be small: it is answered at each evaluation."""
    return min(VALIDATION, max(3, tickets // 10), max(3, test // 3))


def _fits(test: int, validation: int, load: Load) -> bool:
    answers = test * (baseline_seconds(load) + candidate_seconds(load)) + tried_seconds(validation, load)
    training = max(PLANNED_TRAINING, least_training(validation, load))
    rest = PREPARING_SECONDS + training + MERGE_SECONDS + SCORING_SECONDS
    return answers + rest <= TOTAL_SECONDS


def shots_of(load: Load) -> int:
    """Examples that are shown in the k-shot condition."""
    return SHOTS if SHOTS * (load.own_tokens + load.answer_tokens) <= MOST_SHOT_TOKENS else SHOTS_OF_LONG_TICKETS


def baseline_seconds(load: Load) -> float:
    """A test ticket answered by the base model: without and with shots, and its choice between labels."""
    shots = shots_of(load) * (load.own_tokens + load.answer_tokens)
    return load.slowness * (_asked(load) + _asked(load, shots=shots) + _chosen(load))


def candidate_seconds(load: Load) -> float:
    return load.slowness * (_asked(load) + _chosen(load))


def tried_seconds(validation: int, load: Load) -> float:
    """Of an engine of its own that answers the validation tickets, before the candidate answers the test set."""
    return validation * candidate_seconds(load) + ENGINE_SECONDS if load.only_chosen else 0.0


def least_training(validation: int, load: Load) -> float:
    """Seconds of the shortest training that is worth its name, from its engine's start to the last evaluation."""
    row = load.own_tokens + load.shared_tokens / BATCH + load.answer_tokens
    steps = (REHEARSED + LEAST_STEPS) * BATCH * row / TRAINED_A_SECOND
    evaluations = LEAST_EVALUATIONS * validation * row / EVALUATED_A_SECOND
    return max(TRAINING_SECONDS[0], ENGINE_SECONDS + load.slowness * (steps + evaluations))


def _asked(load: Load, *, shots: float = 0.0) -> float:
    return _read(load, shots=shots) + load.answer_tokens / WRITTEN_A_SECOND


def _chosen(load: Load) -> float:
    return (_read(load) + load.label_tokens / LABELS_A_SECOND) if load.label_tokens else 0.0


def _read(load: Load, *, shots: float = 0.0) -> float:
    once = load.shared_tokens + shots
    return ((1 + VIEW * once) * load.own_tokens + once / ROWS_A_BATCH) / READ_A_SECOND


def training_budget(spent: float, candidate: float, least: float) -> float:
    """Seconds of training that fit, from its engine's start to the last step, after what was spent and before what the candidate's answers
    will take; not less than the least."""
    left = TOTAL_SECONDS - spent - candidate - MERGE_SECONDS - SCORING_SECONDS
    return round(max(least, min(TRAINING_SECONDS[1], left)), 1)


def table(made: Sizes, load: Load, *, spent: float) -> str:
    """The plan as it is printed before the long stages begin: tickets, steps, seconds per stage. spent: seconds so far."""
    baseline = made.test * baseline_seconds(load)
    candidate = made.test * candidate_seconds(load) + tried_seconds(made.validation, load)
    training = training_budget(spent + baseline, candidate, least_training(made.validation, load))
    conditions = f"zero-shot, {shots_of(load)}-shot" + (", constrained choice" if load.label_tokens else "")
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
