"""`python manage.py generate`: asks model versions every ticket of a frozen split."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.models import DatasetVersion
from ftplatform.accounts.actors import Actor
from ftplatform.errors import Refused
from ftplatform.jobs.following import follow, require_worker
from ftplatform.projects.models import Project
from inference import services
from inference.models import GenerationRun, ModelVersion
from inference.selectors import cells_of


class Command(BaseCommand):
    help = "Ask model versions, under prompt conditions, every ticket of one split of a frozen set."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument(
            "--model", required=True, type=int, action="append", metavar="NUMBER", help="may be repeated"
        )
        parser.add_argument(
            "--set", type=int, metavar="ID", help="a dataset version; the newest evaluation set when left out"
        )
        parser.add_argument("--split", default="test", choices=["test", "validation", "train"])
        parser.add_argument(
            "--condition",
            action="append",
            help="zero-shot (the default), 3-shot, constrained, constrained-calibrated; may be repeated",
        )
        parser.add_argument("--temperature", type=float, default=0.0)
        parser.add_argument("--max-new-tokens", type=int)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--no-wait", action="store_true", help="leave the job to a worker")
        parser.add_argument("--json", action="store_true", help="one JSON object, for a machine")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = self._start(options)
        except Refused as error:
            raise CommandError(error.message) from error
        if not options["no_wait"]:
            assert run.job
            follow(run.job)
        self._tell(run, as_json=options["json"])

    def _start(self, options: dict[str, Any]) -> GenerationRun:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        if not options["no_wait"]:
            require_worker()
        sampling = {"temperature": options["temperature"], "seed": options["seed"]}
        if options["max_new_tokens"] is not None:
            sampling["max_new_tokens"] = options["max_new_tokens"]
        return services.request_generation(
            dataset_version=_dataset(project, options["set"]),
            split=options["split"],
            versions=[_version(project, number) for number in options["model"]],
            askings=[
                services.Asking.named(name, seed=options["seed"]) for name in options["condition"] or ["zero-shot"]
            ],
            sampling=sampling,
            by=Actor.system("generate"),
        )

    def _tell(self, run: GenerationRun, *, as_json: bool) -> None:
        cells = cells_of(run)
        if as_json:
            rows = [
                {
                    "model_version": facts.cell.model_version_id,
                    "condition": facts.cell.condition.name,
                    "answers": facts.answers,
                    "errors": facts.errors,
                    "empty": facts.empty,
                    "parse_rate": facts.parse_rates,
                    "tokens_per_second": facts.tokens_per_second,
                }
                for facts in cells
            ]
            self.stdout.write(json.dumps({"id": run.pk, "number": run.number, "job": run.job_id, "cells": rows}))
            return
        self.stdout.write(f"Generation run {run.number} (job {run.job_id})")
        for facts in cells:
            parsed = ", ".join(
                f"{name} {rate:.0%}" for name, rate in facts.parse_rates.items() if rate is not None
            )  # fmt: skip
            self.stdout.write(
                f"  {facts.cell.model_version}, {facts.cell.condition}: {facts.answers} answers, {facts.errors} errors, parsed {parsed or '–'}"
            )


def _dataset(project: Project, pk: int | None) -> DatasetVersion:
    sets = DatasetVersion.objects.filter(project=project)
    found = (
        sets.filter(pk=pk).first()
        if pk
        else sets.filter(kind=DatasetVersion.Kind.EVALUATION).order_by("-number").first()
    )
    if found is None:
        raise CommandError(
            f"There is no dataset version {pk} in {project}."
            if pk
            else f"{project} has no evaluation set yet; freeze one first."
        )
    return found


def _version(project: Project, number: int) -> ModelVersion:
    found = ModelVersion.objects.filter(project=project, number=number).first()
    if found is None:
        numbers = ", ".join(
            str(one) for one in ModelVersion.objects.filter(project=project).values_list("number", flat=True)
        )
        raise CommandError(f"There is no model version {number} in {project}; there are {numbers or 'none'}.")
    return found
