"""Greedy answers of a model to a few prompts at once, for trial answers while it trains and after it was saved."""

from collections.abc import Sequence
from typing import Any

import torch


def answer(
    model: Any,
    prompts: Sequence[list[int]],
    *,
    tokens: int,
    pad: int,
    end: int | list[int] | None = None,
    seconds: float | None = None,
) -> list[list[int]]:
    """New token ids per prompt, at most ``tokens``, up to and with the first end token; padded by ``pad`` behind it.

    end: None takes the model's own. seconds: after so many no further token is begun. The mode that the model was in is left as it was.
    """
    longest = max(map(len, prompts))
    gaps = [longest - len(prompt) for prompt in prompts]  # on the left: what is generated must follow the prompt
    ids = torch.tensor([[pad] * gap + prompt for gap, prompt in zip(gaps, prompts, strict=True)])
    seen = torch.tensor([[0] * gap + [1] * len(prompt) for gap, prompt in zip(gaps, prompts, strict=True)])
    ending = {} if end is None else {"eos_token_id": end}
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            output = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=seen.to(model.device),
                do_sample=False,
                max_new_tokens=tokens,
                pad_token_id=pad,
                use_cache=True,
                max_time=seconds,
                **ending,
            )
    finally:
        model.train(was_training)
    new: list[list[int]] = output[:, longest:].tolist()
    return new
