"""A Llama out of a GGUF file: the weights, settings and tokens that transformers reads from it."""

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from inference.gguf_llama import GGUFLlama

LAYERS, WIDTH, HIDDEN, HEADS, KV_HEADS = 2, 64, 128, 4, 2
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
SPLITTING = [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]
MERGES = ["Ġ t", "h e", "Ġt he", "å ä"]


def vocabulary() -> list[str]:
    bytes_as_characters = [*map(chr, range(33, 127)), "Ġ", "Ċ", "Ã", "¥", "¤", "å", "ä"]
    return [
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        *bytes_as_characters,
        *(merge.replace(" ", "") for merge in MERGES),
    ]


def write(path: Path, *, architecture: str = "llama", tied: bool = True) -> Path:
    """A file as llama.cpp's converter writes it, with random weights, half of them quantised."""
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(256)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    tokens = vocabulary()
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if at < 3 else 1 for at in range(len(tokens))])
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)

    def tensor(name: str, *shape: int, kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32) -> None:
        weights = random.normal(size=shape).astype(np.float32)
        writer.add_tensor(name, gguf.quantize(weights, kind), raw_dtype=kind)

    quantised = gguf.GGMLQuantizationType.Q4_1
    tensor("token_embd.weight", len(tokens), WIDTH)
    for layer in range(LAYERS):
        tensor(f"blk.{layer}.attn_q.weight", WIDTH, WIDTH, kind=quantised)
        tensor(f"blk.{layer}.attn_k.weight", WIDTH // HEADS * KV_HEADS, WIDTH, kind=quantised)
        tensor(f"blk.{layer}.attn_v.weight", WIDTH // HEADS * KV_HEADS, WIDTH)
        tensor(f"blk.{layer}.attn_output.weight", WIDTH, WIDTH)
        tensor(f"blk.{layer}.ffn_gate.weight", HIDDEN, WIDTH, kind=quantised)
        tensor(f"blk.{layer}.ffn_up.weight", HIDDEN, WIDTH)
        tensor(f"blk.{layer}.ffn_down.weight", WIDTH, HIDDEN, kind=quantised)
        tensor(f"blk.{layer}.attn_norm.weight", WIDTH)
        tensor(f"blk.{layer}.ffn_norm.weight", WIDTH)
    tensor("output_norm.weight", WIDTH)
    if not tied:
        tensor("output.weight", len(tokens), WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "with an output layer"])
def test_the_model_is_the_one_that_transformers_reads(tmp_path: Path, tied: bool) -> None:
    source = write(tmp_path / "small.gguf", tied=tied)
    folder = tmp_path / "made"
    folder.mkdir()
    GGUFLlama(source).write(folder, splitting=SPLITTING)
    ours = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    weights = theirs.state_dict()
    assert ours.state_dict().keys() == weights.keys()
    for name, value in ours.state_dict().items():
        assert torch.equal(value, weights[name]), name
    ids = torch.tensor([[5, 6, 7, 40, 41]])
    with torch.inference_mode():
        assert torch.allclose(ours(ids).logits, theirs(ids).logits, atol=1e-5)
    assert ours.config.max_position_embeddings == 256 and ours.config.tie_word_embeddings is tied


def test_the_tokens_are_those_that_transformers_reads(tmp_path: Path) -> None:
    source = write(tmp_path / "small.gguf")
    folder = tmp_path / "made"
    folder.mkdir()
    GGUFLlama(source).write(folder, splitting=SPLITTING)
    ours = AutoTokenizer.from_pretrained(folder)
    theirs = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    for text in ("the shed", "a  b\n", "<|im_start|>the<|im_end|>"):
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    assert (ours.bos_token, ours.eos_token, ours.pad_token) == ("<|im_start|>", "<|im_end|>", "<|im_end|>")
    assert ours.chat_template == TEMPLATE and ours.model_max_length == 256


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no Llama"):
        GGUFLlama(write(tmp_path / "small.gguf", architecture="gemma"))
