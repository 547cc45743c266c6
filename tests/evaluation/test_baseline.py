"""A baseline that is not beaten too easily: the base model is shown examples, and answers that need no model stand beside it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Example, Split
from evaluation import services
from ftplatform.projects import counters
from inference.models import Generation, GenerationRun
from tests.evaluation import world as worlds

pytestmark = pytest.mark.django_db

TOO_EASILY = "A candidate beats this baseline too easily"


@pytest.fixture
def world() -> worlds.World:
    return worlds.make_world()


@pytest.fixture
def without_train(world: worlds.World) -> worlds.World:
    """Nobody has drawn the splits yet, and the base model was asked without examples."""
    parted = Example.objects.filter(project=world.project, split=Split.TRAIN).update(split=None)
    counters.add(world.project.pk, "split:train", -parted)
    _ask_nothing_with_examples(world)
    return world


def _ask_nothing_with_examples(world: worlds.World) -> None:
    Generation.objects.filter(cell__run=world.baseline_run, cell__condition__shots__gt=0).delete()
    world.baseline_run.cells.filter(condition__shots__gt=0).delete()


def asked(world: worlds.World) -> list[str]:
    """The conditions of a baseline that is asked for now."""
    services.request_baseline(evaluation_set=world.evaluation_set, base_model=world.base, shots=2, by=world.by)
    newest = GenerationRun.objects.filter(project=world.project).latest("number")
    return [cell.condition.name for cell in newest.cells.order_by("pk")]


def page(world: worlds.World, name: str) -> str:
    client = Client()
    client.force_login(world.admin)
    return client.get(reverse(name, args=[world.project.slug])).content.decode()


def test_the_base_model_is_shown_training_tickets(world: worlds.World) -> None:
    assert asked(world) == ["zero-shot", "2-shot", "constrained", "constrained-calibrated"]
    assert "No ticket is in the training split" not in page(world, "evaluation:baseline")


def test_answers_that_need_no_model_stand_beside_it(world: worlds.World) -> None:
    card = worlds.make_baseline(world)
    assert [one["name"] for one in card.content["trivial"]] == ["majority", "most-similar"]
    assert not any(TOO_EASILY in threat for threat in card.content["threats"])
    assert "measured without training tickets" not in page(world, "projects:home")


def test_without_training_tickets_page_card_and_lamp_say_what_is_missing(without_train: worlds.World) -> None:
    world = without_train
    assert asked(world) == ["zero-shot", "constrained", "constrained-calibrated"]
    assert "No ticket is in the training split" in page(world, "evaluation:baseline")
    card = worlds.make_baseline(world)
    assert card.content["trivial"] == [] and TOO_EASILY in card.content["threats"][0]
    assert "measured without training tickets" in page(world, "projects:home")


def test_a_baseline_asked_without_examples_says_so(world: worlds.World) -> None:
    _ask_nothing_with_examples(world)
    assert "shown no examples (k-shot)" in worlds.make_baseline(world).content["threats"][0]


def test_a_choice_that_stands_second_is_said_to_lack_the_constrained_condition() -> None:
    desk, reply = worlds.SPEC.fields
    world = worlds.make_world(spec=worlds.SPEC.model_copy(update={"fields": (reply, desk)}))
    assert asked(world) == ["zero-shot", "2-shot"]
    told = "Desk has no constrained condition"
    assert "Desk: asked freely only." in page(world, "evaluation:baseline")
    assert any(threat.startswith(told) for threat in worlds.make_baseline(world).content["threats"])
    assert any(threat.startswith(told) for threat in worlds.make_scorecard(world).content["threats"])


def test_a_choice_that_stands_first_lacks_nothing(world: worlds.World) -> None:
    assert "asked freely only" not in page(world, "evaluation:baseline")
    assert not any("no constrained condition" in threat for threat in worlds.make_scorecard(world).content["threats"])


def test_nothing_is_said_of_likelihoods_that_an_address_never_gives() -> None:
    desk, reply = worlds.SPEC.fields
    world = worlds.make_world(spec=worlds.SPEC.model_copy(update={"fields": (reply, desk)}))
    type(world.base).objects.filter(pk=world.base.pk).update(source="remote", files=None)
    world.base.refresh_from_db()
    assert not any("no constrained condition" in threat for threat in worlds.make_baseline(world).content["threats"])
