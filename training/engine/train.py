"""One fine-tuning run, read top to bottom: rows, plan, training, export, smoke test, result."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback, set_seed
from trl.trainer.sft_config import SFTConfig

from ftplatform.engines.events import Cancelled, EngineError, Events
from ftplatform.engines.lock import LAST_SECONDS, run_lock
from training.engine import checkpoint as checkpoints
from training.engine.checkpoint import Checkpoint, Plan
from training.engine.config import Hyperparameters, RunConfig, config_hash, row_limit
from training.engine.export import Exported, Smoke, export, load_base, load_tokenizer, smoke
from training.engine.hardware import (
    Hardware,
    choose_precision,
    describe,
    peak_memory_bytes,
    require_cuda_for_qlora,
    require_one_process,
)
from training.engine.loss import Collator, LabelledLossTrainer
from training.engine.plan import apply_plan, make_plan
from training.engine.render import IGNORED, LEAVABLE, Rendered, Renderer, TemplateError, render_rows
from training.engine.reporter import Reporter
from training.engine.rows import SHOWN_PROBLEMS, data_hash, read_rows
from training.engine.samples import Samples
from training.engine.schedule import rate_factor

SMOKE_PROMPTS = 3


@dataclass(frozen=True)
class Rows:
    train: list[Rendered]
    validation: list[Rendered]
    skipped: list[str]
    """Ids of rows that are too long or have nothing to train, where the configuration leaves them out."""


@dataclass(frozen=True)
class Identity:
    """Hashes of what decides the trained weights: the rows; the hyperparameters with the base model."""

    data: str
    settings: str


def run(config: RunConfig, events: Events, *, supervised: bool = False, began: float | None = None) -> dict[str, Any]:
    """Train, or go on with training, in ``config.output``; returns what the ``done`` event says.

    Raises EngineError, and Cancelled with the last kept step. A run that was killed goes on from its last complete checkpoint with
    the same losses as if it had not been. One that is finished has nothing left to train, which is an error; ``supervised``, its
    result is told again, for a worker that died between our last word and its own record of it, and an engine that is about to
    end is waited for. ``began`` is ``time.monotonic()`` at the process's start, from which a time budget counts; None: now.
    """
    began = time.monotonic() if began is None else began
    with run_lock(config.output, patience=LAST_SECONDS if supervised else 0.0):
        try:
            return _run(config, events, supervised=supervised, began=began)
        except Cancelled as cancelled:
            # Inside the lock: outside, a checkpoint that another engine writes at this moment would be taken for a torn one.
            raise Cancelled(step=checkpoints.drop_incomplete(config.output)) from cancelled


def _run(config: RunConfig, events: Events, *, supervised: bool, began: float) -> dict[str, Any]:
    hardware = describe()
    require_one_process()
    if config.hyperparameters.method == "qlora":
        require_cuda_for_qlora(hardware)
    identity = _identity(config)
    finished = _finished(config, identity, replay=supervised)
    if finished is not None:
        events.done(finished)
        return finished

    renderer = _renderer(config)
    rows = _rows(config, renderer, events)
    plan = checkpoints.read_plan(config.output)
    if plan is not None:
        checkpoints.refuse_other_run(config.output, plan, identity.data, identity.settings)
    last = checkpoints.resume_point(config.output, identity.data, identity.settings)
    if last is None or not last.marker.finished:
        last, plan = _train(config, identity, rows, renderer, hardware, last, plan, events, began)
    assert plan is not None, "training ends with a plan"

    best = _best(config, last)
    exported = export(
        config.model,
        best,
        config.output,
        adapter=config.hyperparameters.method != "full",
        end=renderer.end,
        tokenizer=renderer.tokenizer,
    )
    answers = _smoke(rows, exported, renderer.end, hardware)
    for kind, path in (("adapter", exported.adapter), ("model", exported.model)):
        if path is not None:
            events.artifact(str(path), kind)
    result = _result(config, plan, last, best.name, exported, answers, rows, hardware)
    for warning in result["warnings"]:
        events.log(warning)
    checkpoints.write_json(config.output / checkpoints.RESULT, result)
    events.done(result)
    return result


def _identity(config: RunConfig) -> Identity:
    """EngineError ``missing`` names the file or folder that is not there."""
    for path in (config.model, config.train_rows, config.validation_rows):
        if path is not None and not path.exists():
            raise EngineError("missing", f"{path} does not exist")
    return Identity(
        data=data_hash(config.train_rows, config.validation_rows),
        settings=config_hash(config.hyperparameters, config.model),
    )


def _finished(config: RunConfig, identity: Identity, *, replay: bool) -> dict[str, Any] | None:
    """The result of a run that this folder holds already; EngineError ``nothing_left`` where that is not asked for."""
    result = checkpoints.read_result(config.output)
    if result is None:
        return None
    checkpoints.refuse_other_run(config.output, Plan(**result["plan"]), identity.data, identity.settings)
    if replay:
        return result
    raise EngineError(
        "nothing_left",
        f"Nothing is left to train: the run in {config.output} is finished. Take its result, or another folder",
        result=result,
    )


def _renderer(config: RunConfig) -> Renderer:
    try:
        return Renderer(load_tokenizer(config.model))
    except TemplateError as error:
        raise EngineError("chat_template", f"{config.model}: {error}") from error


def _rows(config: RunConfig, renderer: Renderer, events: Events) -> Rows:
    """All rows as tokens; EngineError ``rows_refused`` lists those that cannot be trained on."""
    hyperparameters = config.hyperparameters
    limit = row_limit(hyperparameters.max_length, config.model)
    rendered: dict[str, list[Rendered]] = {}
    skipped: list[str] = []
    for name, path in (("train", config.train_rows), ("validation", config.validation_rows)):
        rows = read_rows(path) if path is not None else []
        rendered[name], refused = render_rows(renderer, rows, limit)
        can_go_without = all(isinstance(error, LEAVABLE) for error in refused) and rendered[name]
        if hyperparameters.overlong == "skip" and can_go_without:
            skipped += [error.row_id for error in refused]
        elif refused:
            raise EngineError(
                "rows_refused",
                f"{len(refused)} of {len(rows)} {name} rows cannot be used; the first: {refused[0]}",
                refused=[{"id": error.row_id, "reason": error.reason} for error in refused[:SHOWN_PROBLEMS]],
                total=len(refused),
            )
        if refused:
            events.log(f"{len(refused)} of {len(rows)} {name} rows are left out; the first: {refused[0]}")
    return Rows(rendered["train"], rendered["validation"], skipped)


def _train(
    config: RunConfig,
    identity: Identity,
    rows: Rows,
    renderer: Renderer,
    hardware: Hardware,
    last: Checkpoint | None,
    plan: Plan | None,
    events: Events,
    began: float,
) -> tuple[Checkpoint, Plan]:
    """Train to the plan's last step or until patience ends; returns the last checkpoint and the plan."""
    hyperparameters = config.hyperparameters
    precision = plan.precision if plan else choose_precision(hyperparameters.precision, hardware)
    trainer = _trainer(config, rows, renderer, hardware, precision)
    if plan is None:
        plan = make_plan(
            trainer,
            hyperparameters,
            rows=len(rows.train),
            precision=precision,
            data_hash=identity.data,
            config_hash=identity.settings,
            has_samples=bool(config.samples and rows.validation),
            events=events,
            began=began,
        )
        checkpoints.write_plan(config.output, plan)
    apply_plan(trainer, plan)

    reporter = Reporter(config.output, plan, last, events, hyperparameters.time_budget_seconds, began)
    trainer.add_callback(reporter)
    schedule, warmup_ratio = hyperparameters.schedule, hyperparameters.warmup_ratio
    trainer.rate_factor = lambda step: rate_factor(step, reporter.plan, schedule, warmup_ratio)
    if shown := rows.validation[: config.samples]:
        autocast = trainer.accelerator.autocast
        is_timed = hyperparameters.time_budget_seconds is not None
        trainer.add_callback(Samples(shown, renderer.tokenizer, renderer.end, autocast, events, is_timed=is_timed))
    if last is not None:
        events.log(f"going on after step {last.marker.step} of {plan.total}")
    elif rows.validation:
        trainer.evaluate()  # the untrained model's loss: where the curve starts
    set_seed(hyperparameters.seed)  # whatever was rehearsed or evaluated, training starts from the seed
    trainer.train(resume_from_checkpoint=str(last.folder) if last else None)
    if not reporter.finished:
        raise AssertionError("training ended without a complete last checkpoint")
    return checkpoints.complete_checkpoints(config.output)[-1], reporter.plan


def _trainer(
    config: RunConfig, rows: Rows, renderer: Renderer, hardware: Hardware, precision: str
) -> LabelledLossTrainer:
    """TRL's trainer over our rows and our loss; steps and intervals come with the plan."""
    hyperparameters = config.hyperparameters
    evaluates = bool(rows.validation)
    adapter = _adapter(hyperparameters)
    callbacks: list[TrainerCallback] = []
    if hyperparameters.patience is not None:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=hyperparameters.patience))
    pad = renderer.tokenizer.pad_token_id
    trainer = LabelledLossTrainer(
        model=load_base(
            config.model,
            # A frozen base is only read: in bf16 it takes half the memory and no cast per step. Trained weights stay fp32.
            dtype=torch.bfloat16 if precision == "bf16" and adapter else torch.float32,
            quantised=hyperparameters.method == "qlora",
            device=hardware.device,
        ),
        args=_arguments(config, hardware, precision, evaluates=evaluates),
        data_collator=Collator(renderer.end if pad is None else pad),
        train_dataset=_dataset(rows.train),
        eval_dataset=_dataset(rows.validation) if evaluates else None,
        processing_class=renderer.tokenizer,
        peft_config=adapter,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(config: RunConfig, hardware: Hardware, precision: str, *, evaluates: bool) -> SFTConfig:
    """Every setting that matters, named: nothing is left to a default of the libraries."""
    hyperparameters = config.hyperparameters
    return SFTConfig(
        output_dir=str(config.output),
        seed=hyperparameters.seed,
        data_seed=hyperparameters.seed,
        optim="adamw_torch",
        learning_rate=hyperparameters.learning_rate,
        weight_decay=hyperparameters.weight_decay,
        max_grad_norm=hyperparameters.max_grad_norm,
        per_device_train_batch_size=hyperparameters.batch_size,
        per_device_eval_batch_size=2 * hyperparameters.batch_size,
        gradient_accumulation_steps=hyperparameters.gradient_accumulation,
        max_steps=1,
        activation_checkpointing=hyperparameters.gradient_checkpointing,
        bf16=precision == "bf16",
        fp16=False,
        use_cpu=hardware.device == "cpu",
        max_length=None,  # rows past the limit were refused before; nothing is ever cut
        packing=False,
        completion_only_loss=False,  # labels are ours, masked by position
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        dataloader_pin_memory=hardware.device == "cuda",
        logging_steps=hyperparameters.logging_steps,
        logging_nan_inf_filter=False,  # a loss that is no number ends the run instead of hiding in an average
        eval_strategy="steps" if evaluates else "no",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        save_total_limit=None,  # the library deletes the old checkpoint before ours is marked: see Reporter.on_save
        metric_for_best_model="eval_loss" if evaluates else None,
        greater_is_better=False if evaluates else None,
        load_best_model_at_end=False,  # the export reads the best checkpoint from the disk
        restore_callback_states_from_checkpoint=True,
        include_num_input_tokens_seen="non_padding",
        report_to=[],
        disable_tqdm=True,
    )


def _adapter(hyperparameters: Hyperparameters) -> LoraConfig | None:
    """None where all weights are trained."""
    if hyperparameters.method == "full":
        return None
    return LoraConfig(
        r=hyperparameters.lora_r,
        lora_alpha=hyperparameters.lora_alpha,
        lora_dropout=hyperparameters.lora_dropout,
        target_modules=hyperparameters.target_modules,
        bias="none",
        task_type="CAUSAL_LM",
    )


def _dataset(rows: Sequence[Rendered]) -> Dataset:
    """``forks`` only where there are some: a column of empty lists has no type."""
    unused = {"id"} if any(row.forks for row in rows) else {"id", "forks"}
    return Dataset.from_list([{key: value for key, value in asdict(row).items() if key not in unused} for row in rows])


def _best(config: RunConfig, last: Checkpoint) -> Path:
    """The checkpoint with the lowest validation loss; the last one where nothing was validated."""
    step = last.state.get("best_global_step") or last.marker.step
    return checkpoints.checkpoint_folder(config.output, step)


def _smoke(rows: Rows, exported: Exported, end: int, hardware: Hardware) -> list[Smoke]:
    """Trial answers to a few prompts of the validation set; EngineError ``smoke`` when all are empty.

    An answer that does not end by itself is a warning of the result: a run of few steps may not have learnt it yet.
    """
    shown = (rows.validation or rows.train)[:SMOKE_PROMPTS]
    prompts = [(row.id, row.input_ids[: row.labels.count(IGNORED)]) for row in shown]
    longest = max(row.trained_tokens for row in rows.train)
    answers = smoke(exported.model, prompts, longest_answer=longest, end=end, device=hardware.device)
    if all(not answer.text.strip() for answer in answers):
        raise EngineError("smoke", f"The tuned model answers nothing: all {len(answers)} trial answers are empty")
    return answers


def _result(
    config: RunConfig,
    plan: Plan,
    last: Checkpoint,
    best: str,
    exported: Exported,
    answers: list[Smoke],
    rows: Rows,
    hardware: Hardware,
) -> dict[str, Any]:
    """What the ``done`` event and ``result.json`` say. Losses are nats per trained token, by the rows' weights."""
    history = last.state["log_history"]
    train_losses = [entry["loss"] for entry in history if "loss" in entry]
    marker = last.marker
    return {
        "steps": marker.step,
        "tokens": marker.tokens,
        "tokens_per_second": marker.tokens / marker.seconds if marker.seconds else None,
        "seconds": marker.seconds,
        "best_step": int(best.removeprefix("checkpoint-")),
        "stopped_early": marker.step < plan.total,
        "train_loss": sum(train_losses) / len(train_losses) if train_losses else None,
        "validation_loss": last.state.get("best_metric"),
        "best_checkpoint": str(config.output / best),
        "adapter": str(exported.adapter) if exported.adapter else None,
        "model": str(exported.model),
        "rows": {"train": len(rows.train), "validation": len(rows.validation), "skipped": rows.skipped},
        "smoke": [asdict(answer) for answer in answers],
        "warnings": [answer.fault for answer in answers if answer.fault],
        "hardware": {**asdict(hardware), "precision": plan.precision, "peak_memory_bytes": peak_memory_bytes()},
        "plan": asdict(plan),
        "hyperparameters": config.hyperparameters.model_dump(mode="json"),
    }
