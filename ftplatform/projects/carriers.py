"""What hangs on a project's task: answers and labels that rooms above keep. Each registers a carrier, and a new revision asks it first.
A rule refuses a task that a room could never use, even where nothing was answered yet.

A revision that existing answers contradict is refused with counts, unless renames say which label became which; then the room writes its
answers anew under it, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from ftplatform.errors import Conflict, FieldError, Refused
from ftplatform.projects.models import Project, TaskRevision
from ftplatform.projects.spec import TaskSpec

Renames = Mapping[str, Mapping[str, str]]
"""Field → old label → new label."""

NAMED = 10


@dataclass(frozen=True)
class Broken:
    """So many of a room's rows say what the new task does not know. label: empty where it is the field that does not fit."""

    what: str
    field: str
    label: str
    count: int

    def __str__(self) -> str:
        label = f" “{self.label}”" if self.label else ""
        return f"{self.count:,} {self.what} ({self.field}{label})"


@dataclass(frozen=True)
class Carrier:
    """hold: locks what the others read and write, before the project's row is locked. broken: what the task would contradict.
    carry: writes anew what stands under the task before, and returns what the audit trail should say."""

    hold: Callable[[Project], None]
    broken: Callable[[Project, TaskSpec, Renames], Sequence[Broken]]
    carry: Callable[[Project, TaskRevision | None, TaskRevision, Renames], dict[str, int]]


Rule = Callable[[TaskSpec], None]
"""Raises Refused for a task that a room cannot use at all."""

_carriers: list[Carrier] = []
_rules: list[Rule] = []


def register(carrier: Carrier) -> None:
    if carrier not in _carriers:
        _carriers.append(carrier)


def register_rule(rule: Rule) -> None:
    if rule not in _rules:
        _rules.append(rule)


def hold(project: Project) -> None:
    for carrier in _carriers:
        carrier.hold(project)


def refuse_what_does_not_fit(project: Project, spec: TaskSpec, renames: Renames) -> None:
    """Raises Refused for a task that a room cannot use and for renames that name no label, Conflict with counts for answers that the
    task would contradict."""
    for rule in _rules:
        rule(spec)
    if errors := _bad_renames(project.task_revision.spec if project.task_revision else None, spec, renames):
        raise Refused("bad-renames", "These renames name no label; nothing was changed.", errors=errors)
    broken = [one for carrier in _carriers for one in carrier.broken(project, spec, renames)]
    if broken:
        listed = ", ".join(map(str, broken[:NAMED])) + (" and more" if len(broken) > NAMED else "")
        raise Conflict(
            "breaks-answers",
            f"The new task contradicts what stands already: {listed}. Say which label became which "
            '(renames: {"field": {"old label": "new label"}}), keep those labels, fields and inputs, or let new fields be left out.',
            data={"broken": [asdict(one) for one in broken]},
        )


def carry(project: Project, before: TaskRevision | None, revision: TaskRevision, renames: Renames) -> dict[str, int]:
    carried: dict[str, int] = {}
    for carrier in _carriers:
        carried.update(carrier.carry(project, before, revision, renames))
    return carried


def _bad_renames(before: TaskSpec | None, after: TaskSpec, renames: Renames) -> list[FieldError]:
    def labels(spec: TaskSpec | None, name: str) -> list[str]:
        return next((field.labels for field in spec.fields if field.name == name), []) if spec else []

    return [
        FieldError(f"renames.{name}.{old}", f"{label!r} is not a label of {name} in the {which} task.")
        for name, pairs in renames.items()
        for old, new in pairs.items()
        for which, spec, label in (("present", before, old), ("new", after, new))
        if label not in labels(spec, name)
    ]
