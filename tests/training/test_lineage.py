"""From a scorecard and from a model back to what they were made of, each step one click."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.models import DatasetVersion
from evaluation.models import Scorecard
from evaluation.scorecards.cardpage import Station, page_of
from ftplatform import lineage as walk
from tests.evaluation import world as worlds
from training.models import TrainingRun
from training.plan import RunPlan

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make_world(items=6)


def trained(world: worlds.World, baseline: Scorecard) -> TrainingRun:
    """The run that made the candidate."""
    quantiles = {"least": 1, "median": 1, "p95": 1, "most": 1}
    card = {"groups": 6, "neutralised": 0, "prompt_characters": quantiles, "completion_characters": quantiles}
    training_set = DatasetVersion.objects.create(
        project=world.project, kind="sft", number=4, hash="4" * 64, task_revision=world.project.task_revision,
        evaluation_set=world.evaluation_set, counts={"train": 1}, card=card,
    )  # fmt: skip
    return TrainingRun.objects.create(
        project=world.project, number=3, task_revision=world.project.task_revision, dataset_version=training_set,
        base_version=world.base, baseline=baseline, hyperparameters=RunPlan().model_dump(mode="json"), model_version=world.tuned,
    )  # fmt: skip


def stations(card: Scorecard) -> dict[str, Station]:
    return {one.name: one for one in page_of(card).lineage}


def href(world: worlds.World, name: str, *arguments: Any) -> str:
    return reverse(name, args=[world.project.slug, *arguments])


def test_a_scorecard_leads_to_the_run_its_dataset_and_the_test_set(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    assert card.baseline
    trained(world, card.baseline)
    found = stations(card)
    assert list(found) == [
        "Test set", worlds.BASE_NAME, "Baseline", "Training set 4", "Training run 3", worlds.TUNED_NAME, "Generation run 2", "No ratings",
        str(card),
    ]  # fmt: skip
    assert found["Test set"].href == href(world, "annotation:dataset", "evaluation", 1)
    assert found["Training set 4"].href == href(world, "annotation:dataset", "sft", 4)
    assert found["Training run 3"].href == href(world, "training:run", 3)
    assert found["Baseline"].href == href(world, "evaluation:scorecard", card.baseline.number)
    client = Client()
    client.force_login(world.admin)
    page = client.get(href(world, "evaluation:scorecard", card.number)).content.decode()
    for name in ("Test set", "Training set 4", "Training run 3"):
        assert f'<a href="{found[name].href}">{name}</a>' in page


def test_the_baseline_of_the_run_is_named_where_the_card_has_another(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    earlier = card.baseline
    assert earlier
    other = Scorecard.objects.create(
        project=world.project, number=9, kind=Scorecard.Kind.BASELINE, task_revision=card.task_revision,
        evaluation_set=card.evaluation_set, base_model=world.base, generation_run=earlier.generation_run, content=earlier.content,
        content_hash="-",
    )  # fmt: skip
    trained(world, other)
    found = stations(card)
    assert found["Baseline"].href == href(world, "evaluation:scorecard", earlier.number)
    assert found["Baseline of the run"].href == href(world, "evaluation:scorecard", 9)


def test_a_candidate_that_no_run_made_has_no_run(world: worlds.World) -> None:
    found = stations(worlds.make_scorecard(world))
    assert not any("Training" in name for name in found)


def test_a_models_page_links_the_run_and_its_dataset(world: worlds.World) -> None:
    card = worlds.make_baseline(world)
    run = trained(world, card)
    client = Client()
    client.force_login(world.admin)
    page = client.get(href(world, "inference:model", world.tuned.number)).content.decode()
    assert f'<a href="{href(world, "annotation:dataset", "sft", 4)}">Training set 4</a>' in page
    assert f'<a href="{href(world, "training:run", run.number)}">Run 3</a>' in page
    assert f"held against {str(card).lower()}" in page


def lineage(world: worlds.World, of: str, user: Any = None) -> Any:
    client = Client()
    client.force_login(user or world.admin)
    return client.get(f"/api/v1/projects/{world.project.slug}/lineage/", {"of": of})


@pytest.fixture
def made(world: worlds.World) -> dict[str, str]:
    """Everything from the test set to the scorecard, by a name for this test."""
    card = worlds.make_scorecard(world)
    assert card.baseline
    run = trained(world, card.baseline)
    campaign = worlds.open_campaign(world, items=4)
    return {
        "test set": f"dataset-version:{world.evaluation_set.pk}",
        "training set": f"dataset-version:{run.dataset_version_id}",
        "base": f"model-version:{world.base.pk}",
        "tuned": f"model-version:{world.tuned.pk}",
        "baseline run": f"generation-run:{world.baseline_run.pk}",
        "tuned run": f"generation-run:{world.tuned_run.pk}",
        "baseline": f"scorecard:{card.baseline.pk}",
        "card": f"scorecard:{card.pk}",
        "training": f"training-run:{run.pk}",
        "campaign": f"campaign:{campaign.pk}",
    }


def sides(answer: Any, made: dict[str, str]) -> dict[str, set[str]]:
    names = {key: name for name, key in made.items()}
    found: dict[str, set[str]] = {"above": set(), "this": set(), "below": set()}
    for node in answer.json()["nodes"]:
        found[node["side"]].add(names[node["key"]])
    return found


def test_a_model_is_walked_up_to_its_rows_and_down_to_its_scorecard(world: worlds.World, made: dict[str, str]) -> None:
    answer = lineage(world, made["tuned"])
    assert answer.status_code == 200
    above = {"training", "training set", "base", "baseline", "baseline run", "test set"}
    assert sides(answer, made) == {"above": above, "this": {"tuned"}, "below": {"tuned run", "campaign", "card"}}
    edges = {(edge["before"], edge["after"]) for edge in answer.json()["edges"]}
    chain = ["training set", "training", "tuned", "tuned run", "card"]
    assert {(made[one], made[other]) for one, other in pairwise(chain)} <= edges
    nodes = {node["key"]: node for node in answer.json()["nodes"]}
    assert nodes[made["training"]]["title"] == "Training run 3"
    assert nodes[made["training"]]["url"] == href(world, "training:run", 3)
    assert all(Client().get(node["url"]).status_code == 302 for node in nodes.values()), "pages that ask to sign in"
    assert answer.json()["is_cut"] is False


def test_a_ticket_is_walked_down_to_what_became_of_it_and_never_up_to_all_others(
    world: worlds.World, made: dict[str, str]
) -> None:
    item = world.evaluation_set.items.first()
    assert item
    down = lineage(world, f"ticket:{item.example_id}").json()
    assert {node["key"] for node in down["nodes"] if node["side"] == "below"} >= {made["test set"], made["card"]}
    up = sides(lineage(world, made["test set"]), made)
    assert up["above"] == set() and {"training set", "baseline", "card"} <= up["below"]


def test_nothing_of_another_project_is_walked(world: worlds.World, made: dict[str, str]) -> None:
    other = worlds.make_world("other", items=2, admin="olga")
    assert lineage(world, f"model-version:{other.base.pk}").status_code == 404
    assert lineage(world, made["base"], user=other.admin).status_code == 404
    assert (
        lineage(other, f"model-version:{other.base.pk}", user=other.admin)
        .json()["nodes"][-1]["url"]
        .startswith("/projects/other/")
    )


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ("", "There is no lineage of ''"),
        ("model:3", "model-version"),
        ("model-version:x", "stands the id of one, not 'x'"),
    ],
)
def test_what_is_no_key_is_refused_with_what_would_be(world: worlds.World, of: str, told: str) -> None:
    answer = lineage(world, of)
    assert answer.status_code in (400, 422) and told in answer.json()["detail"]


def test_a_walk_that_would_be_too_long_says_that_it_was_cut(
    world: worlds.World, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftplatform.lineage.MOST", 2)
    answer = lineage(world, made["base"]).json()
    assert answer["is_cut"] is True
    assert [node["side"] for node in answer["nodes"]] == ["this", "below", "below"]
    keys = {node["key"] for node in answer["nodes"]}
    assert answer["edges"] and all({edge["before"], edge["after"]} <= keys for edge in answer["edges"])


def test_the_walk_asks_once_for_each_step(world: worlds.World, made: dict[str, str]) -> None:
    with CaptureQueriesContext(connection) as captured:
        found = walk.lineage_of(world.project, walk.Key.read(made["tuned"]))
    assert len(found.above) == 6 and len(captured) <= 8
