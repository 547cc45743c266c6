"""A small Llama out of one GGUF file, as an ordinary Hugging Face folder. Django-free, and without torch.

transformers can load the file too, but parses it three times and builds the model twice: half a minute where this takes
seconds. The tensors are those that transformers would load (`tests/inference/test_gguf_llama.py`).

Formats: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and llama.cpp's `convert_hf_to_gguf.py` for what it changes.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import save_file

CONTROL = 3
"""The token type that marks control tokens."""

LAYER_TENSORS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
MODEL_TENSORS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


class GGUFLlama:
    """The file, read once. Weights are dequantised to float32; they keep the precision that the file has."""

    def __init__(self, source: Path) -> None:
        self._reader = gguf.GGUFReader(source)
        if self._value("general.architecture") != "llama":
            raise ValueError(f"{source} holds no Llama")

    def write(self, folder: Path, *, splitting: list[dict[str, Any]]) -> None:
        """config.json, generation_config.json, model.safetensors, tokenizer and chat template into an existing folder.

        splitting: the tokenizer's rules before its merges, which the file keeps only as a name, as `tokenizer.json` writes them.
        """
        save_file(self.tensors(), folder / "model.safetensors", metadata={"format": "pt"})
        _write_json(folder / "config.json", self.config())
        ends = {key: self._value(f"tokenizer.ggml.{name}") for key, name in END_IDS.items()}
        _write_json(folder / "generation_config.json", ends)
        _write_json(folder / "tokenizer.json", self.tokenizer(splitting))
        _write_json(folder / "tokenizer_config.json", self._tokenizer_config())
        (folder / "chat_template.jinja").write_text(self._value("tokenizer.chat_template"), encoding="utf-8")

    def tensors(self) -> dict[str, np.ndarray[Any, Any]]:
        """All weights by their Hugging Face names, float32."""
        return {
            _name(tensor.name): self._as_in_transformers(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type))
            for tensor in self._reader.tensors
        }

    def config(self) -> dict[str, Any]:
        heads, width = self._value("llama.attention.head_count"), self._value("llama.embedding_length")
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "attention_bias": False,
            "attention_dropout": 0.0,
            "dtype": "float32",
            "head_dim": width // heads,
            "hidden_act": "silu",
            "hidden_size": width,
            "initializer_range": 0.02,
            "intermediate_size": self._value("llama.feed_forward_length"),
            "max_position_embeddings": self._value("llama.context_length"),
            "mlp_bias": False,
            "num_attention_heads": heads,
            "num_hidden_layers": self._value("llama.block_count"),
            "num_key_value_heads": self._value("llama.attention.head_count_kv"),
            "pretraining_tp": 1,
            "rms_norm_eps": self._value("llama.attention.layer_norm_rms_epsilon"),
            "rope_parameters": {"rope_theta": self._value("llama.rope.freq_base"), "rope_type": "default"},
            "tie_word_embeddings": not any(tensor.name == "output.weight" for tensor in self._reader.tensors),
            "use_cache": True,
            "vocab_size": self._value("llama.vocab_size"),
            **{key: self._value(f"tokenizer.ggml.{name}") for key, name in SPECIAL_IDS.items()},
        }

    def tokenizer(self, splitting: list[dict[str, Any]]) -> dict[str, Any]:
        """`tokenizer.json` of a byte-level BPE. Source: the format of the tokenizers library."""
        tokens, types = self._value("tokenizer.ggml.tokens"), self._value("tokenizer.ggml.token_type")
        plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": at, "content": token} | plain
                for at, (token, kind) in enumerate(zip(tokens, types, strict=True))
                if kind == CONTROL
            ],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": splitting},
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": "",
                "end_of_word_suffix": "",
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: at for at, token in enumerate(tokens)},
                "merges": [merge.split(" ", 1) for merge in self._value("tokenizer.ggml.merges")],
            },
        }

    def _tokenizer_config(self) -> dict[str, Any]:
        """With the class name that transformers 4 and other tools know."""
        tokens = self._value("tokenizer.ggml.tokens")
        named = {
            key.removesuffix("_id"): tokens[self._value(f"tokenizer.ggml.{name}")] for key, name in SPECIAL_IDS.items()
        }
        length = self._value("llama.context_length")
        return named | {"model_max_length": length, "tokenizer_class": "PreTrainedTokenizerFast"}

    def _as_in_transformers(self, name: str, weights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """llama.cpp turns the rows of queries and keys for its rotary embedding: halves become neighbours. This turns them back."""
        heads = {"attn_q": "llama.attention.head_count", "attn_k": "llama.attention.head_count_kv"}.get(
            name.split(".")[-2]
        )
        if heads is None:
            return np.ascontiguousarray(weights, dtype=np.float32)
        count, (rows, columns) = self._value(heads), weights.shape
        turned = weights.reshape(count, rows // count // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
        return np.ascontiguousarray(turned, dtype=np.float32)

    def _value(self, key: str) -> Any:
        field = self._reader.get_field(key)
        if field is None:
            raise ValueError(f"the file says nothing of {key}")
        return field.contents()


SPECIAL_IDS = {
    "bos_token_id": "bos_token_id",
    "eos_token_id": "eos_token_id",
    "pad_token_id": "padding_token_id",
    "unk_token_id": "unknown_token_id",
}
END_IDS = {key: name for key, name in SPECIAL_IDS.items() if key != "unk_token_id"}


def _name(name: str) -> str:
    """`blk.3.attn_q.weight` is `model.layers.3.self_attn.q_proj.weight`."""
    head, *rest = name.split(".")
    if head != "blk":
        return f"{MODEL_TENSORS[head]}.{rest[-1]}"
    layer, part, kind = rest
    return f"model.layers.{layer}.{LAYER_TENSORS[part]}.{kind}"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
