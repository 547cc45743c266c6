"""How many steps a run takes and when it evaluates and saves: decided before the first one.

With a time budget a step is timed in a rehearsal that changes nothing. It is a first word only: batches differ, and a machine has
faster and slower minutes, so the number of steps is fitted anew while the run trains (``reporter``, ``schedule``).
"""

import time
from collections.abc import Callable
from math import ceil

import torch

from ftplatform.engines.events import Events
from training.engine.checkpoint import Plan
from training.engine.config import Hyperparameters
from training.engine.loss import LabelledLossTrainer
from training.engine.samples import allowance

EVALUATIONS = 6
"""Evaluations in a run when the configuration names no ``eval_every``."""
SAVES = 4
"""Checkpoints in a run that evaluates less often than this: a kill costs a quarter of it."""
EVALUATION_SHARE = 0.12
"""Of a time budget, at most so much goes into evaluations; a slow machine evaluates less often rather than training less."""
WARMING_STEPS, TIMED_STEPS = 1, 4
"""Steps of the rehearsal; the first one is left out, it fills caches and compiles kernels."""
REHEARSAL_SHARE = 0.03
"""Of a time budget; where steps are slow, fewer are timed, and one at least."""


def make_plan(
    trainer: LabelledLossTrainer,
    hyperparameters: Hyperparameters,
    *,
    rows: int,
    precision: str,
    data_hash: str,
    config_hash: str,
    has_samples: bool,
    events: Events,
    began: float,
) -> Plan:
    """The plan for ``rows`` training rows; with a time budget, which counts from ``began``, the step is timed first, and what samples
    may take is kept back."""
    batches = ceil(rows / hyperparameters.batch_size)
    wanted = ceil(hyperparameters.epochs * ceil(batches / hyperparameters.gradient_accumulation))
    if hyperparameters.max_steps is not None:
        wanted = min(wanted, hyperparameters.max_steps)
    steps, evaluations, step_seconds, evaluation_seconds = wanted, EVALUATIONS, None, None
    if hyperparameters.time_budget_seconds is not None:
        step_seconds = _rehearse(trainer, hyperparameters, REHEARSAL_SHARE * hyperparameters.time_budget_seconds)
        evaluation_seconds = _time_evaluation(trainer) if trainer.eval_dataset is not None else 0.0
        left = hyperparameters.time_budget_seconds - (time.monotonic() - began)
        left -= allowance(left) if has_samples else 0.0
        evaluations = _evaluations_that_fit(left, evaluation_seconds)
        steps = _steps_that_fit(left, wanted, hyperparameters.eval_every, step_seconds, evaluation_seconds, evaluations)
        events.plan(steps, wanted, step_seconds, evaluation_seconds, hyperparameters.time_budget_seconds)
    # The end is always evaluated; it may come a little later than planned, so a single evaluation has no interval to meet it with.
    interval = _interval(steps, evaluations, hyperparameters.logging_steps) if evaluations > 1 else wanted
    eval_every = hyperparameters.eval_every or interval
    return Plan(
        data_hash=data_hash,
        config_hash=config_hash,
        precision=precision,
        steps=steps,
        eval_every=eval_every,
        save_every=hyperparameters.save_every
        or min(eval_every, _interval(steps, SAVES, hyperparameters.logging_steps)),
        step_seconds=step_seconds,
        evaluation_seconds=evaluation_seconds,
        wanted_steps=wanted,
    )


def _interval(steps: int, evaluations: int, logging_steps: int) -> int:
    """Steps between evaluations, rounded up to a point of the training curve."""
    return ceil(ceil(steps / evaluations) / logging_steps) * logging_steps


def _evaluations_that_fit(seconds: float, evaluation_seconds: float) -> int:
    """How often to evaluate, besides once before the first step: as a rule six times, and once at least."""
    if evaluation_seconds <= 0:
        return EVALUATIONS
    return min(EVALUATIONS, max(1, int(EVALUATION_SHARE * seconds / evaluation_seconds) - 1))


def _steps_that_fit(
    seconds: float,
    wanted: int,
    eval_every: int | None,
    step_seconds: float,
    evaluation_seconds: float,
    planned: int = EVALUATIONS,
) -> int:
    """The most steps, at least one and at most ``wanted``, that take no longer than ``seconds`` with evaluations.

    One evaluation more than the intervals ask for comes before the first step.
    """

    def cost(steps: int) -> float:
        evaluations = 1 + ceil(steps / (eval_every or ceil(steps / planned)))
        return steps * step_seconds + evaluations * evaluation_seconds

    return _most(wanted, lambda steps: cost(steps) <= seconds)


def total_that_fits(plan: Plan, done: int, seconds: float, step_seconds: float) -> int:
    """Steps in all, of which ``done`` are behind us, when ``seconds`` are left; ``done`` itself where there is no time for another."""

    def cost(total: int) -> float:
        # One is at the end, whatever the interval, and none in the half interval before it.
        evaluations = max(1, int(total / plan.eval_every + 0.5) - done // plan.eval_every)
        return (total - done) * step_seconds + evaluations * (plan.evaluation_seconds or 0.0)

    return _most(plan.wanted_steps or plan.steps, lambda total: cost(total) <= seconds, low=done)


def _most(high: int, fits: Callable[[int], bool], low: int = 1) -> int:
    """The highest number up to ``high`` that fits, where lower ones fit if a higher one does; ``low`` if none does."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _rehearse(trainer: LabelledLossTrainer, hyperparameters: Hyperparameters, allowed: float) -> float:
    """Seconds per step, from a rehearsal whose optimizer has learning rate 0: no weight changes. ``allowed`` are seconds for it."""
    model = trainer.model
    assert model is not None, "a trainer is made with its model"
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, weight_decay=0.0)
    model.train()
    loader = trainer.get_train_dataloader()
    batches = iter(loader)
    seconds: list[float] = []
    while len(seconds) < WARMING_STEPS + 1 or (len(seconds) < WARMING_STEPS + TIMED_STEPS and sum(seconds) < allowed):
        began = time.monotonic()
        for _ in range(hyperparameters.gradient_accumulation):
            inputs = next(batches, None)
            if inputs is None:
                batches = iter(loader)
                inputs = next(batches)
            trainer.accelerator.backward(trainer.compute_loss(model, trainer._prepare_inputs(inputs)))
        torch.nn.utils.clip_grad_norm_(parameters, hyperparameters.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        _wait_for_device()
        seconds.append(time.monotonic() - began)
    timed = seconds[WARMING_STEPS:]
    return sum(timed) / len(timed)


def _time_evaluation(trainer: LabelledLossTrainer) -> float:
    """Seconds of an evaluation, from its first batch."""
    loader = trainer.get_eval_dataloader()
    began = time.monotonic()
    trainer.evaluation_loop([next(iter(loader))], "rehearsal")
    _wait_for_device()
    return (time.monotonic() - began) * len(loader)


def _wait_for_device() -> None:
    """A GPU works on after the call; a clock has to wait for it."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def apply_plan(trainer: LabelledLossTrainer, plan: Plan) -> None:
    """Steps and intervals, before the training begins."""
    trainer.args.max_steps = (
        plan.wanted_steps or plan.total
    )  # the reporter ends it at the total, which may change on the way
    trainer.args.eval_steps = plan.eval_every
    trainer.args.save_steps = plan.save_every
