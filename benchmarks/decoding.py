"""Claim: the transformers backend answers a batch faster than transformers' own generate, with the same answers.

Both answer the demo's questions greedily with the embedded model, the same number of rows at once. Ours computes what the prompts
share once, lets ended rows leave, and keeps keys and values in a cache that grows in place; the peer is what most scripts do:
left padding and `model.generate`. They take turns in one process, so that a machine that slows down slows both.

    python -m benchmarks.decoding [--model FOLDER] [--rows 60] [--tokens 48] [--turns 2]
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch

from benchmarks.training_data import base_model, demo_rows
from inference.backends.base import GenerationRequest, Message, Sampling
from inference.backends.transformers_backend import TransformersBackend


def ours(backend: TransformersBackend, asked: Sequence[GenerationRequest], tokens: int) -> list[str]:
    made = {output.id: output.text for output in backend.generate(asked, Sampling(max_new_tokens=tokens))}
    return [made[request.id] for request in asked]


def theirs(backend: TransformersBackend, asked: Sequence[GenerationRequest], tokens: int) -> list[str]:
    """transformers' own generate over the same prompts, padded on the left."""
    tokenizer = backend.tokenizer
    tokenizer.padding_side = "left"
    chats = [[{"role": message.role, "content": message.content} for message in request.messages] for request in asked]
    batch = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        made = backend.model.generate(**batch, max_new_tokens=tokens, do_sample=False, pad_token_id=backend.pad_id)
    answers: list[str] = tokenizer.batch_decode(made[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return answers


Way = Callable[[TransformersBackend, Sequence[GenerationRequest], int], list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model folder; the embedded SmolLM2 by default")
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()

    ways: dict[str, Way] = {"transformers": theirs, "ours": ours}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, list[str]] = {}
    with base_model(options.model) as folder:
        backend = TransformersBackend.load(folder, batch_size=options.rows)
        asked = [
            GenerationRequest(row.id, tuple(Message(one.role, one.content) for one in row.messages))
            for row in demo_rows(options.rows)
        ]
        for number in range(options.turns):
            for name in sorted(ways, reverse=bool(number % 2)):
                began = time.perf_counter()
                answers[name] = ways[name](backend, asked, options.tokens)
                seconds[name].append(time.perf_counter() - began)
    took = {name: statistics.median(found) for name, found in seconds.items()}
    same = sum(a == b for a, b in zip(answers["ours"], answers["transformers"], strict=True)) / len(asked)
    print(f"{backend.environment}; {options.rows} rows, at most {options.tokens} tokens each")
    for name, found in took.items():
        print(f"  {name:12} {found:6.1f} s")
    ratio = took["transformers"] / took["ours"]
    print(f"  ratio {ratio:.2f}× transformers' generate; {same:.0%} of the answers are the same to the letter")
    told = {"ratio": ratio, "reach": 1.0, "peer": "transformers' generate, a batch", "same answers": f"{same:.0%}"}
    print(json.dumps({"benchmark": "decoding", **told}))


if __name__ == "__main__":
    main()
