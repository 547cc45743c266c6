"""`python manage.py score`: a baseline scorecard of a base model, or a scorecard of a candidate against its baseline."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.models import DatasetVersion
from evaluation.models import Scorecard
from evaluation.services import request_baseline, request_comparison, request_rescore
from ftplatform.accounts.actors import Actor
from ftplatform.errors import Refused
from ftplatform.jobs.following import follow, require_worker
from ftplatform.jobs.models import Job
from ftplatform.projects.models import Project
from inference.models import ModelVersion


class Command(BaseCommand):
    help = "Measure a model version on the frozen test set and write its scorecard."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument(
            "--model", type=int, metavar="NUMBER", help="a base: its baseline; a trained one: against it"
        )
        parser.add_argument(
            "--again", type=int, metavar="NUMBER", help="a scorecard to write anew with the ratings since"
        )
        parser.add_argument("--no-wait", action="store_true", help="leave the job to a worker")
        parser.add_argument("--json", action="store_true", help="one JSON object, for a machine")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        if (options["model"] is None) == (options["again"] is None):
            raise CommandError("Name what to score: --model NUMBER, or --again NUMBER of a scorecard.")
        if not options["no_wait"]:
            require_worker()
        try:
            job = (
                _rescore(project, options["again"])
                if options["again"] is not None
                else _score(project, options["model"])
            )
        except Refused as error:
            raise CommandError(error.message) from error
        card = None
        if not options["no_wait"]:
            card = Scorecard.objects.get(pk=follow(job).result["scorecard"])
        self._tell(job, card, as_json=options["json"])

    def _tell(self, job: Job, card: Scorecard | None, *, as_json: bool) -> None:
        if as_json:
            known = {"id": card.pk, "number": card.number, "kind": card.kind, "verdict": card.verdict} if card else {}
            self.stdout.write(json.dumps({"job": job.pk, **known}))
        elif card is None:
            self.stdout.write(f"Job {job.pk} waits for a worker.")
        else:
            self.stdout.write(f"{card}: {card.verdict or card.kind}. {card.content['sentence']}")


def _score(project: Project, number: int) -> Job:
    by = Actor.system("score")
    version = ModelVersion.objects.filter(project=project, number=number).first()
    if version is None:
        raise CommandError(f"{project} has no model version {number}.")
    if version.source != ModelVersion.Source.TRAINED:
        newest = project.dataset_versions.filter(kind=DatasetVersion.Kind.EVALUATION).order_by("-number").first()
        if newest is None:
            raise CommandError(f"{project} has no evaluation set yet; draw and freeze the test set first.")
        return request_baseline(evaluation_set=newest, base_model=version, by=by)
    baselines = Scorecard.objects.filter(kind=Scorecard.Kind.BASELINE, base_model_id=version.root_id)
    baseline = baselines.order_by("-number").first()
    if baseline is None:
        raise CommandError(
            f"{version} has no baseline; score its base model first: --model {version.base.number if version.base else '…'}."
        )
    return request_comparison(baseline=baseline, candidate=version, by=by)


def _rescore(project: Project, number: int) -> Job:
    card = Scorecard.objects.filter(project=project, number=number, kind=Scorecard.Kind.COMPARISON).first()
    if card is None:
        raise CommandError(f"{project} has no comparison scorecard {number}.")
    return request_rescore(scorecard=card, by=Actor.system("score"))
