"""`python manage.py build_dataset PROJECT`: test set, splits and a frozen training set, from a shell."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from annotation import services
from annotation.models import DatasetVersion
from ftplatform.accounts.actors import Actor
from ftplatform.errors import Refused
from ftplatform.projects.models import Project


class Command(BaseCommand):
    help = "Draw what is asked for and freeze it. Without --test the newest evaluation set is kept apart."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument(
            "--test", type=int, metavar="N", help="draw N resolved tickets into a new evaluation set first"
        )
        parser.add_argument(
            "--validation", type=int, metavar="N", help="draw splits: N for validation, the rest for training"
        )
        parser.add_argument("--train", type=int, metavar="N", help="at most N tickets for training")
        parser.add_argument("--stratify", metavar="FIELD", help="the choice field whose shares are kept")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.select_related("task_revision").filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        try:
            with transaction.atomic():
                evaluation_set, version = _build(project, options, Actor.system("build_dataset"))
        except Refused as refused:
            raise CommandError(refused.message) from refused
        if options["json"]:
            told = {"evaluation_set": _facts(evaluation_set), "dataset_version": _facts(version)}
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(f"{version} ({version.hash[:12]}): {version.counts}; kept apart from {evaluation_set}.")


def _build(project: Project, options: dict[str, Any], by: Actor) -> tuple[DatasetVersion, DatasetVersion]:
    draw = {"project": project, "stratify": options["stratify"], "seed": options["seed"], "by": by}
    if options["test"] is not None:
        evaluation_set = services.freeze_evaluation_set(size=options["test"], **draw)
    else:
        newest = (
            DatasetVersion.objects.filter(project=project, kind=DatasetVersion.Kind.EVALUATION).order_by("-pk").first()
        )
        if newest is None:
            raise Refused("no-evaluation-set", "There is no test set yet; draw one with --test N.")
        evaluation_set = newest
    return evaluation_set, services.draw_and_freeze(
        evaluation_set=evaluation_set,
        validation=options["validation"],
        draw_train=options["train"],
        train_limit=options["train"],
        **draw,
    )


def _facts(version: DatasetVersion) -> dict[str, Any]:
    return {"id": version.pk, "hash": version.hash, **version.counts}
