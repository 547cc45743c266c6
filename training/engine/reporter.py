"""What happens between steps: events to the worker, a halt on a loss that is no number, a time budget kept, checkpoints marked complete."""

import time
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from ftplatform.engines.events import EngineError, Events
from training.engine import checkpoint as checkpoints
from training.engine.checkpoint import Checkpoint, Complete, Plan
from training.engine.loss import ACCURACY
from training.engine.plan import WARMING_STEPS, total_that_fits

METRICS = {
    "loss": "train_loss",
    "eval_loss": "validation_loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
}
"""The trainer's names → ours."""

TIMED_STEPS = 8
"""A time budget goes by at least so many of the last steps, once there are two besides those that warm up."""

LOOK_SHARE = 0.05
"""Of the time that is left passes between two looks at it: some hundred looks in a run of any length, so they cost nothing."""


class Reporter(TrainerCallback):
    """One for a run in ``run``; ``last`` is the checkpoint from which it goes on. budget: seconds from ``began``, a monotonic time."""

    def __init__(
        self, run: Path, plan: Plan, last: Checkpoint | None, events: Events, budget: float | None, began: float
    ) -> None:
        self.run = run
        self.plan = plan
        self.events = events
        self.seconds = last.marker.seconds if last else 0.0
        self.finished = False
        self._budget = budget
        self._spent_before, self._started = self.seconds, began
        self._began = 0.0
        self._took: list[float] = []
        self._left, self._timed = budget or 0.0, 0  # at the last look: seconds left, steps taken in this process

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        state.max_steps = self.plan.total

    def on_step_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._took.append(time.monotonic() - self._began)
        self.seconds += self._took[-1]
        if self._budget is not None and not control.should_training_stop:
            self._refit(state, self._budget)
            if state.global_step >= self.plan.total:
                control.should_evaluate = args.eval_strategy != "no"
                control.should_save = control.should_training_stop = True
            elif self.plan.total - state.global_step < self.plan.eval_every / 2:
                control.should_evaluate = False  # the end, which is always evaluated, has come close to it
        self.events.progress(state.global_step, self.plan.total)

    def _refit(self, state: TrainerState, budget: float) -> None:
        """As many steps in all as the time that is left has room for, with the evaluation at their end."""
        left = budget - self._spent_before - (time.monotonic() - self._started)
        # What was decided before a kill is not decided anew.
        decided = self.plan.refits[-1][0] if self.plan.refits else 0
        if state.global_step <= decided or left > (1 - LOOK_SHARE) * self._left:
            return
        total = total_that_fits(self.plan, state.global_step, left, self._step_seconds())
        self._left, self._timed = left, len(self._took)
        if total != self.plan.total:
            self.plan = self.plan.refitted(state.global_step, total)
            checkpoints.write_plan(self.run, self.plan)
            state.max_steps = total

    def _step_seconds(self) -> float:
        """Of the steps since the last look, and some before; the rehearsal's as long as there are too few."""
        timed = self._took[WARMING_STEPS:][-max(TIMED_STEPS, len(self._took) - self._timed) :]
        return fmean(timed) if len(timed) > 1 else self.plan.step_seconds or self._took[-1]

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.plan.total != self.plan.steps and state.global_step == self.plan.total:
            self.events.log(
                f"{self.plan.total} steps fitted into the time budget; {self.plan.steps} had been planned from those that were timed first"
            )

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        for key, value in (logs or {}).items():
            name = METRICS.get(key) or (key.removeprefix("eval_") if key.endswith(ACCURACY) else None)
            if name is None:
                continue
            if not isfinite(value):
                raise EngineError(
                    "not_finite",
                    f"{name} is {value} at step {state.global_step}: the run has diverged. "
                    "Take a lower learning rate or a longer warm-up.",
                    step=state.global_step,
                )
            self.events.metric(name, state.global_step, float(value))

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        control.should_save = True  # the best evaluation must have its weights on the disk

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        step = state.global_step
        marker = Complete(
            step=step,
            data_hash=self.plan.data_hash,
            config_hash=self.plan.config_hash,
            finished=control.should_training_stop,
            seconds=self.seconds,
            tokens=int(state.num_input_tokens_seen),
        )
        checkpoints.mark_complete(checkpoints.checkpoint_folder(self.run, step), marker)
        self.finished = marker.finished
        checkpoints.prune(self.run, {step, state.best_global_step or step})
