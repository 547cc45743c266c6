"""Between the bench's form and a rating: what was entered, as services take it, and what was entered, as the form shows it.

Made from `blinding.payload` alone, so that nothing else about an answer can reach the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.datastructures import MultiValueDictKeyError

from evaluation.models import Rating
from evaluation.services.ratingchecks import CANNOT_JUDGE, mapping

FREE_KEYS = "dwptefgijkqsvxyz"
"""Letters that no other key of the bench uses (templates/evaluation/rate.html)."""


@dataclass(frozen=True)
class Step:
    number: int
    anchor: str
    is_chosen: bool


@dataclass(frozen=True)
class HarmKind:
    """A kind of harm with the key that chooses it."""

    name: str
    title: str
    cap: str
    is_chosen: bool


@dataclass(frozen=True)
class Cell:
    """One dimension of one answer."""

    field: str
    title: str
    question: str
    steps: tuple[Step, ...]
    is_now: bool
    harm_field: str
    """Name of the harm tick, empty where the dimension asks for none."""
    is_harmful: bool
    harm_kinds: tuple[HarmKind, ...]

    @property
    def ends(self) -> tuple[str, str]:
        return self.steps[0].anchor, self.steps[-1].anchor


@dataclass(frozen=True)
class Answer:
    key: str
    text: str
    cells: tuple[Cell, ...]
    cannot: str
    """Why it cannot be judged; empty where it can."""

    @property
    def low(self) -> str:
        return self.key.lower()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Those that the form offers: the usual ones, and what another client gave."""
        return tuple(dict.fromkeys((*CANNOT_JUDGE, *filter(None, [self.cannot]))))


@dataclass(frozen=True)
class Bench:
    answers: tuple[Answer, ...]
    comment: str
    preference: str
    spans: str
    """The marks as JSON, as static/evaluation/marks.js reads and writes them."""


def entered(post: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """The form's fields as an answer (`services.submit_rating`) that also tells the form's own state for a draft.

    A scale that was not touched is left out; an answer that cannot be judged has null on every dimension and its reason.
    """
    names = [dimension["name"] for dimension in shown["dimensions"]]
    scores: dict[str, dict[str, int | None]] = {}
    harm: dict[str, bool] = {}
    harm_category: dict[str, str] = {}
    cannot: dict[str, str] = {}
    for letter in (answer["key"] for answer in shown["answers"]):
        low = letter.lower()
        if _one(post, f"{low}-cannot"):
            cannot[letter] = _one(post, f"{low}-why").strip() or CANNOT_JUDGE[0]
            scores[letter] = dict.fromkeys(names)
        else:
            given = {name: _one(post, f"{low}-{name}") for name in names}
            scores[letter] = {name: int(value) for name, value in given.items() if value in ("1", "2", "3", "4", "5")}
        is_harmful = bool(_one(post, f"{low}-harm"))
        if is_harmful or letter not in cannot:
            harm[letter] = is_harmful
        if is_harmful and (kind := _one(post, f"{low}-harm-kind")):
            harm_category[letter] = kind
    comment = _one(post, "comment").strip()
    return {
        "scores": scores,
        "harm": harm,
        "harm_category": harm_category,
        "preference": _one(post, "preference"),
        "spans": _spans(_one(post, "spans")),
        "reason": comment,
        "seconds": _number(_one(post, "seconds")),
        "cannot": cannot,
        "comment": comment,
    }


def of_rating(rating: Rating) -> dict[str, Any]:
    """A stored rating as the form's state, so that it can be revised. The form judges an answer on every dimension or on none."""
    unjudged = {letter for letter, row in rating.scores.items() if set(row.values()) == {None}}
    return {
        "scores": rating.scores,
        "harm": rating.harm,
        "harm_category": rating.harm_category,
        "preference": rating.preference,
        "spans": rating.spans,
        "cannot": {letter: why for letter, why in rating.cannot.items() if letter in unjudged},
        "comment": rating.reason,
    }


def bench(shown: Mapping[str, Any], state: Any) -> Bench:
    """The payload of an item with what was entered so far. state: a draft (any JSON, also from another client) or a rating."""
    state = mapping(state)
    scores, harm, kinds, cannot = (mapping(state.get(name)) for name in ("scores", "harm", "harm_category", "cannot"))
    now = _first_open(shown, scores, cannot)
    answers = []
    for answer in shown["answers"]:
        letter = answer["key"]
        row = mapping(scores.get(letter))
        cells = tuple(
            _cell(
                letter,
                one,
                row.get(one["name"]),
                now == (letter, one["name"]),
                harm.get(letter) is True,
                _harm_kinds(shown, kinds.get(letter)),
            )
            for one in shown["dimensions"]
        )
        answers.append(Answer(letter, answer["text"], cells, str(cannot.get(letter) or "")))
    spans = state.get("spans")
    return Bench(
        answers=tuple(answers),
        comment=str(state.get("comment") or ""),
        preference=str(state.get("preference") or ""),
        spans=json.dumps(spans if isinstance(spans, list) else []),
    )


def _first_open(
    shown: Mapping[str, Any], scores: Mapping[str, Any], cannot: Mapping[str, Any]
) -> tuple[str, str] | None:
    """(letter, dimension) that digits go to: the first without a score, or the first that has one when all are there."""
    judged = [
        (answer["key"], one["name"])
        for answer in shown["answers"]
        if not cannot.get(answer["key"])
        for one in shown["dimensions"]
    ]
    open_ones = [cell for cell in judged if mapping(scores.get(cell[0])).get(cell[1]) is None]
    return next(iter(open_ones or judged), None)


def _harm_kinds(shown: Mapping[str, Any], chosen: Any) -> tuple[HarmKind, ...]:
    """Each kind with a letter of its own title where one is free, and any free letter where none is."""
    free = list(FREE_KEYS)
    kinds = []
    for kind in shown.get("harm_categories", ()):
        cap = next((letter for letter in kind["title"].lower() if letter in free), free[0])
        free.remove(cap)
        kinds.append(HarmKind(kind["name"], kind["title"], cap, kind["name"] == chosen))
    return tuple(kinds)


def _cell(
    letter: str,
    dimension: Mapping[str, Any],
    chosen: Any,
    is_now: bool,
    is_harmful: bool,
    kinds: tuple[HarmKind, ...],
) -> Cell:
    low = letter.lower()
    return Cell(
        field=f"{low}-{dimension['name']}",
        title=dimension["title"],
        question=dimension["question"],
        steps=tuple(Step(int(at), text, chosen == int(at)) for at, text in dimension["anchors"].items()),
        is_now=is_now,
        harm_field=f"{low}-harm" if dimension["asks_harm"] else "",
        is_harmful=is_harmful,
        harm_kinds=kinds,
    )


def _one(post: Mapping[str, Any], name: str) -> str:
    try:
        return str(post[name])
    except (KeyError, MultiValueDictKeyError):
        return ""


def _spans(text: str) -> Any:
    """What the page's script wrote; the service checks each mark."""
    try:
        return json.loads(text or "[]")
    except ValueError:
        return []


def _number(text: str) -> float | None:
    try:
        return round(float(text), 1)
    except ValueError:
        return None
