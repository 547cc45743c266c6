"""Batched decoding on a causal model's KV cache: the tensors behind the transformers backend.

Own loop instead of `model.generate`, for five things that it does not give: a prompt's beginning that all rows share (the
instructions, the k shots) is computed once; rows that have ended leave the batch; the cache of keys and values grows in place
(see `inference.backends.roomy_cache`); each row has its own random stream, so that a sampled answer does not depend on its
neighbours; and the time of each row's first and last token is known.

Rows are padded on the left. Padding is known by position, never by token id: many tokenizers pad with their end token.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from inference.backends.base import Sampling
from inference.backends.batching import shared_prefix_length
from inference.backends.choices import LabelTrie
from inference.backends.roomy_cache import give_room, sees_whole_texts

SHORTEST_SHARED_PREFIX = 16  # tokens; below this, copying the cache costs what it saves
COMPACT_BELOW = 0.8  # of the rows still going: dropping rows copies the cache, so not for every row that ends


@dataclass(slots=True)
class Decoded:
    """One row's answer: token ids (the end token included), its times in seconds from the batch's start, and how it ended."""

    token_ids: list[int] = field(default_factory=list)
    first_token_seconds: float = 0.0
    seconds: float = 0.0
    ended: bool = False


@dataclass(slots=True)
class Batch:
    """Left-padded rows behind a shared prefix: `ids` and `mask` are rows × width, `prefix` the ids that all rows begin with."""

    prefix: list[int]
    ids: torch.Tensor
    mask: torch.Tensor

    @property
    def rows(self) -> int:
        return int(self.ids.shape[0])

    def full_mask(self) -> torch.Tensor:
        """rows × (prefix + width), one where a token stands."""
        before = torch.ones(self.rows, len(self.prefix), dtype=self.mask.dtype, device=self.mask.device)
        return torch.cat([before, self.mask], dim=1)

    def positions(self) -> torch.Tensor:
        """rows × width: each token's place in its own text. Padding gets the place of the first token; nobody looks at it."""
        return (len(self.prefix) + self.mask.cumsum(dim=1) - 1).clamp(min=len(self.prefix))


def make_batch(prompts: Sequence[Sequence[int]], pad_id: int, model: Any) -> Batch:
    """Split off the prefix that all prompts share and pad the rest on the left. Each row keeps at least one token.

    Nothing is split off for a model with a sliding window: a row's padding, behind the prefix, would fill a part of its window.
    """
    device = model.device
    shared = shared_tokens(prompts, model)
    rests = [list(prompt[shared:]) for prompt in prompts]
    width = max(len(rest) for rest in rests)
    ids = torch.tensor([[pad_id] * (width - len(rest)) + rest for rest in rests], device=device)
    mask = torch.tensor([[0] * (width - len(rest)) + [1] * len(rest) for rest in rests], device=device)
    return Batch(prefix=list(prompts[0][:shared]), ids=ids, mask=mask)


def shared_tokens(prompts: Sequence[Sequence[int]], model: Any) -> int:
    """How many tokens of these prompts are computed once, as `make_batch` splits them off."""
    shared = shared_prefix_length(prompts) if len(prompts) > 1 and sees_whole_texts(model) else 0
    shared = min(shared, min(len(prompt) for prompt in prompts) - 1)
    return shared if shared >= SHORTEST_SHARED_PREFIX else 0


def _prefix_cache(model: Any, batch: Batch) -> Any:
    """The KV cache of the shared prefix, repeated for each row; None without one."""
    if not batch.prefix:
        return None
    ids = torch.tensor([batch.prefix], device=batch.ids.device)
    cache = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
    cache.batch_repeat_interleave(batch.rows)
    return cache


@torch.inference_mode()
def decode(
    model: Any,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    end_ids: frozenset[int],
    pad_id: int,
    row_seeds: Sequence[int],
    has_stopped: Callable[[list[int]], bool],
) -> list[Decoded]:
    """Continue every prompt until an end token, a stop text or `max_new_tokens`. One batch, one result per prompt, in order.

    `row_seeds` are the random streams' seeds, unused when greedy. `has_stopped` is asked with a row's tokens so far.
    """
    start = time.perf_counter()
    batch = make_batch(prompts, pad_id, model)
    mask = batch.full_mask()
    out = model(
        input_ids=batch.ids,
        attention_mask=mask,
        position_ids=batch.positions(),
        past_key_values=_prefix_cache(model, batch),
        use_cache=True,
        logits_to_keep=1,
    )
    give_room(out.past_key_values)
    results = [Decoded() for _ in prompts]
    streams = [torch.Generator().manual_seed(seed) for seed in row_seeds]
    going = list(range(len(prompts)))  # results' index of each row of the cache
    position = torch.tensor([[len(prompt)] for prompt in prompts], device=model.device)

    for step in range(sampling.max_new_tokens):
        tokens = _next_tokens(out.logits[:, -1], sampling, [streams[row] for row in going])
        now = time.perf_counter() - start
        for row, token in zip(going, tokens.tolist(), strict=True):
            result = results[row]
            if result.ended:
                continue
            result.token_ids.append(token)
            result.seconds = now
            if step == 0:
                result.first_token_seconds = now
            result.ended = token in end_ids or has_stopped(result.token_ids)
        alive = [place for place, row in enumerate(going) if not results[row].ended]
        if not alive or step == sampling.max_new_tokens - 1:
            break
        cache = out.past_key_values
        if len(alive) < COMPACT_BELOW * len(going):
            keep = torch.tensor(alive, device=model.device)
            cache.batch_select_indices(keep)
            tokens, mask, position = tokens[keep], mask[keep], position[keep]
            going = [going[place] for place in alive]
        mask = torch.cat([mask, mask.new_ones(len(going), 1)], dim=1)
        out = model(
            input_ids=tokens[:, None], attention_mask=mask, position_ids=position, past_key_values=cache, use_cache=True
        )
        position = position + 1
    return results


def _next_tokens(logits: torch.Tensor, sampling: Sampling, streams: Sequence[torch.Generator]) -> torch.Tensor:
    """One token per row from rows × vocabulary. Ties in greedy decoding go to the lowest id."""
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.float().cpu() / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        probabilities = _nucleus(probabilities, sampling.top_p)
    drawn = [torch.multinomial(row, 1, generator=stream) for row, stream in zip(probabilities, streams, strict=True)]
    return torch.cat(drawn).to(logits.device)


def _nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the likeliest tokens that together reach `top_p` (Holtzman et al. 2020), the one that crosses it included."""
    ordered, index = probabilities.sort(dim=-1, descending=True, stable=True)
    beyond = ordered.cumsum(dim=-1) - ordered >= top_p
    return torch.zeros_like(probabilities).scatter(-1, index, ordered.masked_fill(beyond, 0.0))


@torch.inference_mode()
def score_trie(model: Any, prompts: Sequence[Sequence[int]], trie: LabelTrie, *, pad_id: int) -> list[list[float]]:
    """Log-likelihood of every label after every prompt, prompts × labels, in one forward.

    The trie's tokens follow the prompt as one segment in which a token sees the prompt and its own ancestors, and has the
    position it would have as a continuation. So a prompt is computed once, not once a label, and shared label beginnings once.
    """
    batch = make_batch(prompts, pad_id, model)
    nodes = torch.tensor(trie.tokens[1:], dtype=torch.long, device=model.device).expand(batch.rows, -1)
    depths = torch.tensor(trie.depths[1:], dtype=torch.long, device=model.device)
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=model.device)
    logits = model(
        input_ids=torch.cat([batch.ids, nodes], dim=1),
        attention_mask=_tree_mask(batch, trie, model.dtype),
        position_ids=torch.cat([batch.positions(), lengths[:, None] - 1 + depths], dim=1),
        past_key_values=_prefix_cache(model, batch),
        use_cache=bool(batch.prefix),
        logits_to_keep=1 + trie.fed,
    ).logits
    return _sum_steps(logits, trie)


def _tree_mask(batch: Batch, trie: LabelTrie, dtype: torch.dtype) -> torch.Tensor:
    """rows × 1 × (width + nodes) × (prefix + width + nodes), 0 where one may look and the dtype's lowest where not.

    Not minus infinity: a padding token may look at nothing, and softmax over only minus infinities is NaN.
    """
    prefix, width, nodes = len(batch.prefix), int(batch.ids.shape[1]), trie.fed
    device = batch.ids.device
    see = torch.zeros(batch.rows, width + nodes, prefix + width + nodes, dtype=torch.bool, device=device)
    real = batch.full_mask().bool()
    causal = torch.ones(width, prefix + width, dtype=torch.bool, device=device).tril(diagonal=prefix)
    see[:, :width, : prefix + width] = causal & real[:, None, :]
    see[:, width:, : prefix + width] = real[:, None, :]
    for node in range(1, nodes + 1):
        for ancestor in trie.ancestors(node):
            see[:, width + node - 1, prefix + width + ancestor - 1] = True
    mask = torch.zeros(see.shape, dtype=dtype, device=device)
    return mask.masked_fill(~see, torch.finfo(dtype).min)[:, None]


def _sum_steps(logits: torch.Tensor, trie: LabelTrie) -> list[list[float]]:
    """Logits rows × (root + nodes) × vocabulary to summed log-probabilities rows × labels, in float32."""
    logits = logits.float()
    normaliser = logits.logsumexp(dim=-1)
    totals = []
    for path in trie.steps:
        nodes = [node for node, _ in path]
        tokens = [token for _, token in path]
        totals.append((logits[:, nodes, tokens] - normaliser[:, nodes]).sum(dim=-1))
    scores: list[list[float]] = torch.stack(totals, dim=1).tolist()
    return scores


@torch.inference_mode()
def score_rows(model: Any, prompt: Sequence[int], labels: Sequence[Sequence[int]]) -> list[float]:
    """The plain way: prompt and label as one text, one forward per label. Slow, right on any causal model; the trie's reference."""
    totals = []
    for label in labels:
        ids = torch.tensor([[*prompt, *label]], device=model.device)
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=len(label) + 1).logits[0, :-1].float()
        totals.append(float(logits.log_softmax(dim=-1)[range(len(label)), list(label)].sum()))
    return totals
