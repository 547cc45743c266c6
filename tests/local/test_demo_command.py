"""`manage.py demo` as a person runs it, on the embedded model: killed in the middle, started again, and what it refuses at once."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ftplatform.local.home import Home
from tests.local.processes import REPOSITORY, eventually, kill_hard, naming, outside, pid_of

pytestmark = pytest.mark.e2e

LABELS = {
    "permits": ["a garden shed", "a high fence", "an attic window", "a second floor", "a carport", "a new balcony", "a pool", "a wall"],
    "tax": ["my plumber", "the painter", "a cleaner", "the roofer", "an electrician", "the mason", "a gardener", "the glazier"],
    "energy": ["a heat pump", "solar cells", "thick walls", "old windows", "a cold attic", "a wood stove", "floor heat", "a cellar"],
}  # fmt: skip
QUESTIONS = {
    "permits": "May I build {} beside my house?",
    "tax": "Can I deduct the bill of {}?",
    "energy": "How warm is {}?",
}
CONTRACT = {
    "project": None,
    "examples": None,
    "evaluation_set": {"id", "hash", "examples"},
    "dataset_version": {"id", "hash", "train", "validation"},
    "baseline": {"model_version", "scorecard", "condition", "conditions", "metrics"},
    "training_run": {"id", "steps", "tokens", "tokens_per_second", "best_step", "stopped_early", "train_loss", "validation_loss"},
    "tuned": {"model_version", "scorecard", "metrics", "parse_rate"},
    "deltas": {"label.accuracy"},
    "campaign": {"id", "url", "items", "ratings"},
    "verdict": {"value", "reasons"},
    "seconds": {"import", "baseline", "training", "comparison"},
}  # fmt: skip
"""What the demo's JSON promises to scripts, by its keys."""


def tickets(path: Path) -> Path:
    rows = [(QUESTIONS[label].format(thing), label) for label, things in LABELS.items() for thing in things]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def demo(home: Home, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--no-serve", *words],
        cwd=REPOSITORY,
        env={**outside(), "FT_HOME": str(home.path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def said_by(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=600)[1]


def runs(home: Home, part: str) -> bool:
    return any(part in line for line in naming(str(home.path)).values())


@pytest.mark.slow
@pytest.mark.model
def test_a_demo_whose_starter_and_then_database_were_killed_in_training_goes_on_to_its_scorecard(
    home: Home, folder: Path
) -> None:
    words = ["--tickets", str(tickets(folder / "mine.csv")), "--input", "text", "--target", "label", "--json", str(folder / "out.json")]  # fmt: skip
    first = demo(home, *words)
    eventually(lambda: runs(home, "training.engine") or first.poll() is not None, within_s=400)
    assert first.poll() is None, said_by(first)
    kill_hard(first.pid)
    first.wait()
    eventually(lambda: not naming(str(home.path)), within_s=60)
    assert not (folder / "out.json").exists()

    second = demo(home, *words)
    eventually(lambda: runs(home, "training.engine") or second.poll() is not None, within_s=400)
    kill_hard(pid_of(home, "bin/postgres"))
    said = said_by(second)
    assert second.returncode == 0, said
    assert "Traceback" not in said
    assert "baseline" in said and "Plan: " in said
    results = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    for name, keys in CONTRACT.items():
        assert name in results
        assert keys is None or keys <= results[name].keys(), name
    assert results["examples"] == 24
    assert results["training_run"]["id"] == 1 and results["training_run"]["steps"] >= 1
    assert results["verdict"]["value"] == "undecided" and results["campaign"]["ratings"] == 0
    eventually(lambda: not naming(str(home.path)), within_s=60)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--limit", "5"], "--limit 5 is too few"),
        (["--seed", "-1"], "--seed is a whole number"),
        (["--input", "text"], "--input belong to --tickets FILE"),
        (["--tickets", "none.csv"], "none.csv"),
        (["--json", "/proc/none/out.json"], "/proc/none/out.json cannot be written"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_started(home: Home, words: list[str], told: str) -> None:
    refused = demo(home, *words)
    said = said_by(refused)
    assert refused.returncode == 1
    assert told in said and "Traceback" not in said
    assert not home.postgres_data.exists()
