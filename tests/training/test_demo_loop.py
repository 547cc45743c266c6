"""The demo's stages from a file to its JSON, with real jobs and engines, on the tiny model."""

from __future__ import annotations

import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from evaluation.models import Campaign
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import User
from ftplatform.accounts.services import create_user
from ftplatform.jobs import services as jobs
from inference.services import conditions
from tests.factories import SYSTEM
from training.demo import stages
from training.demo.ownfile import own_file
from training.demo.people import PEOPLE, people
from training.demo.report import report
from training.demo.source import Source
from training.models import TrainingRun

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = [
    "permit",
    "shed",
    "house",
    "roof",
    "tax",
    "bill",
    "plumber",
    "contract",
    "money",
    "insulation",
    "wall",
    "attic",
    "heat",
    "fee",
    "garden",
    "school",
]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, settings: Any) -> None:
    settings.FT_HOME = tmp_path / "home"
    (settings.FT_HOME / "logs").mkdir(parents=True)


@pytest.fixture
def tell_nobody(run_jobs: Any, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Jobs run in this process while a stage waits for them; returns what is said."""
    real = jobs.wait

    def wait(job: Any, **more: Any) -> Any:
        run_jobs()
        return real(job, **more)

    measured = stages._hyperparameters
    monkeypatch.setattr(jobs, "wait", wait)
    monkeypatch.setattr(
        stages,
        "_hyperparameters",
        lambda loop: {**measured(loop), "max_steps": 4, "time_budget_seconds": 20.0, "precision": "fp32"},
    )
    monkeypatch.setattr(stages.Preparing, "wait", lambda self: tiny_model)
    return []


def go(source: Source, said: list[str], seed: int = 0) -> tuple[stages.Loop, dict[str, Any]]:
    people()
    loop = stages.Loop(
        source=source,
        seed=seed,
        limit=None,
        tell=lambda *told: None,
        say=said.append,
        by=Actor.of(User.objects.get(username="ada")),
    )
    stages.make_project(loop)
    stages.import_tickets(loop)
    stages.register_model(loop, stages.Preparing(None))
    stages.plan_sizes(loop)
    said.append(stages.plan_text(loop))
    stages.freeze_test_set(loop)
    for stage in (
        stages.measure_baseline,
        stages.freeze_dataset,
        stages.train,
        stages.compare,
        stages.open_campaign,
        stages.open_queue,
    ):
        stage(loop)
    return loop, report(loop)


def words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(count)) + f" {rng.randint(0, 10**6)}"


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_labels_of_any_kind_come_to_a_verdict_that_people_can_still_make(
    tmp_path: Path, tell_nobody: list[str]
) -> None:
    """A decomposed é, a zero, duplicates, a row without label, and one ticket far longer than a row may be."""
    rng = random.Random(0)
    labels = [unicodedata.normalize("NFD", "Café"), "bar", 0]
    rows = [{"text": words(rng, 8), "label": labels[at % 3]} for at in range(60)]
    rows += [rows[0], {"text": words(rng, 8), "label": None}]
    rows[7]["text"] = words(rng, 700)
    source = own_file(write(tmp_path / "mine.jsonl", rows), text="text", target="label", kind=None)
    loop, told = go(source, tell_nobody)

    assert "62 rows read, 61 tickets, 60 of them with an answer; 1 duplicates." in tell_nobody[0]
    assert "is taken as a label to choose: 3 different values" in tell_nobody[0]
    assert "at most" in tell_nobody[0] and "steps" in tell_nobody[0]
    assert any("steps fit into" in line for line in tell_nobody[1:]), "the fitted plan is told when it is known"

    assert told["examples"] == 61 and told["evaluation_set"]["examples"] == 15
    assert set(told["baseline"]["conditions"]) >= {"zero-shot", "3-shot", "constrained"}
    assert told["tuned"]["metrics"].keys() == told["deltas"].keys() >= {"label.accuracy", "label.f1_macro"}
    assert told["verdict"]["value"] == "undecided" and "Still needed" in told["verdict"]["reasons"][1]
    assert told["campaign"]["items"] > 0 and told["campaign"]["ratings"] == 0
    assert told["remarks"] == list(source.remarks) and source.remarks
    assert TrainingRun.objects.get().hyperparameters["overlong"] == "skip"
    campaign = Campaign.objects.get()
    shown = [answer.text for item in campaign.items.all() for answer in item.answers.all()]
    assert set(shown) & set(source.spec.fields[0].labels), "experts rate the label where the task writes no text"
    json.dumps(told, allow_nan=False)

    again, second = go(source, [])
    assert {**second, "seconds": 0} == {**told, "seconds": 0}, "a second demo finds what the first one made"
    assert again.project == loop.project


def test_texts_of_form_letters_longer_than_any_shot_come_through(
    tmp_path: Path, tell_nobody: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All prompts are near one another, so they cannot be kept together; none is short enough to be shown as an example."""
    monkeypatch.setattr(conditions, "SHOT_CHARACTERS", 200)  # the tiny model reads 512 tokens
    rng = random.Random(1)
    form = "Dear office, " + "please look into the matter that is described below " * 5
    rows = [{"body": f"{form} {at}", "answer": f"desk: tax\n\n{words(rng, 12)}"} for at in range(40)]
    source = own_file(write(tmp_path / "forms.jsonl", rows), text="body", target="answer", kind="text")
    loop, told = go(source, tell_nobody)
    assert list(told["baseline"]["conditions"]) == ["zero-shot"]
    assert told["deltas"].keys() >= {"answer.rougeL"} and told["verdict"]["value"] == "undecided"
    assert loop.evaluation_set.card["draw"]["near"].startswith("too many prompts are alike")


def test_an_account_that_was_here_before_keeps_its_password(db: Any) -> None:
    create_user(username="ada", password="Her-own-4711", by=SYSTEM)
    first = people()
    assert first["ada"] == "" and User.objects.get(username="ada").check_password("Her-own-4711")
    assert all(User.objects.get(username=name).check_password(first[name]) for name in PEOPLE if name != "ada")
    assert people() == first
    path = Path(settings.FT_HOME) / "demo_passwords.json"
    assert path.stat().st_mode & 0o777 == 0o600 and not path.with_name("demo_passwords.json.part").exists()
    lea = User.objects.get(username="lea")
    lea.set_password("changed-by-lea-1")
    lea.save()
    assert people()["lea"] == ""
