"""Claim: a run through our engine trains as many tokens per second as a plain TRL script with the same settings, or more.

Both are processes of their own that read one configuration: model, rows, batch, steps, precision, seed, LoRA. The engine tells
its events step by step and supervises itself; the script is what one would write from TRL's documentation, with the completions
of prompt-completion rows. They take turns; the first steps of each are left out, and so are loading and saving.

    python -m benchmarks.training_throughput [--model FOLDER] [--precision fp32|bf16|auto] [--steps 10] [--turns 2]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.training_data import base_model, demo_rows
from training.engine.config import Hyperparameters, RunConfig, read_config
from training.engine.rows import read_rows

WARM_UP = 3
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model folder; the embedded SmolLM2 by default")
    parser.add_argument("--precision", choices=["auto", "bf16", "fp32"], default="auto")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)  # this file is the plain script too
    options = parser.parse_args()
    if options.plain:
        plain_trl(read_config(options.plain))
        return

    seconds: dict[str, list[float]] = {"engine": [], "trl": []}
    with base_model(options.model) as folder, tempfile.TemporaryDirectory() as scratch:
        precision = _precision(options.precision)
        for number in range(options.turns):
            for name in ("trl", "engine") if number % 2 == 0 else ("engine", "trl"):
                config = _config(folder, Path(scratch) / f"{name}-{number}", options.steps, precision)
                seconds[name].append(_timed(_COMMANDS[name], config, options.steps))
        tokens = _tokens_a_step(folder, config, options.steps)

    step = {name: fmean(found) for name, found in seconds.items()}
    print(
        f"{precision}, batch 4, {tokens:.0f} tokens per step, steps {WARM_UP + 1} to {options.steps}, {options.turns} turns each"
    )
    for name, found in step.items():
        print(
            f"  {name:6} {found:6.2f} s per step   {tokens / found:6.0f} tokens/s   turns {[round(one, 2) for one in seconds[name]]}"
        )
    told = {
        "ratio": step["trl"] / step["engine"],
        "reach": 0.99,
        "peer": "plain TRL script, tokens/s",
        "precision": precision,
    }
    print(json.dumps({"benchmark": "training_throughput", **told, "tokens/s": round(tokens / step["engine"])}))


def _config(folder: Path, place: Path, steps: int, precision: str) -> RunConfig:
    """One configuration for both: nothing is validated, and the only checkpoint comes after the last step."""
    place.mkdir()
    rows = place / "train.jsonl"
    rows.write_text("".join(row.model_dump_json() + "\n" for row in demo_rows(4 * steps)), encoding="utf-8")
    settings = Hyperparameters(
        learning_rate=1.5e-3, batch_size=4, max_steps=steps, save_every=steps, precision=precision  # type: ignore[arg-type]
    )  # fmt: skip
    return RunConfig(model=folder, train_rows=rows, output=place / "output", hyperparameters=settings)


def _precision(wanted: str) -> str:
    from training.engine.hardware import choose_precision, describe

    return choose_precision(wanted, describe())


def _tokens_a_step(folder: Path, config: RunConfig, steps: int) -> float:
    from training.engine.export import load_tokenizer
    from training.engine.render import Renderer

    renderer = Renderer(load_tokenizer(folder))
    return sum(len(renderer.render(row).input_ids) for row in read_rows(config.train_rows)) / steps


_COMMANDS = {
    "engine": [sys.executable, "-m", "training.engine"],
    "trl": [sys.executable, "-m", "benchmarks.training_throughput", "--plain"],
}


def _timed(command: list[str], config: RunConfig, steps: int) -> float:
    """Seconds per step between the end of the last warm-up step and the end of the last step, as seen from outside."""
    path = config.output.parent / "config.json"
    path.write_text(config.model_dump_json(), encoding="utf-8")
    with subprocess.Popen(
        [*command, str(path)], stdout=subprocess.PIPE, text=True, env=os.environ | ENVIRONMENT
    ) as process:
        ends = dict(_step_ends(process))
    if process.returncode or steps not in ends:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode} after step {max(ends, default=0)}")
    return (ends[steps] - ends[WARM_UP]) / (steps - WARM_UP)


def _step_ends(process: subprocess.Popen[str]) -> Iterator[tuple[int, float]]:
    """(step, when it was told)."""
    assert process.stdout
    for line in process.stdout:
        event = json.loads(line) if line.startswith('{"event"') else {}  # TRL prints its own losses between
        if event.get("event") == "progress":
            yield event["done"], time.perf_counter()


def plain_trl(config: RunConfig) -> None:
    """What one would write without us: TRL's trainer over prompt-completion rows, and a line a step."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Tell(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            print(json.dumps({"event": "progress", "done": state.global_step}), flush=True)

    settings = config.hyperparameters
    bf16 = settings.precision == "bf16"
    rows = [
        {
            "prompt": [message.model_dump() for message in row.messages],
            "completion": [{"role": "assistant", "content": row.completion}],
        }
        for row in read_rows(config.train_rows)
    ]
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(config.model, dtype=torch.bfloat16 if bf16 else torch.float32),
        args=SFTConfig(
            output_dir=str(config.output),
            max_steps=settings.max_steps or -1,
            learning_rate=settings.learning_rate,
            lr_scheduler_type=settings.schedule,
            per_device_train_batch_size=settings.batch_size,
            seed=settings.seed,
            logging_steps=settings.logging_steps,
            save_strategy="no",
            activation_checkpointing=False,
            bf16=bf16,
            use_cpu=not torch.cuda.is_available(),
            max_length=settings.max_length,
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(config.model),
        peft_config=LoraConfig(
            r=settings.lora_r,
            lora_alpha=settings.lora_alpha,
            target_modules=settings.target_modules,
            task_type="CAUSAL_LM",
        ),
        callbacks=[Tell()],
    )
    trainer.train()


if __name__ == "__main__":
    main()
