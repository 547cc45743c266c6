"""The learning rate's way down, also where the number of steps changes on the way."""

import time
from itertools import pairwise
from random import Random
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import TrainerControl, TrainerState, get_scheduler

from ftplatform.engines.events import Events
from training.engine import reporter
from training.engine.checkpoint import Plan
from training.engine.plan import total_that_fits
from training.engine.schedule import rate_factor

NAMES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


def plan(steps, refits=(), **more):
    return Plan(
        "d", "c", "fp32", steps=steps, eval_every=10, save_every=10, refits=[list(one) for one in refits], **more
    )


@pytest.mark.parametrize("schedule", NAMES)
@pytest.mark.parametrize(
    ("steps", "ratio", "warmup"), [(40, 0.05, 2), (41, 0.05, 3), (7, 0.0, 0), (1, 0.5, 0), (30, 0.99, 29)]
)
def test_without_a_change_it_is_the_librarys_own(schedule, steps, ratio, warmup):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_scheduler(NAMES[schedule], optimizer, num_warmup_steps=warmup, num_training_steps=steps)
    for step in range(steps):
        assert rate_factor(step, plan(steps), schedule, ratio) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step()


@st.composite
def changing(draw):
    """A run whose total changes after some of its steps, each time to something that is still ahead."""
    refits, total, at = [], draw(st.integers(5, 200)), 0
    first = total
    while at < total - 1 and len(refits) < 20:
        at = draw(st.integers(at + 1, total - 1))
        total = draw(st.integers(at + 1, at + 200))
        refits.append((at, total))
    return plan(first, refits)


@settings(deadline=None)
@given(changing(), st.sampled_from(["cosine", "linear"]))
def test_it_never_rises_again_and_ends_at_nothing(changed, schedule):
    rates = [rate_factor(step, changed, schedule, 0.0) for step in range(changed.total + 1)]
    assert all(0 <= later <= earlier + 1e-12 for earlier, later in pairwise(rates))
    assert rates[0] == 1 and rates[-1] == pytest.approx(0, abs=1e-9)


@settings(deadline=None)
@given(changing(), st.floats(0, 0.9))
def test_a_warm_up_comes_before_and_is_as_long_as_the_run_that_is_known_by_then(changed, ratio):
    rates = [rate_factor(step, changed, "cosine", ratio) for step in range(changed.total + 1)]
    assert all(0 <= rate <= 1 for rate in rates) and rates[-1] == pytest.approx(0, abs=1e-9)
    short = plan(4000, [(3, 40)])
    assert [rate_factor(step, short, "cosine", 0.05) for step in (1, 3)] == [1 / 200, 3 / 200]
    assert rate_factor(4, short, "cosine", 0.05) > 0.9


@settings(deadline=None)
@given(changing(), st.floats(0, 0.9))
def test_a_change_touches_no_step_before_it(changed, ratio):
    for count, (after, _) in enumerate(changed.refits):
        before = plan(changed.steps, changed.refits[:count])
        for step in range(after + 1):
            assert rate_factor(step, changed, "cosine", ratio) == rate_factor(step, before, "cosine", ratio)


def test_as_many_steps_as_the_time_has_room_for():
    made = plan(50, wanted_steps=80, evaluation_seconds=4.0)
    assert total_that_fits(made, 10, seconds=24.0, step_seconds=2.0) == 20  # ten steps, and the evaluation at their end
    assert (
        total_that_fits(made, 10, seconds=37.9, step_seconds=2.0) == 24
    )  # the end stands for the evaluation of step 20
    assert total_that_fits(made, 10, seconds=38.0, step_seconds=2.0) == 25  # it is half an interval away
    assert total_that_fits(made, 10, seconds=1e9, step_seconds=2.0) == 80
    assert total_that_fits(made, 10, seconds=5.9, step_seconds=2.0) == 10
    assert total_that_fits(made, 10, seconds=-1.0, step_seconds=2.0) == 10


def trained(folder, monkeypatch, *, budget, planned, seconds, evaluation=0.0):
    """A run whose step number n takes seconds(n) by a clock of its own: rates of all steps, time spent at the end, the plan."""
    clock = [0.0]
    monkeypatch.setattr(reporter, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    made = Plan("d", "c", "fp32", steps=planned, eval_every=10**9, save_every=10**9, step_seconds=budget / planned,
                evaluation_seconds=evaluation, wanted_steps=10**9)  # fmt: skip
    told = reporter.Reporter(folder, made, None, Events(lambda event: None), budget, 0.0)
    args, state, control = SimpleNamespace(eval_strategy="steps"), TrainerState(), TrainerControl()
    told.on_train_begin(args, state, control)
    rates, rate = [], rate_factor(0, told.plan, "cosine", 0.05)
    while not control.should_training_stop:
        rates.append(rate)
        told.on_step_begin(args, state, control)
        clock[0] += seconds(state.global_step)
        state.global_step += 1
        # The trainer asks for the next rate before the step's end is told.
        rate = rate_factor(state.global_step, told.plan, "cosine", 0.05)
        control.should_training_stop = state.global_step >= state.max_steps
        told.on_step_end(args, state, control)
    return rates, clock[0] + evaluation, told.plan


def test_no_evaluation_comes_just_before_the_end(tmp_path):
    """It would say what the end says, and costs the time of a step or more."""
    told = reporter.Reporter(tmp_path, plan(24), None, Events(lambda event: None), 1e6, began=time.monotonic())
    args, control = SimpleNamespace(eval_strategy="steps"), TrainerControl()
    evaluated = []
    for step in range(1, 25):
        state = TrainerState(global_step=step)
        control.should_evaluate = step % 10 == 0  # as the trainer's own flow sets it
        told.on_step_begin(args, state, control)
        told.on_step_end(args, state, control)
        evaluated += [step] if control.should_evaluate else []
    assert evaluated == [10, 24]


NOISE = [Random(1).uniform(0.7, 1.3) for _ in range(2000)]


@pytest.mark.parametrize(
    "seconds",
    [lambda n: 3.0, lambda n: 1.0, lambda n: 2.0 if n < 20 else 4.0, lambda n: 4.0 if n < 20 else 1.0, lambda n: 2.5 * NOISE[n]],
    ids=["slower", "quicker", "slower by and by", "quicker by and by", "as it comes"],
)  # fmt: skip
def test_whatever_a_step_takes_the_time_is_used_and_kept_and_the_rate_comes_down(tmp_path, monkeypatch, seconds):
    rates, spent, kept = trained(tmp_path, monkeypatch, budget=170.0, planned=85, seconds=seconds, evaluation=7.0)
    assert kept.total == len(rates) and 160 < spent <= 170
    assert rates[-1] < 0.05 * max(rates)


def test_a_run_of_very_many_steps_is_not_slowed_by_looking_at_the_clock(tmp_path, monkeypatch):
    """Each look may write the plan to the disk, and the rate reads all that was ever decided."""
    rates, spent, kept = trained(
        tmp_path, monkeypatch, budget=100.0, planned=5000, seconds=lambda n: 0.01 * NOISE[n % 2000]
    )
    assert 9000 < len(rates) == kept.total and 99 < spent <= 100
    assert len(kept.refits) < 200
