"""The learning rate's way down, also where the number of steps changes on the way."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import get_scheduler

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


@given(changing(), st.sampled_from(["cosine", "linear"]))
def test_it_never_rises_again_and_ends_at_nothing(changed, schedule):
    rates = [rate_factor(step, changed, schedule, 0.0) for step in range(changed.total + 1)]
    assert all(0 <= later <= earlier + 1e-12 for earlier, later in pairwise(rates))
    assert rates[0] == 1 and rates[-1] == pytest.approx(0, abs=1e-9)


@given(changing(), st.floats(0, 0.9))
def test_a_warm_up_comes_before_and_is_as_long_as_the_run_that_is_known_by_then(changed, ratio):
    rates = [rate_factor(step, changed, "cosine", ratio) for step in range(changed.total + 1)]
    assert all(0 <= rate <= 1 for rate in rates) and rates[-1] == pytest.approx(0, abs=1e-9)
    short = plan(4000, [(3, 40)])
    assert [rate_factor(step, short, "cosine", 0.05) for step in (1, 3)] == [1 / 200, 3 / 200]
    assert rate_factor(4, short, "cosine", 0.05) > 0.9


@given(changing(), st.floats(0, 0.9))
def test_a_change_touches_no_step_before_it(changed, ratio):
    for count, (after, _) in enumerate(changed.refits):
        before = plan(changed.steps, changed.refits[:count])
        for step in range(after + 1):
            assert rate_factor(step, changed, "cosine", ratio) == rate_factor(step, before, "cosine", ratio)


def test_as_many_steps_as_the_time_has_room_for():
    made = plan(50, wanted_steps=80, evaluation_seconds=4.0)
    assert total_that_fits(made, 10, seconds=24.0, step_seconds=2.0) == 20  # ten steps, and the evaluation at their end
    assert total_that_fits(made, 10, seconds=29.9, step_seconds=2.0) == 20  # another would want another evaluation
    assert total_that_fits(made, 10, seconds=30.0, step_seconds=2.0) == 21
    assert total_that_fits(made, 10, seconds=1e9, step_seconds=2.0) == 80
    assert (
        total_that_fits(made, 10, seconds=5.9, step_seconds=2.0)
        == total_that_fits(made, 10, seconds=-1.0, step_seconds=2.0)
        == 10
    )
