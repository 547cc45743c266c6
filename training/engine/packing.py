"""A batch as one sequence: what its rows begin with is computed once, and padding not at all.

Rows that are trained for one task share their system prompt, often half of their tokens. Here they stand as branches behind it, each
token seeing the shared beginning and its own branch only, at the positions that it has in its row: the values and gradients are those
of the padded batch (``tests/training/test_engine_packing.py``). On a CPU, where a step costs what its tokens cost, that is most of
what a step can be made quicker by (``benchmarks/training_throughput.py``); a GPU has better kernels for plain batches.
"""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

MOST_TOKENS = 2048
"""Of a packed sequence: attention costs its square, where a padded batch costs the sum of its rows' squares."""

WORTH_IT = 0.9
"""At most this share of the padded batch's tokens; else it stays as it is."""

TRIAL_TOKENS, TRIAL_TOLERANCE = 12, 1e-3


@dataclass(frozen=True)
class Packed:
    """input_ids, position_ids (1, L) int64; attention_mask (1, 1, L, L) bool; places (B, T) int64: where each token of the batch stands."""

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    attention_mask: torch.Tensor
    places: torch.Tensor


def pack(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Packed:
    """(B, T) tokens, padded on the right, as one sequence. Padding stands nowhere; its place is the first token's."""
    lengths = attention_mask.sum(dim=1)
    shared = shared_length(input_ids, lengths)
    rows, width = input_ids.shape
    steps = torch.arange(width)
    own = (steps >= shared) & (steps < lengths[:, None])  # (B, T): tokens behind the shared beginning
    places = torch.zeros(rows, width, dtype=torch.long)
    places[:, :shared] = steps[:shared]
    places[own] = shared + torch.arange(int(own.sum()))
    branches = torch.cat([torch.zeros(shared, dtype=torch.long), own.nonzero()[:, 0] + 1])
    order = torch.arange(len(branches))
    sees = (order <= order[:, None]) & ((branches == 0) | (branches == branches[:, None]))
    return Packed(
        input_ids=torch.cat([input_ids[0, :shared], input_ids[own]])[None],
        position_ids=torch.cat([steps[:shared], own.nonzero()[:, 1]])[None],
        attention_mask=sees[None, None],
        places=places,
    )


def shared_length(input_ids: torch.Tensor, lengths: torch.Tensor) -> int:
    """How many tokens all rows begin with alike."""
    least = int(lengths.min())
    alike = (input_ids[:, :least] == input_ids[0, :least]).all(dim=0)
    return least if bool(alike.all()) else int((~alike).nonzero()[0])


def is_worth_it(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> bool:
    """Whether a batch is on a CPU, short enough and enough of it shared or padded."""
    if input_ids.device.type != "cpu" or len(input_ids) == 1:
        return False
    lengths = attention_mask.sum(dim=1)
    packed = int(lengths.sum()) - (len(input_ids) - 1) * shared_length(input_ids, lengths)
    return packed <= min(MOST_TOKENS, WORTH_IT * input_ids.numel())


def hidden_states(backbone: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """The last hidden states (B, T, H) of a batch, computed packed. Those of padding are some token's and mean nothing."""
    packed = pack(inputs["input_ids"], inputs["attention_mask"])
    states = backbone(
        input_ids=packed.input_ids,
        position_ids=packed.position_ids,
        attention_mask=packed.attention_mask,
        use_cache=False,
    ).last_hidden_state[0]
    gathered: torch.Tensor = states[packed.places]
    return gathered


def packs(model: PreTrainedModel) -> bool:
    """Whether a model gives packed rows the states that it gives padded ones: found out once, on a few tokens.

    Layers that see a window only are told by their cache, since a short trial would not show them.
    """
    whole = all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)
    if not whole or model.config._attn_implementation != "sdpa":
        return False
    tokens = torch.arange(1, TRIAL_TOKENS + 1)
    rows = torch.stack([tokens, torch.where(tokens > TRIAL_TOKENS // 2, tokens + TRIAL_TOKENS, tokens)])
    seen = torch.ones_like(rows)
    seen[1, -2:] = 0
    backbone: Any = model.base_model
    was_training = model.training
    model.eval()  # type: ignore[no-untyped-call]
    try:
        with torch.no_grad():
            plain = backbone(input_ids=rows, attention_mask=seen, use_cache=False).last_hidden_state
            ours = hidden_states(backbone, {"input_ids": rows, "attention_mask": seen})
    except (RuntimeError, ValueError, TypeError):  # it takes no mask of this shape, or no positions
        return False
    finally:
        model.train(was_training)
    real = seen.bool()
    return torch.allclose(plain[real], ours[real], rtol=TRIAL_TOLERANCE, atol=TRIAL_TOLERANCE)
