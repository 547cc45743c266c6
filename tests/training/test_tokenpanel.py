"""What the page of a frozen set shows of an item: the trainer's tokens of a training set, only the prompt of a test set."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from annotation.models import DatasetItem, DatasetVersion
from training.tokenpanel import token_panel

pytestmark = pytest.mark.django_db(transaction=True)


def first_item(version: DatasetVersion) -> DatasetItem:
    return version.items.order_by("position")[0]


def test_a_training_item_has_its_answer_marked_and_says_that_choices_may_weigh_more(world: Any) -> None:
    item = first_item(world.training_set)
    panel = token_panel(item)
    assert panel and panel.title == "As the trainer sees it"
    marked = "".join(piece.text for piece in panel.pieces if piece.trained)
    assert marked.startswith(item.content["completion"]) and "trained and marked" in panel.note
    assert "those of choice fields weigh more where a run sets so" in panel.note


def test_a_test_item_shows_what_the_model_is_asked_and_nothing_of_training(world: Any) -> None:
    item = first_item(world.evaluation_set)
    panel = token_panel(item)
    assert panel and panel.title == "As the model is asked"
    [prompt] = panel.pieces
    assert not prompt.trained and item.content["messages"][-1]["content"] in prompt.text
    assert item.content["completion"] not in prompt.text and "train" not in panel.note
    page = world.cast.client("ada").get(
        reverse("annotation:dataset", args=[world.project.slug, item.version.kind, item.version.number])
    )
    assert "As the model is asked" in page.content.decode() and "trained and marked" not in page.content.decode()
