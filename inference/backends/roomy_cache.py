"""A cache of keys and values that grows in place.

transformers' own cache is copied whole for every token: on two cores with 60 rows that was half of the time of a decoded
token, and two thirds behind long prompts (`benchmarks/decoding.py`). Here each layer keeps room behind what it holds.
"""

from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM = 64
"""Tokens that fit before a layer is copied again."""


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # the library's base class is untyped
    """A layer whose `keys` and `values`, (rows, heads, tokens, size), are views into tensors with room for more tokens."""

    keys: torch.Tensor
    values: torch.Tensor
    _all_keys: torch.Tensor
    _all_values: torch.Tensor

    def __init__(self, layer: DynamicLayer) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype, self.device = layer.dtype, layer.device
        self.is_initialized = True
        assert layer.keys is not None and layer.values is not None, "a filled cache"
        self._fill(layer.keys, layer.values)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the new tokens' states; returns all of them."""
        before, after = self.keys.shape[-2], self.keys.shape[-2] + key_states.shape[-2]
        if after > self._all_keys.shape[-2]:
            self._fill(torch.cat([self.keys, key_states], dim=-2), torch.cat([self.values, value_states], dim=-2))
        else:
            self._all_keys[..., before:after, :] = key_states
            self._all_values[..., before:after, :] = value_states
            self._show(after)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep only these rows."""
        self._all_keys, self._all_values = self._all_keys[indices], self._all_values[indices]
        self._show(self.keys.shape[-2])

    def _fill(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        self._all_keys, self._all_values = _with_room(keys), _with_room(values)
        self._show(keys.shape[-2])

    def _show(self, tokens: int) -> None:
        self.keys, self.values = self._all_keys[..., :tokens, :], self._all_values[..., :tokens, :]


def sees_whole_texts(model: Any) -> bool:
    """Whether every layer of a model attends to all that stands before a token, without a window."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def give_room(cache: Any) -> None:
    """Replace the plain layers of a filled cache. Others, such as those of a sliding window, stay: they do not grow for ever."""
    cache.layers = [RoomyLayer(layer) if type(layer) is DynamicLayer else layer for layer in cache.layers]


def _with_room(states: torch.Tensor) -> torch.Tensor:
    rows, heads, tokens, size = states.shape
    made = states.new_empty(rows, heads, tokens + ROOM, size)
    made[..., :tokens, :] = states
    return made
