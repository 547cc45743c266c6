"""Rows, configurations and runs for the engine's tests: in this process, or as the worker starts it."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ftplatform.engines.events import Events
from training.engine.config import Hyperparameters, RunConfig

ROOT = Path(__file__).parents[2]
DESKS = ("permits", "tax", "energy")


def rows(count: int, start: int = 0, shift: int = 0, weight: float = 8.0) -> list[dict[str, Any]]:
    """Questions that name their desk; with ``shift`` the answer names another, so that learning makes it worse."""
    made = []
    for number in range(start, start + count):
        asked, answered = DESKS[number % 3], DESKS[(number + shift) % 3]
        made.append(
            {
                "id": str(number),
                "messages": [{"role": "user", "content": f"Question {number} about {asked}?"}],
                "completion": f"desk: {answered}\nreply: Answer number {number % 7}.",
                "spans": [[6, 6 + len(answered), weight]],
            }
        )
    return made


def write_rows(path: Path, made: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return path


def configure(folder: Path, model: Path, **hyperparameters: Any) -> RunConfig:
    """A run in ``folder/run`` over 24 training and 6 validation rows, unless the files are there already."""
    for name, made in (("train", rows(24)), ("validation", rows(6, start=100))):
        if not (folder / f"{name}.jsonl").exists():
            write_rows(folder / f"{name}.jsonl", made)
    settings = {"learning_rate": 1e-2, "precision": "fp32", "eval_every": 3, **hyperparameters}
    return RunConfig(
        model=model,
        train_rows=folder / "train.jsonl",
        validation_rows=folder / "validation.jsonl",
        output=folder / "run",
        hyperparameters=Hyperparameters(**settings),
    )


class Interrupted(Exception):
    """Stands for a process that ends between two events."""


def run_here(
    config: RunConfig,
    *,
    stop_at: tuple[str, int] | None = None,
    supervised: bool = False,
    began: float | None = None,
) -> list[dict[str, Any]]:
    """The events of a run in this process; ``stop_at`` (metric, step) breaks it off just after that event."""
    from training.engine.train import run

    events: list[dict[str, Any]] = []

    def emit(event: dict[str, Any]) -> None:
        events.append(event)
        if stop_at and (event.get("name"), event.get("step")) == stop_at:
            raise Interrupted

    with contextlib.suppress(Interrupted):
        run(config, Events(emit), supervised=supervised, began=began)
    return events


def start(config: RunConfig, *options: str, **popen: Any) -> subprocess.Popen[str]:
    """The engine as a process of its own, as a worker starts it."""
    path = config.output.parent / "config.json"
    path.write_text(config.model_dump_json(), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "training.engine", str(path), *options],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **popen,
    )


def read_until_step(process: subprocess.Popen[str], step: int) -> list[dict[str, Any]]:
    """Events up to the progress of ``step``; fails the test when the engine ends before."""
    assert process.stdout
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "progress" and events[-1]["done"] >= step:
            return events
    raise AssertionError(f"the engine ended early: {events[-1:]} {process.communicate()[1][-2000:]}")


def finish(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """All remaining events of a process that is left to end."""
    output, _ = process.communicate(timeout=600)
    return [json.loads(line) for line in output.splitlines()]


def curve(events: list[dict[str, Any]], name: str) -> dict[int, float]:
    """Step → value of a metric; a later event for the same step replaces the earlier."""
    return {event["step"]: event["value"] for event in events if event.get("name") == name}
