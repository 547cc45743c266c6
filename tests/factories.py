"""Builds the data that tests need, through the services a user would use. Append your room's functions."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.test import Client

from annotation import services as annotation
from annotation.models import DatasetVersion, Example, Import, Queue
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import Membership, Role, User
from ftplatform.artifacts.services import store_file
from ftplatform.projects import services as projects
from ftplatform.projects.models import Project
from ftplatform.projects.spec import Choice, InputColumn, TaskField, TaskSpec

PASSWORD = "correct horse battery staple"
SYSTEM = Actor.system("test")


def desk_task() -> TaskSpec:
    """A label and a reply, as in the demo."""
    return TaskSpec(
        inputs=(InputColumn(name="question"),),
        fields=(
            TaskField(
                name="desk",
                kind="choice",
                choices=(Choice(value="permits"), Choice(value="tax"), Choice(value="energy")),
            ),
            TaskField(name="reply", kind="text"),
        ),
        user="{question}\nAnswer as:\ndesk: <name>\nreply: <text>",
        guidelines="Choose the desk that can *close* the question.",
        max_new_tokens=16,
    )


def make_user(name: str, **more: Any) -> User:
    return User.objects.create_user(username=name, email=f"{name}@example.org", password=PASSWORD, **more)


@dataclass(frozen=True)
class Cast:
    project: Project
    other: Project
    ada: User
    lea: User
    rev: User
    eve: User
    vic: User
    mal: User

    @classmethod
    def make(cls, spec: TaskSpec | None = None) -> Cast:
        people = {name: make_user(name) for name in ("ada", "lea", "rev", "eve", "vic", "mal")}
        project = projects.create_project(
            name="Building questions", spec=spec or desk_task(), by=Actor.of(people["ada"])
        )
        other = projects.create_project(name="Elsewhere", spec=spec or desk_task(), by=Actor.of(people["mal"]))
        roles = {"lea": Role.LABELER, "rev": Role.REVIEWER, "eve": Role.EXPERT, "vic": Role.VIEWER}
        for name, role in roles.items():
            Membership.objects.create(user=people[name], project=project, role=role)
        return cls(project=project, other=other, **people)

    def client(self, name: str) -> Client:
        client = Client()
        client.force_login(getattr(self, name))
        return client

    @property
    def by(self) -> Actor:
        return Actor.of(self.ada)


def write_tickets(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def desk_rows(count: int, *, labelled: bool = True) -> list[dict[str, str]]:
    """Tickets whose label can be told from a word in them."""
    desks = ("permits", "tax", "energy")
    return [
        {
            "question": f"Question {at}: may I ask about {desks[at % 3]} in case {at * 7919 % 1000}?",
            "desk": desks[at % 3] if labelled else "",
            "reply": f"Ask the {desks[at % 3]} desk about case {at}." if labelled else "",
        }
        for at in range(count)
    ]


DESK_MAPPING = {"question": "input:question", "desk": "field:desk", "reply": "field:reply"}


def import_rows(project: Project, path: Path, rows: Sequence[dict[str, str]], **options: Any) -> Import:
    """Starts an import of these rows; run the jobs afterwards."""
    write_tickets(path, rows)
    return annotation.start_import(
        project=project,
        file_name=path.name,
        file=store_file(path),
        mapping=options.pop("mapping", DESK_MAPPING),
        by=SYSTEM,
        **options,
    )


def make_sets(project: Project, *, test: int = 12, validation: int = 6) -> tuple[DatasetVersion, DatasetVersion]:
    """(evaluation set, training set) of a project with resolved tickets."""
    evaluation_set = annotation.freeze_evaluation_set(project=project, size=test, stratify="desk", by=SYSTEM)
    annotation.draw_splits(project=project, validation=validation, stratify="desk", by=SYSTEM)
    return evaluation_set, annotation.freeze_training_set(project=project, evaluation_set=evaluation_set, by=SYSTEM)


def make_queue(
    project: Project, examples: QuerySet[Example], *, overlap: int = 1, name: str = "Desk and reply"
) -> Queue:
    """A queue of these tickets."""
    return annotation.open_queue(project=project, name=name, examples=examples, overlap=overlap, by=SYSTEM)
