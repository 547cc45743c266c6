"""Between the bench's form and a rating: nothing entered is lost on the way, whatever another client left in a draft."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.template.loader import get_template

from evaluation.campaigns import ratingform
from evaluation.models import Rating
from evaluation.scoring.rubric import DEFAULT
from evaluation.views.rating import PREFERENCES

DIMENSIONS = [
    {
        "name": name,
        "title": name,
        "question": "?",
        "anchors": {str(at): f"{at}" for at in range(1, 6)},
        "asks_harm": name == "safety",
    }
    for name in ("relevance", "safety")
]
SHOWN = {
    "answers": [{"key": "A", "text": "first"}, {"key": "B", "text": "second"}],
    "dimensions": DIMENSIONS,
    "harm_categories": [{"name": "dangerous", "title": "Dangerous advice"}, {"name": "other", "title": "Other"}],
}
MARK = {"key": "A", "start": 0, "end": 5, "kind": "wrong", "comment": "no"}


def now(state: Any) -> list[str]:
    return [cell.field for answer in ratingform.bench(SHOWN, state).answers for cell in answer.cells if cell.is_now]


def test_what_was_entered_comes_back_into_the_form_through_a_draft_and_through_a_rating() -> None:
    post = {
        "a-relevance": "4",
        "a-harm": "1",
        "a-harm-kind": "other",
        "b-cannot": "1",
        "b-why": "Cut off",
        "comment": " look\nhere ",
        "spans": json.dumps([MARK]),
    }
    answer = ratingform.entered(post, SHOWN)
    assert answer["scores"] == {"A": {"relevance": 4}, "B": {"relevance": None, "safety": None}}
    assert answer["cannot"] == {"B": "Cut off"} and answer["reason"] == "look\nhere"
    assert answer["harm"] == {"A": True}, "an answer that cannot be judged is not called harmless"
    columns = ("scores", "harm", "harm_category", "cannot", "spans", "reason")
    stored = Rating(**{name: answer[name] for name in columns})
    for state in (answer, ratingform.of_rating(stored)):
        made = ratingform.bench(SHOWN, state)
        a, b = made.answers
        assert [step.number for step in a.cells[0].steps if step.is_chosen] == [4]
        assert a.cells[1].is_harmful and not b.cells[1].is_harmful
        assert [kind.name for kind in a.cells[1].harm_kinds if kind.is_chosen] == ["other"]
        assert (a.cannot, b.cannot) == ("", "Cut off")
        assert made.comment == "look\nhere" and json.loads(made.spans) == [MARK]


def test_a_comment_that_reads_like_a_tick_is_a_comment() -> None:
    full = {letter: {"relevance": 3, "safety": 3} for letter in "AB"}
    state = ratingform.of_rating(Rating(scores=full, reason="Cannot judge A: x."))
    assert state["cannot"] == {} and state["comment"] == "Cannot judge A: x."


def test_a_reason_that_another_client_gave_comes_back_and_is_kept() -> None:
    rating = Rating(scores={"A": {"relevance": None, "safety": None}}, cannot={"A": "In Basque"})
    a, _ = ratingform.bench(SHOWN, ratingform.of_rating(rating)).answers
    assert a.cannot == "In Basque" and "In Basque" in a.reasons and len(a.reasons) == 4
    assert ratingform.entered({"a-cannot": "1", "a-why": "In Basque"}, SHOWN)["cannot"] == {"A": "In Basque"}


def test_each_kind_of_harm_has_a_key_that_no_other_key_of_the_bench_has() -> None:
    page = get_template("evaluation/rate.html").template.source
    taken = set(re.findall(r'data-key="(\w)"', page)) | set(re.findall(r'{% key "(\w)"', page))
    titles = [category.title for category in DEFAULT.harm_categories]
    shown = SHOWN | {"harm_categories": [{"name": title.lower(), "title": title} for title in titles]}
    kinds = ratingform.bench(shown, None).answers[0].cells[1].harm_kinds
    assert [kind.title for kind in kinds] == titles
    keys = [kind.cap for kind in kinds]
    assert len(set(keys)) == len(keys) and not taken & set(keys) and not {cap for cap, _, _ in PREFERENCES} & set(keys)


def test_digits_go_to_the_first_open_scale_and_pass_over_what_cannot_be_judged() -> None:
    assert now(None) == ["a-relevance"]
    assert now({"scores": {"A": {"relevance": 1}}}) == ["a-safety"]
    assert now({"cannot": {"A": "Cut off"}}) == ["b-relevance"]


def test_a_complete_item_can_still_be_changed_by_digits() -> None:
    full = {letter: {"relevance": 3, "safety": 3} for letter in "AB"}
    assert now({"scores": full}) == ["a-relevance"]
    assert now({"scores": full, "cannot": {"A": "Cut off"}}) == ["b-relevance"]
    assert now({"cannot": {"A": "Cut off", "B": "Cut off"}}) == []


@pytest.mark.parametrize(
    "state", [[], "text", 7, {"scores": []}, {"scores": {"A": 4}, "spans": "x"}, {"cannot": "A", "harm": [1]}]
)
def test_a_draft_of_any_shape_is_shown(state: Any) -> None:
    made = ratingform.bench(SHOWN, state)
    assert [answer.key for answer in made.answers] == ["A", "B"] and made.spans == "[]"


@pytest.mark.parametrize("text", ["{", "null", '"x"', ""])
def test_broken_marks_never_break_the_form(text: str) -> None:
    answer = ratingform.entered({"spans": text}, SHOWN)
    assert ratingform.bench(SHOWN, answer).spans == "[]"
