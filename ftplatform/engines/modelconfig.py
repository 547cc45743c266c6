"""What a model's config.json says of it, read alike by the registry, by training and by both engines. Plain: JSON in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length", "max_seq_len", "seq_length")
"""Architectures name it differently: Llama and its like, GPT-2, MPT, BLOOM."""


def context_length(config: Mapping[str, Any]) -> int | None:
    """Tokens that the model reads at most; None where the config does not say. A model of several parts says it in its text part."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, Mapping) else {}):
        for key in CONTEXT_KEYS:
            if isinstance(found := part.get(key), int) and not isinstance(found, bool) and found > 0:
                return found
    return None
