"""This room's job kinds."""

import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import BaseModel

from ftplatform.artifacts.services import materialise
from ftplatform.jobs import kinds
from ftplatform.jobs.context import JobContext
from ftplatform.jobs.engine import run_engine
from ftplatform.keepable import storable
from inference.services import register_trained
from training.models import RunMetric, RunSample, TrainingRun
from training.plan import RunPlan
from training.trainrows import row_of

SPLITS = ("train", "validation")


class TrainParameters(BaseModel):
    run: int


def folder_of(run: TrainingRun) -> Path:
    """The run's own folder: rows, checkpoints, result. It stays on the machine that holds the run's slot."""
    return Path(settings.FT_HOME) / "runs" / f"training-{run.pk}"


def train(context: JobContext, parameters: TrainParameters) -> dict[str, Any]:
    """Runs the engine; it goes on from its last complete checkpoint when there is one."""
    run = TrainingRun.objects.select_related("dataset_version", "base_version__files", "task_revision", "project").get(
        pk=parameters.run
    )
    if run.model_version_id:
        _clear(folder_of(run))
        return _told(run)
    plan = RunPlan.model_validate(run.hyperparameters)
    result = _run_engine(context, run, plan)
    adapter = result.pop("adapter", None)
    merged = result.pop("model")
    result.pop("best_checkpoint", None)  # a place on this machine; the step says which one it was
    with context.transaction():
        version = register_trained(
            parent=run.base_version,
            name=f"Version of run {run.number}",
            method=plan.method,
            merged=Path(merged),
            adapter=Path(adapter) if adapter else None,
            by=context.actor,
        )
        run.model_version, run.result = version, result
        run.left_out = run.left_out or _skipped(run, result["rows"]["skipped"])
        run.save(update_fields=["model_version", "result", "left_out"])
    _clear(folder_of(run))
    return _told(run)


def _clear(folder: Path) -> None:
    """Rows, checkpoints and model, gigabytes of a large run: the version has its own copy. What tells how it went stays."""
    shutil.rmtree(folder / "output", ignore_errors=True)
    for split in SPLITS:
        (folder / f"{split}.jsonl").unlink(missing_ok=True)


def _told(run: TrainingRun) -> dict[str, Any]:
    """What the job tells whoever reads jobs. The run keeps the rest: its trial answers are not for raters of its version."""
    return {name: run.result[name] for name in ("steps", "best_step")} | {"model_version": run.model_version_id}


def _run_engine(context: JobContext, run: TrainingRun, plan: RunPlan) -> dict[str, Any]:
    """The engine's result; its curve, samples, progress and log are kept as they come."""
    folder = folder_of(run)
    folder.mkdir(parents=True, exist_ok=True)
    rows = {split: _rows(run, plan, split, folder) for split in SPLITS}
    assert run.base_version.files
    config = {
        "model": str(materialise(run.base_version.files)),
        "train_rows": str(rows["train"]),
        "validation_rows": str(rows["validation"]) if run.dataset_version.counts.get("validation") else None,
        "output": str(folder / "output"),
        "hyperparameters": plan.engine(),
        "samples": plan.samples,
    }
    result: dict[str, Any] = {}
    for event in run_engine(context, "training.engine", config, folder):
        match event["event"]:
            case "metric":
                _point(context, run, event)
            case "sample":
                _sample(context, run, event)
            case "progress":
                context.progress(event["done"], event["total"], event["unit"])
            case "log":
                context.log(event["message"])
            case "plan":
                figures = {name: value for name, value in event.items() if name not in ("event", "message")}
                context.event("plan", event["message"], **figures)
            case "done":
                result = storable({name: value for name, value in event.items() if name != "event"})
    return result


def _rows(run: TrainingRun, plan: RunPlan, split: str, folder: Path) -> Path:
    """The rows as the dataset version froze them; the spans of short fields carry their weight. Written once: a run that goes on after
    an update of the platform goes on with the rows that it began with."""
    path = folder / f"{split}.jsonl"
    if path.exists():
        return path
    spec, tokens = run.task_revision.spec, run.base_version.control_tokens
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        for item in run.dataset_version.items.filter(split=split).order_by("position").iterator(chunk_size=1000):
            row = row_of(
                item,
                spec,
                control_tokens=tokens,
                short_field_weight=plan.short_field_weight,
                with_choices=split == "validation",
            )
            file.write(row.model_dump_json() + "\n")
    part.replace(path)
    return path


def _skipped(run: TrainingRun, rows: list[str]) -> list[dict[str, Any]]:
    """What the engine left out of a set that was too large to be checked before the run."""
    found = run.dataset_version.items.filter(position__in=[int(row) - 1 for row in rows]).order_by("position")
    return [
        {"item": pk, "number": position + 1, "split": split, "ticket": ticket, "tokens": None, "reason": "unfit"}
        for pk, position, split, ticket in found.values_list("pk", "position", "split", "example_id")
    ]


def _point(context: JobContext, run: TrainingRun, event: dict[str, Any]) -> None:
    """One point of a curve. A resumed run writes the same steps again: the last write stands."""
    with context.fenced():
        RunMetric.objects.bulk_create(
            [RunMetric(run=run, name=event["name"], step=event["step"], value=event["value"])],
            update_conflicts=True,
            unique_fields=["run", "name", "step"],
            update_fields=["value"],
        )


def _sample(context: JobContext, run: TrainingRun, event: dict[str, Any]) -> None:
    """One answer; as with points, the last write stands."""
    with context.fenced():
        RunSample.objects.bulk_create(
            [
                RunSample(
                    run=run,
                    item=run.dataset_version.items.get(position=int(event["row"]) - 1),
                    step=event["step"],
                    text=storable(event["text"]),
                    ended=event["ended"],
                )
            ],
            update_conflicts=True,
            unique_fields=["run", "item", "step"],
            update_fields=["text", "ended"],
        )


TRAIN = kinds.JobKind("training.train", TrainParameters, train, slot=kinds.CPU, unit="steps")
