"""The learning rate of a run that learns only while it trains how many steps its time budget has room for.

Warm-up, then the configured curve to the end of the run. Where the number of steps changes, what is left of the curve is spread over
the steps that are left, so that the rate has come down when the time is up: a run that stops with its rate half-way down has learnt
little of what its steps were worth. Without a change it is transformers' own schedule.
"""

from math import ceil, cos, pi

from training.engine.checkpoint import Plan
from training.engine.config import Schedule


def warmup_steps(ratio: float, total: int) -> int:
    """The first step of a warm-up has rate 0: a run of one step would train nothing."""
    return min(ceil(ratio * total), total - 1)


def rate_factor(step: int, plan: Plan, schedule: Schedule, warmup_ratio: float) -> float:
    """What the learning rate is multiplied with at a step, the first being 0: in 0–1. A refit after a step counts from there on."""
    begin, total, done = warmup_steps(warmup_ratio, plan.steps), plan.steps, 0.0
    for after, refitted in plan.refits:
        if after >= step:
            break
        if after <= begin:  # still warming up
            begin = max(after, warmup_steps(warmup_ratio, refitted))
        else:
            done += (1.0 - done) * (after - begin) / max(1, total - begin)
            begin = after
        total = refitted
    if step < begin:
        return step / begin
    done += (1.0 - done) * (step - begin) / max(1, total - begin)
    return _curve(min(1.0, done), schedule)


def _curve(done: float, schedule: Schedule) -> float:
    match schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - done
        case "cosine":
            return 0.5 * (1.0 + cos(pi * done))
