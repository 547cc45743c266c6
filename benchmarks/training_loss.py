"""Claim: our loss over labelled positions makes a training step faster than TRL's own, at the same losses.

Both train a LoRA adapter on the embedded model and the demo's rows: same tokens, batches, precision and seed. Only the loss
differs: TRL scores every position, the engine the labelled ones. The two take turns in one process, so that a machine that
slows down slows both; the first two steps of each turn are left out.

    python -m benchmarks.training_loss [--model FOLDER] [--precision fp32|bf16|auto] [--steps 8] [--turns 2]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from benchmarks.training_data import base_model, demo_rows
from training.engine.export import load_base, load_tokenizer
from training.engine.hardware import choose_precision, describe
from training.engine.loss import Collator, LabelledLossTrainer
from training.engine.render import Renderer

WARM_UP = 2


class Stopwatch(TrainerCallback):
    """Seconds of each step, between its begin and its end."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self._began)


def rendered_rows(renderer: Renderer, count: int) -> list[dict[str, Any]]:
    """Tokens of ``count`` demo rows, as both trainers take them."""
    rendered = [renderer.render(row) for row in demo_rows(count)]
    return [{"input_ids": row.input_ids, "labels": row.labels, "weights": row.weights} for row in rendered]


def turn(
    kind: type[SFTTrainer], folder: Path, rows: list[dict[str, Any]], steps: int, precision: str
) -> dict[str, Any]:
    """Train ``steps`` steps from the seed: seconds per step without the warm-up, and the losses."""
    tokenizer = load_tokenizer(folder)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = kind(
            model=load_base(folder, dtype=dtype),
            args=SFTConfig(
                output_dir=scratch,
                max_steps=steps,
                learning_rate=1.5e-3,
                per_device_train_batch_size=4,
                logging_steps=1,
                save_strategy="no",
                activation_checkpointing=False,
                bf16=precision == "bf16",
                use_cpu=not torch.cuda.is_available(),
                max_length=None,
                dataset_kwargs={"skip_prepare_dataset": True},
                remove_unused_columns=kind is SFTTrainer,
                report_to=[],
                disable_tqdm=True,
            ),
            train_dataset=Dataset.from_list(rows),
            data_collator=None if kind is SFTTrainer else Collator(tokenizer.pad_token_id),
            processing_class=tokenizer,
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"seconds": watch.seconds[WARM_UP:], "losses": losses}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model folder; the embedded SmolLM2 by default")
    parser.add_argument("--precision", choices=["auto", "bf16", "fp32"], default="auto")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()

    with base_model(options.model) as folder:
        precision = choose_precision(options.precision, describe())
        rows = rendered_rows(Renderer(load_tokenizer(folder)), 4 * options.steps)
        runs: dict[str, list[dict[str, Any]]] = {"trl": [], "ours": []}
        for number in range(options.turns):
            order = ("trl", "ours") if number % 2 == 0 else ("ours", "trl")
            for name in order:
                kind = SFTTrainer if name == "trl" else LabelledLossTrainer
                runs[name].append(turn(kind, folder, rows, options.steps, precision))

    step = {name: statistics.median(s for run in made for s in run["seconds"]) for name, made in runs.items()}
    tokens = sum(len(row["input_ids"]) for row in rows) / options.steps
    apart = max(abs(a - b) for a, b in zip(runs["trl"][0]["losses"], runs["ours"][0]["losses"], strict=True))
    machine = describe()
    print(
        f"{machine.name}, {machine.threads} threads, {precision}; {tokens:.0f} tokens per step, {options.steps} steps"
    )
    for name, seconds in step.items():
        print(f"  {name:5} {seconds:6.2f} s per step   {tokens / seconds:6.0f} tokens/s")
    print(f"  ratio {step['trl'] / step['ours']:.2f}× plain TRL; losses at most {apart:.4f} apart")
    told = {"ratio": step["trl"] / step["ours"], "reach": 1.0, "peer": "plain TRL, a step", "precision": precision}
    print(json.dumps({"benchmark": "training_loss", **told, "losses apart": round(apart, 4)}))


if __name__ == "__main__":
    main()
