"""`python manage.py train`: one fine-tuning run, with the hyperparameters of RunPlan as arguments."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.models import DatasetVersion
from ftplatform.accounts.actors import Actor
from ftplatform.errors import Refused
from ftplatform.jobs.following import follow, require_worker
from ftplatform.projects.models import Project
from inference.models import ModelVersion
from training.models import TrainingRun
from training.plan import RunPlan
from training.selectors import training_sets, tunable_versions, warnings_of
from training.services import start_training


class Command(BaseCommand):
    help = "Fine-tune a model version on a frozen training set."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--set", type=int, metavar="ID", help="a training set; the newest when left out")
        parser.add_argument(
            "--model", type=int, metavar="NUMBER", help="a model version; the newest base when left out"
        )
        parser.add_argument("--no-wait", action="store_true", help="leave the job to a worker")
        parser.add_argument("--json", action="store_true", help="one JSON object, for a machine")
        group = parser.add_argument_group("hyperparameters", "as JSON values; what is left out has its default")
        for name, field in RunPlan.model_fields.items():
            about = f"{field.description} ({field.default})".replace("%", "%%")
            group.add_argument(f"--{name.replace('_', '-')}", dest=f"plan_{name}", metavar="VALUE", help=about)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = self._start(options)
        except Refused as error:
            raise CommandError(error.message) from error
        for warning in warnings_of(run):
            self.stderr.write(f"warning: {warning}")
        if run.left_out:
            self.stderr.write(
                f"{len(run.left_out)} rows are left out: {', '.join(str(row['number']) for row in run.left_out[:20])}"
            )
        if not options["no_wait"]:
            assert run.job
            follow(run.job)
            run.refresh_from_db()
        self._tell(run, as_json=options["json"])

    def _start(self, options: dict[str, Any]) -> TrainingRun:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        if not options["no_wait"]:
            require_worker()
        return start_training(
            dataset_version=_dataset(project, options["set"]),
            base_version=_version(project, options["model"]),
            hyperparameters=_plan(options),
            by=Actor.system("train"),
        )

    def _tell(self, run: TrainingRun, *, as_json: bool) -> None:
        result = {
            name: run.result.get(name)
            for name in (
                "steps",
                "best_step",
                "stopped_early",
                "train_loss",
                "validation_loss",
                "tokens",
                "tokens_per_second",
            )
        }
        if as_json:
            known = {"id": run.pk, "number": run.number, "job": run.job_id, "model_version": run.model_version_id}
            self.stdout.write(json.dumps(known | result))
            return
        self.stdout.write(f"Run {run.number} (job {run.job_id})")
        if run.model_version:
            self.stdout.write(f"  became {run.model_version}, version {run.model_version.number}")
            for name, value in result.items():
                self.stdout.write(f"  {name.replace('_', ' '):18} {value}")


def _plan(options: dict[str, Any]) -> dict[str, Any]:
    """Values are JSON; what is no JSON is a word: `--method lora`, `--patience 3`, `--target-modules '["q_proj"]'`."""
    values: dict[str, Any] = {}
    for name in RunPlan.model_fields:
        text = options[f"plan_{name}"]
        if text is None:
            continue
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def _dataset(project: Project, pk: int | None) -> DatasetVersion:
    sets = training_sets(project)
    found = sets.filter(pk=pk).first() if pk else sets.first()
    if found is None:
        raise CommandError(
            f"There is no training set {pk} in {project}."
            if pk
            else f"{project} has no training set yet; freeze one first."
        )
    return found


def _version(project: Project, number: int | None) -> ModelVersion:
    versions = tunable_versions(project)
    found = versions.filter(number=number).first() if number else versions.first()
    if found is None:
        which = f"version {number}" if number else "version"
        raise CommandError(f"{project} has no model {which} whose files are here; register one first.")
    return found
