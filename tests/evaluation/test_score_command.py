"""`manage.py score` asks for what the page and the API ask for, and takes the same where nothing is named."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from annotation.models import DatasetVersion
from evaluation import services
from evaluation.models import Scorecard
from evaluation.scoring.rules import Rules
from ftplatform.jobs.models import Job
from inference.models import GenerationRun, ModelVersion
from tests.evaluation import world as worlds
from tests.evaluation.test_candidate_condition import LABEL_ONLY, validation_set
from training.models import TrainingRun
from training.plan import RunPlan

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make_world(spec=LABEL_ONLY)


@pytest.fixture
def baseline(world: worlds.World) -> Scorecard:
    return worlds.make_baseline(world)


@pytest.fixture
def trained_with(world: worlds.World, baseline: Scorecard) -> DatasetVersion:
    """The candidate's own training set, and a newer one beside it."""
    own = validation_set(world, number=2)
    validation_set(world, items=6, number=3)
    TrainingRun.objects.create(
        project=world.project, number=1, task_revision=world.project.task_revision, dataset_version=own, base_version=world.base,
        baseline=baseline, hyperparameters=RunPlan().model_dump(mode="json"), model_version=world.tuned,
    )  # fmt: skip
    return own


def score(world: worlds.World, *arguments: str) -> dict[str, Any]:
    """The parameters of the job that the command left to a worker."""
    out = io.StringIO()
    call_command("score", "--project", world.project.slug, "--no-wait", "--json", *arguments, stdout=out)
    parameters: dict[str, Any] = Job.objects.get(pk=json.loads(out.getvalue())["job"]).parameters
    return parameters


def tuned(world: worlds.World, *arguments: str) -> dict[str, Any]:
    return score(world, "--model", str(world.tuned.number), *arguments)


def by_page(world: worlds.World) -> dict[str, Any]:
    """What the form asks for as it is offered."""
    client = Client()
    client.force_login(world.admin)
    address = reverse("evaluation:new-comparison", args=[world.project.slug])
    form = client.get(address).context["form"]
    offered = {name: form.get_initial_for_field(field, name) or "" for name, field in form.fields.items()}
    assert client.post(address, offered).status_code == 302
    return Job.objects.latest("pk").parameters


def by_api(world: worlds.World, **more: Any) -> dict[str, Any]:
    client = Client()
    client.force_login(world.admin)
    body = {"kind": "comparison", "baseline": Scorecard.objects.get().pk, "candidate": world.tuned.pk, **more}
    answer = client.post(
        f"/api/v1/projects/{world.project.slug}/scorecards/", json.dumps(body), content_type="application/json"
    )
    assert answer.status_code == 202, answer.content
    return Job.objects.get(pk=answer.json()["job"]).parameters


def test_page_api_and_command_ask_for_the_same_comparison(world: worlds.World, trained_with: DatasetVersion) -> None:
    asked = [by_page(world), by_api(world), tuned(world)]
    assert [one.pop("run") for one in asked] == sorted(GenerationRun.objects.values_list("pk", flat=True))[-3:]
    assert asked[0] == asked[1] == asked[2]
    assert asked[0]["validation_set"] == trained_with.pk, "and not the newest one"
    assert asked[0]["rules"] == world.rules.pk


def test_a_candidate_that_no_run_here_made_is_tried_on_the_newest_fitting_set(
    world: worlds.World, baseline: Scorecard
) -> None:
    validation_set(world, number=2)
    newest = validation_set(world, number=3)
    validation_set(world, split="train", number=4)
    assert {one["validation_set"] for one in (by_page(world), by_api(world), tuned(world))} == {newest.pk}


def test_no_validation_can_be_asked_for(world: worlds.World, trained_with: DatasetVersion) -> None:
    assert tuned(world, "--validation", "none")["validation_set"] is None
    assert by_api(world, validation_set=None)["validation_set"] is None


def test_what_is_named_is_taken(world: worlds.World, trained_with: DatasetVersion) -> None:
    first, rules = Scorecard.objects.get(), world.rules
    other = DatasetVersion.objects.get(kind=DatasetVersion.Kind.SFT, number=3)
    services.set_rules(project=world.project, rules=Rules(least_items=30), by=world.by)
    Scorecard.objects.create(
        project=world.project, number=2, kind=Scorecard.Kind.BASELINE, task_revision=first.task_revision, evaluation_set=first.evaluation_set,
        base_model=world.base, generation_run=first.generation_run, content=first.content, content_hash="-",
    )  # fmt: skip
    assert tuned(world)["baseline"] != first.pk, "the newest"
    named = tuned(world, "--baseline", "1", "--rules", str(rules.number), "--validation", "3")
    assert (named["baseline"], named["rules"], named["validation_set"]) == (first.pk, rules.pk, other.pk)
    assert tuned(world, "--set", "1", "--baseline", "1")["baseline"] == first.pk


def test_a_baseline_takes_its_set_and_shots(world: worlds.World) -> None:
    newer = DatasetVersion.objects.create(
        project=world.project, kind="evaluation", number=2, hash="2" * 64, task_revision=world.project.task_revision,
        counts={}, card={},
    )  # fmt: skip
    newer.items.bulk_create(
        type(item)(
            version=newer, position=item.position, split="test", content=item.content, hash=item.hash,
            group_key=item.group_key, prompt_hash=item.prompt_hash,
        )
        for item in world.evaluation_set.items.all()
    )  # fmt: skip

    def asked(*arguments: str) -> tuple[DatasetVersion, set[str]]:
        run = GenerationRun.objects.get(pk=score(world, "--model", str(world.base.number), *arguments)["run"])
        return run.dataset_version, {cell.condition.name for cell in run.cells.all()}

    likelihoods = {"constrained", "constrained-calibrated"}
    assert asked() == (newer, {"zero-shot", "3-shot", *likelihoods})
    assert asked("--set", "1", "--shots", "2") == (world.evaluation_set, {"zero-shot", "2-shot", *likelihoods})
    assert asked("--shots", "0")[1] == {"zero-shot", *likelihoods}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--model", "9"), "no model version 9; there are 1, 2"),
        (("--model", "2", "--baseline", "7"), "no baseline scorecard 7; there are 1"),
        (("--model", "2", "--rules", "7"), "no release rules 7; there are 1"),
        (("--model", "2", "--validation", "7"), "no training set 7; there are 2, 3"),
        (("--model", "2", "--validation", "all"), "--validation is the number of a training set, or none; not 'all'"),
        (("--model", "2", "--set", "7"), "no evaluation set 7; there are 1"),
        (("--model", "2", "--shots", "3"), "is compared with a baseline; leave --shots out"),
        (("--model", "1", "--rules", "1", "--baseline", "1"), "leave --baseline and --rules out"),
        (("--model", "1", "--shots", "17"), "--shots is a number from 0 to 16, not 17"),
        (("--again", "1"), "no comparison scorecard 1; there is none yet"),
        (("--again", "1", "--set", "1"), "leave --set out"),
        ((), "Name what to score"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_asked(
    world: worlds.World, trained_with: DatasetVersion, arguments: tuple[str, ...], told: str
) -> None:
    with pytest.raises(CommandError, match=told):
        score(world, *arguments)
    assert not Job.objects.exists()


def test_without_a_baseline_the_command_says_how_to_make_one(world: worlds.World) -> None:
    with pytest.raises(CommandError, match="has no baseline; score its base model first: --model 1"):
        tuned(world)
    assert ModelVersion.objects.count() == 2
