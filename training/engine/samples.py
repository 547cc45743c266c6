"""Answers of the model while it trains, always to the same few validation rows, so that a person sees what a loss cannot show.

Greedy, without gradients, in evaluation mode: nothing is drawn and no weight is touched, so a run with samples has the losses of
one without (``tests/training/test_engine_watching.py``). On a CPU an answer costs as much as a step or two, so the samples have an allowance:
they are written before the first step, and again at the evaluations that the allowance reaches. Where the run has a time budget, an
answer that would take more than its allowance is cut.
"""

import time
from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainerControl, TrainerState

from ftplatform.engines.events import Events
from training.engine.answering import answer
from training.engine.render import IGNORED, Rendered

TOKENS = 48
"""At most so many tokens per answer: enough to see its form and its first sentence."""

SHARE, FREE_SECONDS = 0.04, 3.0
"""Of the training's time, so much may go into samples; a short run may spend the seconds whatever its length."""


def allowance(seconds: float) -> float:
    """Seconds that samples may take of a training of so many seconds."""
    return max(FREE_SECONDS, SHARE * seconds)


class Samples(TrainerCallback):
    """Tells an event for each row at step 0 and at later evaluations, as often as the allowance permits."""

    def __init__(
        self,
        rows: Sequence[Rendered],
        tokenizer: PreTrainedTokenizerBase,
        end: int,
        autocast: Any,
        events: Events,
        *,
        is_timed: bool,
    ) -> None:
        self.rows = rows
        self.tokenizer = tokenizer
        self.end = end
        self.autocast = autocast
        self.events = events
        self.is_timed = is_timed
        self.tokens = min(TOKENS, max(row.trained_tokens for row in rows))
        self._began = time.monotonic()
        self._spent = 0.0
        self._last = 0.0

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any) -> None:
        began = time.monotonic()
        left = allowance(began - self._began) - self._spent
        if self._last > left:
            return
        for row, new in zip(self.rows, self._answers(model, left if self.is_timed else None), strict=True):
            ended = self.end in new
            text = self.tokenizer.decode(new, skip_special_tokens=True)
            self.events.sample(state.global_step, row.id, str(text), ended=ended)
        self._last = time.monotonic() - began
        self._spent += self._last

    def _answers(self, model: Any, seconds: float | None) -> list[list[int]]:
        """New token ids per row, up to and with the end token."""
        prompts = [row.input_ids[: row.labels.count(IGNORED)] for row in self.rows]
        with self.autocast():
            found = answer(model, prompts, tokens=self.tokens, pad=self.end, end=self.end, seconds=seconds)
        return [_until(new, self.end) for new in found]


def _until(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens
