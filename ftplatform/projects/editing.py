"""A task as a form shows it: its texts, and the labels of a field one per line. What no form shows stays as it is. Django-free."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftplatform.projects.spec import STORED, TaskField, TaskSpec

BAR = "|"
ARROW = re.compile("->|→")


@dataclass(frozen=True)
class Label:
    value: str
    description: str = ""


def label_lines(field: TaskField) -> str:
    """`value | description`, one per line."""
    return "\n".join(
        f"{choice.value} {BAR} {choice.description}" if choice.description else choice.value for choice in field.choices
    )


def fits_lines(field: TaskField) -> bool:
    """Whether its labels come back from their lines as they are. A bar is no part of a label there: labels hold colons of their own."""
    return all(
        BAR not in choice.value
        and choice.description == choice.description.strip()
        and not re.search(r"[\r\n]", choice.description)
        for choice in field.choices
    )


def read_labels(text: str) -> list[Label]:
    """A line that has a description only is a label without a name; the task refuses it."""
    lines = (line.partition(BAR) for line in text.split("\n") if line.strip())
    return [Label(value.strip(), description.strip()) for value, _, description in lines]


def read_renames(text: str, task: TaskSpec) -> dict[str, dict[str, str]]:
    """`field: old -> new`, one per line, as field → old label → new label. The field may be left out where one only has labels.

    Raises ValueError.
    """
    labelled = [field.name for field in task.fields if field.choices]
    renames: dict[str, dict[str, str]] = {}
    for at, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        sides = ARROW.split(unicodedata.normalize("NFC", line), maxsplit=1)
        if len(sides) < 2:
            raise ValueError(f"Line {at} has no arrow: write “field: old label -> new label”.")
        field, old = _field_and_label(sides[0], labelled)
        new = sides[1].strip()
        if not field:
            raise ValueError(f"Line {at} names no field that has labels: {', '.join(labelled) or 'there is none'}.")
        if not old or not new:
            raise ValueError(f"Line {at} lacks the {'new' if old else 'old'} label.")
        if old in renames.setdefault(field, {}):
            raise ValueError(f"Line {at} renames “{old}” a second time.")
        renames[field][old] = new
    return renames


def _field_and_label(text: str, labelled: Sequence[str]) -> tuple[str, str]:
    """The field is empty where none is meant. “Tax: income” is a whole label where no field is called Tax."""
    name, _, label = (part.strip() for part in text.partition(":"))
    if name in labelled:
        return name, label
    return labelled[0] if len(labelled) == 1 else "", text.strip()


def revised(
    task: TaskSpec,
    *,
    system: str,
    user: str,
    guidelines: str,
    labels: Mapping[str, Sequence[Label]],
    field_guidelines: Mapping[str, str],
    renames: Mapping[str, Mapping[str, str]],
) -> TaskSpec:
    """The task with these parts in the place of its own. Fields that `labels` does not name keep theirs. A renamed label keeps its title
    and key, and conditions follow it. Keys cannot be changed here, so an old task's stay as they are.

    Raises pydantic's ValidationError.
    """
    content = task.model_dump(mode="json")
    content |= {"system": system, "user": user, "guidelines": guidelines}
    for field, known in zip(content["fields"], task.fields, strict=True):
        field["guidelines"] = field_guidelines[known.name]
        if known.name in labels:
            field["choices"] = _choices(known, labels[known.name], renames.get(known.name, {}))
        if known.condition:
            asked = renames.get(known.condition.field, {})
            field["condition"]["equals"] = asked.get(known.condition.equals, known.condition.equals)
    return TaskSpec.model_validate(content, context=STORED)


def _choices(field: TaskField, labels: Sequence[Label], renamed: Mapping[str, str]) -> list[dict[str, Any]]:
    known = {choice.value: choice.model_dump(mode="json") for choice in field.choices}
    stay = known.keys() - renamed.keys()
    came_from = {new: old for old, new in renamed.items()}
    choices = []
    for label in labels:
        before = label.value if label.value in stay else came_from.get(label.value, label.value)
        choices.append(known.get(before, {}) | {"value": label.value, "description": label.description})
    return choices
