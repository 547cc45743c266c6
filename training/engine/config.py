"""The whole request of a run as one typed object: form, API, command line and docs come from these fields.

An unknown or wrongly typed key stops the run at once. Nothing is left to a library's default: TRL's own are
gradient checkpointing on, bf16 on and answers cut at 1024 tokens.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ftplatform.engines.events import EngineError
from ftplatform.engines.modelconfig import context_length

Positive = Annotated[int, Field(ge=1, le=10**9)]
Share = Annotated[float, Field(ge=0, lt=1)]
Schedule = Literal["cosine", "linear", "constant"]


class Hyperparameters(BaseModel):
    """How to train: what decides the weights, and when they are looked at and kept. All of it is part of the run's configuration hash."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    method: Literal["lora", "qlora", "full"] = Field(
        default="lora",
        description="lora trains a small adapter; qlora the same on a 4-bit base (CUDA only); full all weights",
    )
    lora_r: Positive = Field(default=16, description="Rank of the adapter's matrices")
    lora_alpha: Positive = Field(default=32, description="The adapter is scaled by alpha / rank")
    lora_dropout: Share = Field(default=0.0, description="Share of the adapter's inputs that are dropped in training")
    target_modules: Literal["all-linear"] | Annotated[list[str], Field(min_length=1)] = Field(
        default="all-linear", description="Layers that get an adapter: all linear layers but the output, or names"
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        default=2e-4, description="Highest learning rate of AdamW"
    )
    weight_decay: Share = Field(default=0.0, description="AdamW's decoupled weight decay")
    warmup_ratio: Share = Field(default=0.05, description="Share of the steps in which the learning rate rises from 0")
    schedule: Schedule = Field(default="cosine", description="Learning rate after the warm-up")
    max_grad_norm: Annotated[float, Field(gt=0)] = Field(default=1.0, description="Gradients are clipped to this norm")
    batch_size: Positive = Field(default=4, description="Rows in one forward pass")
    gradient_accumulation: Positive = Field(default=1, description="Forward passes in one step")
    epochs: Annotated[float, Field(gt=0, le=10**6)] = Field(default=1.0, description="Passes over the training rows")
    max_steps: Positive | None = Field(default=None, description="At most so many steps, whatever the epochs say")
    time_budget_seconds: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Seconds from the engine's start to the last step: the step is timed first and the steps are set to fit",
    )
    max_length: Positive = Field(
        default=1024,
        description="Tokens of prompt and answer together, at most what the model reads; nothing is ever cut",
    )
    overlong: Literal["refuse", "skip"] = Field(
        default="refuse",
        description="Rows that are longer than max_length or have an empty answer stop the run, or are left out of it",
    )
    patience: Positive | None = Field(default=None, description="Stop after so many evaluations without a better one")
    eval_every: Positive | None = Field(default=None, description="Steps between evaluations; empty: six in the run")
    save_every: Positive | None = Field(
        default=None, description="Steps between checkpoints; one follows each evaluation anyway"
    )
    logging_steps: Positive = Field(default=1, description="Steps between points of the training curve")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        default=0, description="Order of rows, dropout, the adapter's start"
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        default="auto",
        description="auto: bf16 on a GPU or CPU that computes in it, else fp32; what was used is recorded",
    )
    gradient_checkpointing: bool = Field(default=False, description="Less memory for a slower step")

    @model_validator(mode="after")
    def _curves_meet_checkpoints(self) -> Self:
        """A training curve averages ``logging_steps`` steps; a checkpoint inside such a stretch would lose its half."""
        for name in ("eval_every", "save_every"):
            every = getattr(self, name)
            if every is not None and every % self.logging_steps:
                raise ValueError(f"{name} ({every}) must be a multiple of logging_steps ({self.logging_steps})")
        return self


class RunConfig(BaseModel):
    """One run: where the model and the rows are, where the result goes, and how to train."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    model: Path = Field(description="Folder of the base model: safetensors, tokenizer, chat template")
    train_rows: Path = Field(description="JSONL of training.engine.rows.Row")
    validation_rows: Path | None = Field(default=None, description="JSONL of rows that are never trained on")
    output: Path = Field(description="The run's folder: checkpoints, adapter, model, result; one engine at a time")
    hyperparameters: Hyperparameters = Hyperparameters()
    samples: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Validation rows that the model answers at evaluations; changes no weight"
    )

    @model_validator(mode="after")
    def _patience_needs_validation(self) -> Self:
        if self.hyperparameters.patience is not None and self.validation_rows is None:
            raise ValueError("patience needs validation_rows: without them nothing tells when to stop")
        return self


def read_config(path: Path) -> RunConfig:
    """The configuration in the JSON file ``path``; EngineError ``config`` names each bad key."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError("config", f"The configuration {path} cannot be read: {error}") from error
    try:
        return RunConfig.model_validate_json(text)
    except ValidationError as error:
        problems = [
            {"field": ".".join(str(part) for part in problem["loc"]), "message": problem["msg"]}
            for problem in error.errors(include_url=False, include_context=False)
        ]
        told = "; ".join(f"{problem['field'] or 'file'}: {problem['message']}" for problem in problems)
        raise EngineError("config", f"The configuration {path} is refused: {told}", errors=problems) from error


def context_of(model: Path) -> int | None:
    """Tokens that a model of this folder reads at most, as its config.json says; None where it does not say."""
    try:
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return context_length(config) if isinstance(config, dict) else None


def row_limit(max_length: int, model: Path) -> int:
    """Tokens that a row may have: ``max_length``, and never more than the model reads."""
    return min(max_length, context_of(model) or max_length)


def config_hash(hyperparameters: Hyperparameters, model: Path) -> str:
    """sha256 over everything but the rows that decides the trained weights: hyperparameters and base model.

    Settings at their default do not count: one that a later version adds changes nothing for a run that waits to go on.

    The model's small files count whole; of each weights file its name, size and first and last MiB do
    (safetensors keeps its table of tensors at the front), so that a 15 GB model is told apart in milliseconds.
    """
    digest = hashlib.sha256(
        json.dumps(hyperparameters.model_dump(mode="json", exclude_defaults=True), sort_keys=True).encode()
    )
    for file in sorted(path for path in model.iterdir() if path.suffix in {".json", ".jinja", ".safetensors"}):
        size = file.stat().st_size
        digest.update(f"\n{file.name} {size}\n".encode())
        with file.open("rb") as stream:
            if file.suffix != ".safetensors":
                digest.update(stream.read())
                continue
            digest.update(stream.read(2**20))
            stream.seek(max(0, size - 2**20))
            digest.update(stream.read(2**20))
    return digest.hexdigest()
