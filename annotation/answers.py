"""From what a browser's form holds to a task's values, and back: the labeler's page, revisions and reviews share it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, assert_never

from annotation.models import Suggestion
from annotation.numbers import read_number
from ftplatform.errors import Refused
from ftplatform.projects.spec import RATINGS, Choice, TaskField, TaskSpec

NOTE, UNSURE = "~note", "~unsure"
"""Where a draft keeps the note and the doubt beside the values; no field can have these names."""

INPUT = "f-"
"""Stands before a field's name in the form: a task may name its fields `note`, `lease` or `unsure`, as the page names its own inputs."""

MANY_CHOICES = 9


class FormData(Protocol):
    """Django's QueryDict, as far as it is needed here."""

    def get(self, key: str, default: Any, /) -> Any: ...
    def getlist(self, key: str, /) -> list[Any]: ...


@dataclass(frozen=True)
class Option:
    """One choice on the page. key: what chooses it, or nothing. suggested: the score that speaks for it as text."""

    choice: Choice
    key: str
    is_chosen: bool
    is_suggested: bool
    score: float | None


@dataclass
class AnswerField:
    """A field as the page shows it: what stands in it, what is proposed, what is wrong with it."""

    spec: TaskField
    value: Any = None
    error: str = ""
    options: list[Option] = field(default_factory=list)
    suggestion: Suggestion | None = None
    takes_turns: bool = False
    """Whether keys choose here only while it is the current field: so where several fields have keys."""
    is_current: bool = False

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def input_name(self) -> str:
        return INPUT + self.spec.name

    @property
    def heading(self) -> str:
        return self.spec.heading

    @property
    def has_many(self) -> bool:
        return len(self.options) > MANY_CHOICES

    @property
    def is_chosen(self) -> bool:
        return self.spec.kind in ("choice", "multi", "rating")

    @property
    def control(self) -> str:
        return "checkbox" if self.spec.kind == "multi" else "radio"

    @property
    def text(self) -> str:
        if self.value is None:
            return ""
        if self.spec.kind == "spans" and not isinstance(self.value, str):
            return json.dumps(self.value, ensure_ascii=False)
        return str(self.value)


def from_form(spec: TaskSpec, data: FormData) -> tuple[dict[str, Any], dict[str, str]]:
    """(values, errors by field). Fields that are empty or not asked for these answers are left out of the values; a text loses
    the white space around it, since no codec would read that back."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for one in spec.fields:
        if not spec.is_asked(one, values):
            continue
        try:
            value = _value(one, data)
        except ValueError as error:
            values[one.name], errors[one.name] = (data.get(INPUT + one.name, "") or ""), str(error)
            continue
        if value not in (None, "", []):
            values[one.name] = value
    return values, errors


def missing(spec: TaskSpec, values: Mapping[str, Any]) -> dict[str, str]:
    """Every field that is asked, required and empty, with the sentence that stands at it: all at once, not one by one."""
    return {
        one.name: f"{one.heading} is required."
        for one in spec.fields
        if one.required and spec.is_asked(one, dict(values)) and one.name not in values
    }


def told(spec: TaskSpec, values: Mapping[str, Any], errors: dict[str, str], refused: Refused) -> dict[str, str]:
    """What the page says where, after a refusal: the form's own errors, what is missing, and the service's words."""
    said = {**missing(spec, values), **{error.field: error.message for error in refused.errors}, **errors}
    return said or {"": refused.message}


def _value(one: TaskField, data: FormData) -> Any:
    if one.kind == "multi":  # ticks, and no text
        given = set(data.getlist(INPUT + one.name))
        return [label for label in one.labels if label in given] + sorted(given - set(one.labels))
    text = (data.get(INPUT + one.name, "") or "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        return text
    match one.kind:
        case "choice" | "text":
            return text
        case "spans":
            try:
                return json.loads(text)
            except json.JSONDecodeError as error:
                raise ValueError(f"{one.heading}: this is not a list of spans (column {error.colno}).") from error
        case "number" | "rating":
            try:
                return read_number(text)
            except ValueError as error:
                raise ValueError(f"{one.heading}: {error}.") from error
        case kind:
            assert_never(kind)


def fields_for(
    spec: TaskSpec,
    values: Mapping[str, Any],
    *,
    suggestions: list[Suggestion] = [],  # noqa: B006 - never written
    errors: Mapping[str, str] | None = None,
) -> list[AnswerField]:
    """The task's fields with what stands in them. Where several have keys they take turns, the first of them first."""
    best: dict[str, Suggestion] = {}
    for suggestion in sorted(suggestions, key=lambda one: one.score or 0):
        best[suggestion.field] = suggestion
    made: list[AnswerField] = []
    for one in spec.fields:
        shown = AnswerField(one, values.get(one.name), (errors or {}).get(one.name, ""), suggestion=best.get(one.name))
        choices = one.choices if one.kind != "rating" else tuple(Choice(value=str(n)) for n in RATINGS)
        keys = one.hotkeys()
        shown.options = [_option(choice, keys.get(choice.value, ""), shown) for choice in choices]
        made.append(shown)
    with_keys = [shown for shown in made if shown.is_chosen]
    if len(with_keys) > 1:
        for shown in with_keys:
            shown.takes_turns, shown.is_current = True, shown is with_keys[0]
    return made


def _option(choice: Choice, key: str, shown: AnswerField) -> Option:
    given, proposed = shown.value, shown.suggestion.value if shown.suggestion else None

    def holds(value: Any) -> bool:
        return choice.value in value if isinstance(value, list) else value is not None and choice.value == str(value)

    score = shown.suggestion.score if shown.suggestion else None
    return Option(choice, key, holds(given), holds(proposed), score)
