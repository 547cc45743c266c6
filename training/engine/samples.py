"""Answers of the model while it trains, always to the same few validation rows, so that a person sees what a loss cannot show.

Greedy, without gradients, in evaluation mode: nothing is drawn and no weight is touched, so a run with samples has the losses of
one without (``tests/training/test_engine_watching.py``). On a CPU an answer costs as much as a step or two, so the samples have an allowance:
they are written before the first step, and again at the evaluations that the allowance reaches.
"""

import time
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainerControl, TrainerState

from training.engine.events import Events
from training.engine.render import IGNORED, Rendered

TOKENS = 48
"""At most so many tokens an answer: enough to see its form and its first sentence."""

SHARE, FREE_SECONDS = 0.04, 3.0
"""Of the training's time, so much may go into samples; a short run may spend the seconds whatever its length."""


def allowance(seconds: float) -> float:
    """Seconds that samples may take of a training of so many seconds."""
    return max(FREE_SECONDS, SHARE * seconds)


class Samples(TrainerCallback):
    """Tells an event for each row at step 0 and at later evaluations, as often as the allowance permits."""

    def __init__(
        self, rows: Sequence[Rendered], tokenizer: PreTrainedTokenizerBase, end: int, autocast: Any, events: Events
    ) -> None:
        self.rows = rows
        self.tokenizer = tokenizer
        self.end = end
        self.autocast = autocast
        self.events = events
        self.tokens = min(TOKENS, max(row.trained_tokens for row in rows))
        self._began = time.monotonic()
        self._spent = 0.0
        self._last = 0.0

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, **_: Any) -> None:
        began = time.monotonic()
        if self._spent + self._last > allowance(began - self._began):
            return
        for row, new in zip(self.rows, self._answers(model), strict=True):
            ended = self.end in new
            text = self.tokenizer.decode(new, skip_special_tokens=True)
            self.events.sample(state.global_step, row.id, str(text), ended=ended)
        self._last = time.monotonic() - began
        self._spent += self._last

    def _answers(self, model: Any) -> list[list[int]]:
        """New token ids a row, up to and with the end token. The mode that the model was in is left as it was."""
        prompts = [row.input_ids[: row.labels.count(IGNORED)] for row in self.rows]
        longest = max(map(len, prompts))
        gaps = [longest - len(prompt) for prompt in prompts]  # on the left: what is generated must follow the prompt
        ids = torch.tensor([[self.end] * gap + prompt for gap, prompt in zip(gaps, prompts, strict=True)])
        seen = torch.tensor([[0] * gap + [1] * len(prompt) for gap, prompt in zip(gaps, prompts, strict=True)])
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad(), self.autocast():
                output = model.generate(
                    input_ids=ids.to(model.device),
                    attention_mask=seen.to(model.device),
                    do_sample=False,
                    max_new_tokens=self.tokens,
                    eos_token_id=self.end,
                    pad_token_id=self.end,
                    use_cache=True,
                )
        finally:
            model.train(was_training)
        return [_until(new, self.end) for new in output[:, longest:].tolist()]


def _until(tokens: list[int], end: int) -> list[int]:
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens
