"""What happens between steps: events to the worker, a halt on a loss that is no number, checkpoints marked complete."""

import time
from math import isfinite
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from ftplatform.engines.events import EngineError, Events
from training.engine import checkpoint as checkpoints
from training.engine.checkpoint import Checkpoint, Complete, Plan
from training.engine.loss import ACCURACY

METRICS = {
    "loss": "train_loss",
    "eval_loss": "validation_loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
}
"""The trainer's names → ours."""

GRACE_SECONDS = 2.0
"""So much more than its time budget may a run take before it is ended: what lies between steps is not timed beforehand."""


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

    def on_step_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._began = time.monotonic()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.seconds += time.monotonic() - self._began
        self.events.progress(state.global_step, self.plan.steps)
        if self._is_over_budget() and state.global_step < self.plan.steps:
            self.events.log(
                f"stopped after {state.global_step} of {self.plan.steps} steps: they take longer than those that were timed, "
                "and the time budget is spent"
            )
            control.should_evaluate = args.eval_strategy != "no"
            control.should_save = control.should_training_stop = True

    def _is_over_budget(self) -> bool:
        """A machine may become slower than it was when the first steps were timed: a time budget holds all the same, the evaluation
        that ends the run included."""
        spent = self._spent_before + time.monotonic() - self._started + (self.plan.evaluation_seconds or 0.0)
        return self._budget is not None and spent > self._budget + GRACE_SECONDS

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
