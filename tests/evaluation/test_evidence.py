"""What a scorecard takes for evidence: which rules, which ratings, which answers, at what confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from evaluation.scoring import automatic, content
from evaluation.scoring.rules import Rules
from inference.models import Generation
from tests.evaluation import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make_world()


def fail(world: worlds.World, k: int) -> None:
    rows = Generation.objects.filter(cell__run=world.tuned_run).values_list("pk", flat=True)[:k]
    failed = {"finish_reason": "error", "output": "", "values": {}, "parse": {"desk": "failed", "reply": "failed"}}
    Generation.objects.filter(pk__in=list(rows)).update(**failed, error="The server is down.")


def test_failed_generations_are_counted_told_and_ship_nothing() -> None:
    world = worlds.make_world(rules=Rules(primary="desk.accuracy", smallest_effect=0.01, margins={}), base_right=0.1)
    fail(world, 3)
    card = worlds.make_scorecard(world)
    (failures,) = card.content["failures"]
    assert (failures["k"], failures["n"], failures["model"]) == (3, 24, worlds.TUNED_NAME)
    assert any("3 of 24 of lora of run 1" in threat for threat in card.content["threats"])
    assert card.verdict == "undecided"
    client = Client()
    client.force_login(world.admin)
    page = client.get(reverse("evaluation:scorecard", args=[world.project.slug, card.number])).content.decode()
    assert "Failed and scored as wrong" in page


def test_without_failures_nothing_is_said_of_them(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    assert card.content["failures"] == [] and "Failed generations" not in [one["rule"] for one in card.content["rules"]]


def test_intervals_of_metrics_have_the_confidence_of_the_rules() -> None:
    def delta(slug: str, confidence: float) -> Any:
        rules = Rules(confidence=confidence, primary="desk.accuracy", margins={})
        card = worlds.make_scorecard(worlds.make_world(slug, admin=f"ada-{slug}", rules=rules))
        row = next(one for one in card.content["comparisons"] if one["name"] == "desk.accuracy")
        assert card.content["confidence"] == confidence
        return row["delta"]["ci"], row["base"]["ci"], card.content["sentence"]

    wide, base_wide, _ = delta("wide", 0.99)
    narrow, base_narrow, sentence = delta("narrow", 0.8)
    assert wide[0] < narrow[0] < narrow[1] < wide[1] and base_wide[1] > base_narrow[1]
    assert "80 % interval" in sentence


def test_where_lower_is_better_the_most_improved_are_those_that_fell() -> None:
    def scored(values: list[float]) -> automatic.Scored:
        figure = content.Figure(value=sum(values) / len(values), n=len(values))
        return automatic.Scored(
            "n.error", "n", "error", figure, "lower", 1.0, (0.0, float("inf")), "", np.array(values), None, None
        )

    test = automatic.TestSet(worlds.SPEC, [1, 2, 3], [{}] * 3, [{}] * 3, ["a", "b", "c"])
    improved, worse = automatic.extremes(test, scored([0, 10, 5]), scored([10, 0, 5]))
    assert [(one.item, one.difference) for one in improved] == [(2, -10)]
    assert [(one.item, one.difference) for one in worse] == [(1, 10)]
