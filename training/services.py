"""What a user can do in this room: start a fine-tuning run, stop it, resume it."""

from typing import Any

from django.db import transaction
from pydantic import ValidationError

from annotation.models import DatasetVersion
from evaluation.models import Scorecard
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import FieldError, Refused
from ftplatform.jobs import services as jobs
from ftplatform.projects.numbering import next_number
from inference.models import ModelVersion
from training.jobs import TRAIN, TrainParameters
from training.models import TrainingRun
from training.plan import RunPlan


def baseline_for(dataset_version: DatasetVersion, base_version: ModelVersion) -> Scorecard | None:
    """The newest baseline scorecard that opens the lock for this dataset and base model, or None."""
    return (
        Scorecard.objects.filter(
            kind=Scorecard.Kind.BASELINE,
            evaluation_set_id=dataset_version.evaluation_set_id,
            base_model_id=base_version.root_id,
        )
        .order_by("-number")
        .first()
    )


@transaction.atomic
def start_training(
    *, dataset_version: DatasetVersion, base_version: ModelVersion, hyperparameters: dict[str, Any], by: Actor
) -> TrainingRun:
    """Creates a run and sends it to a worker. Refuses without a baseline, and says how to make one."""
    project = dataset_version.project
    if base_version.project_id != project.pk:
        raise Refused("foreign-model", f"{base_version} belongs to another project.", field="base_version")
    if dataset_version.kind != DatasetVersion.Kind.SFT:
        raise Refused(
            "not-a-training-set", f"{dataset_version} is no training set; freeze one first.", field="dataset_version"
        )
    if base_version.files_id is None:
        raise Refused(
            "remote-model",
            f"{base_version} is behind an address; only a model whose files are here can be tuned.",
            field="base_version",
        )
    baseline = baseline_for(dataset_version, base_version)
    if baseline is None:
        raise Refused(
            "no-baseline",
            f"Training is locked: {base_version} has no baseline scorecard on {dataset_version.evaluation_set}. Make one under "
            f"3 Baseline (or POST /api/v1/projects/{project.slug}/scorecards/ with kind baseline); it takes a few minutes.",
            status=409,
        )
    plan = _plan(hyperparameters)
    if plan.patience is not None and not dataset_version.counts.get("validation"):
        raise Refused(
            "no-validation",
            f"{dataset_version} has no validation tickets, so nothing would tell when to stop. Leave patience empty, or freeze a set with some.",
            field="patience",
        )
    run = TrainingRun.objects.create(
        project=project,
        number=next_number(TrainingRun.objects.all(), project),
        task_revision=dataset_version.task_revision,
        dataset_version=dataset_version,
        base_version=base_version,
        baseline=baseline,
        hyperparameters=plan.model_dump(mode="json"),
        created_by=by.user,
    )
    run.job = jobs.enqueue(
        kind=TRAIN.name,
        parameters=TrainParameters(run=run.pk),
        project=project,
        title=f"Training run {run.number}",
        by=by,
    )
    run.save(update_fields=["job"])
    record(by=by, verb="run.start", target=run, project=project, data={"hyperparameters": run.hyperparameters})
    return run


def _plan(hyperparameters: dict[str, Any]) -> RunPlan:
    try:
        return RunPlan.model_validate(hyperparameters)
    except ValidationError as error:
        errors = [FieldError(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors(include_url=False)]
        named = "; ".join(f"{one.field}: {one.message}" for one in errors)
        raise Refused("bad-hyperparameters", f"These settings cannot be used: {named}.", errors=errors) from error
