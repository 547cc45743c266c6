"""Checkpoints that count, the plan of the run, and where to go on.

A checkpoint is written by the trainer, flushed to the disk file by file, and only then gets ``COMPLETE``: a JSON
marker with step, data hash and configuration hash. Whatever has no marker never happened. ``plan.json`` holds what
was decided for the run (steps, evaluations, precision), so that a resumed run does not decide anew.
"""

import json
import os
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ftplatform.engines.events import EngineError

MARKER = "COMPLETE"
PLAN = "plan.json"
RESULT = "result.json"


@dataclass(frozen=True)
class Plan:
    """What a run decided at its start. Times in seconds; a step is one update of the weights."""

    data_hash: str
    config_hash: str
    precision: str
    steps: int
    eval_every: int
    save_every: int
    step_seconds: float | None = None
    """Measured for a time budget only."""
    evaluation_seconds: float | None = None
    wanted_steps: int | None = None
    """Steps that the epochs ask for; more than ``steps`` where the time budget cut them."""
    refits: list[list[int]] = field(default_factory=list)
    """[after step, steps in all], ascending: what a time budget came to once it was seen how long steps really take."""

    @property
    def total(self) -> int:
        """Steps in all, as far as is known by now."""
        return self.refits[-1][1] if self.refits else self.steps

    def refitted(self, after: int, total: int) -> "Plan":
        return replace(self, refits=[*self.refits, [after, total]])


@dataclass(frozen=True)
class Complete:
    """The marker of a checkpoint. ``finished``: training ended here; ``seconds`` and ``tokens``: spent so far."""

    step: int
    data_hash: str
    config_hash: str
    finished: bool
    seconds: float
    tokens: int


@dataclass(frozen=True)
class Checkpoint:
    folder: Path
    marker: Complete

    @property
    def state(self) -> dict[str, Any]:
        """The trainer's own state: best_global_step, best_metric, log_history."""
        return _read_json(self.folder / "trainer_state.json")


def checkpoint_folder(run: Path, step: int) -> Path:
    """Where the trainer puts the checkpoint of a step."""
    return run / f"checkpoint-{step}"


def mark_complete(folder: Path, marker: Complete) -> None:
    """Flush the checkpoint to the disk, then say that it is whole."""
    sync_tree(folder)
    write_json(folder / MARKER, asdict(marker))
    _sync(folder.parent)


def complete_checkpoints(run: Path) -> list[Checkpoint]:
    """Marked checkpoints in the run's folder, lowest step first."""
    markers = [Checkpoint(path.parent, Complete(**_read_json(path))) for path in run.glob(f"checkpoint-*/{MARKER}")]
    return sorted(markers, key=lambda checkpoint: checkpoint.marker.step)


def resume_point(run: Path, data_hash: str, config_hash: str) -> Checkpoint | None:
    """The highest complete checkpoint of this very run, after the unfinished ones are deleted; None at a fresh start.

    Raises EngineError ``other_run`` when the folder holds complete checkpoints of other rows, settings or model:
    they are somebody's work, and step 0 beside them would overwrite it.
    """
    complete = complete_checkpoints(run)
    for checkpoint in complete:
        refuse_other_run(run, checkpoint.marker, data_hash, config_hash)
    keep = {checkpoint.folder for checkpoint in complete}
    for folder in run.glob("checkpoint-*"):
        if folder not in keep:
            shutil.rmtree(folder)
    return complete[-1] if complete else None


def refuse_other_run(run: Path, found: Plan | Complete, data_hash: str, config_hash: str) -> None:
    """EngineError ``other_run`` when what the folder holds was made from other rows, settings or model."""
    differ = [
        name
        for name, ours, theirs in (
            ("rows", data_hash, found.data_hash),
            ("settings or base model", config_hash, found.config_hash),
        )
        if ours != theirs
    ]
    if differ:
        raise EngineError(
            "other_run", f"{run} holds a run with other {' and other '.join(differ)}: give this run a folder of its own"
        )


def prune(run: Path, keep_steps: set[int]) -> None:
    """Delete complete checkpoints other than those of ``keep_steps``; the marker goes first, so none is half deleted."""
    for checkpoint in complete_checkpoints(run):
        if checkpoint.marker.step not in keep_steps:
            (checkpoint.folder / MARKER).unlink()
            shutil.rmtree(checkpoint.folder)


def drop_incomplete(run: Path) -> int:
    """Delete checkpoints without marker; the step of the last complete one, 0 when there is none."""
    complete = complete_checkpoints(run)
    for folder in run.glob("checkpoint-*"):
        if not (folder / MARKER).exists():
            shutil.rmtree(folder)
    return complete[-1].marker.step if complete else 0


def read_plan(run: Path) -> Plan | None:
    """The plan of the run in this folder, None when it has not got so far."""
    path = run / PLAN
    return Plan(**_read_json(path)) if path.exists() else None


def write_plan(run: Path, plan: Plan) -> None:
    write_json(run / PLAN, asdict(plan))


def read_result(run: Path) -> dict[str, Any] | None:
    """The result of a finished run, None before."""
    path = run / RESULT
    return _read_json(path) if path.exists() else None


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write to a neighbour, flush, rename: the file is there whole or not at all."""
    neighbour = path.with_name(path.name + ".partial")
    with neighbour.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    neighbour.replace(path)
    _sync(path.parent)


def sync_tree(folder: Path) -> None:
    """fsync every file and folder below, and the folder itself."""
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value
