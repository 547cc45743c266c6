"""What a user can do in this room: start a fine-tuning run. It is stopped and resumed as its job is."""

from difflib import get_close_matches
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
from training.preflight import check_rows, left_out


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
    """Creates a run and sends it to a worker.

    Refuses without a baseline, and says how to make one; refuses rows that are too long or have nothing to train, and lists
    them, unless the settings leave them out: then they are kept with the run.
    """
    project = dataset_version.project
    _refuse_material(dataset_version, base_version)
    baseline = baseline_for(dataset_version, base_version)
    if baseline is None:
        raise _locked(dataset_version, base_version)
    plan = read_plan(hyperparameters)
    if plan.patience is not None and not dataset_version.counts.get("validation"):
        raise Refused(
            "no-validation",
            f"{dataset_version} has no validation tickets, so nothing would tell when to stop. Leave patience empty, or freeze a set with some.",
            field="patience",
        )
    not_used = left_out(check_rows(dataset_version, base_version, plan.max_length), overlong=plan.overlong)
    run = TrainingRun.objects.create(
        project=project,
        number=next_number(TrainingRun.objects.all(), project),
        task_revision=dataset_version.task_revision,
        dataset_version=dataset_version,
        base_version=base_version,
        baseline=baseline,
        hyperparameters=plan.model_dump(mode="json"),
        left_out=not_used,
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
    data = {"hyperparameters": run.hyperparameters, "left_out": len(not_used)}
    record(by=by, verb="run.start", target=run, project=project, data=data)
    return run


def _refuse_material(dataset_version: DatasetVersion, base_version: ModelVersion) -> None:
    """Refuses a dataset or a model that no settings could train."""
    if base_version.project_id != dataset_version.project_id:
        raise Refused("foreign-model", f"{base_version} belongs to another project.", field="base_version")
    if dataset_version.kind != DatasetVersion.Kind.SFT:
        raise Refused(
            "not-a-training-set", f"{dataset_version} is not a training set; freeze one first.", field="dataset_version"
        )
    if base_version.files_id is None:
        raise Refused(
            "remote-model",
            f"{base_version} is behind an address; only a model whose files are here can be tuned.",
            field="base_version",
        )


def _locked(dataset_version: DatasetVersion, base_version: ModelVersion) -> Refused:
    """The refusal of the lock, with each way to open it."""
    slug = dataset_version.project.slug
    return Refused(
        "no-baseline",
        f"Training is locked: {base_version} has no baseline scorecard on {dataset_version.evaluation_set}. Make one under "
        f"3 Baseline (or by manage.py score --project {slug} --model {base_version.number}, "
        f"or POST /api/v1/projects/{slug}/scorecards/ with kind baseline); it takes a few minutes.",
        status=409,
    )


def read_plan(hyperparameters: dict[str, Any]) -> RunPlan:
    """The settings as a plan. Raises Refused that names every unknown, wrongly typed or impossible one."""
    try:
        return RunPlan.model_validate(hyperparameters)
    except ValidationError as error:
        errors = [
            _told(one["type"], ".".join(map(str, one["loc"])), one["msg"]) for one in error.errors(include_url=False)
        ]
        named = "; ".join(f"{one.field}: {one.message}" for one in errors)
        raise Refused("bad-hyperparameters", f"These settings cannot be used: {named}.", errors=errors) from error


def _told(kind: str, field: str, message: str) -> FieldError:
    """A name that is no setting gets the nearest that is, in place of pydantic's own words."""
    if kind != "extra_forbidden":
        return FieldError(field, message)
    near = get_close_matches(field, RunPlan.model_fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"settings are {', '.join(RunPlan.model_fields)}"
    return FieldError(field, f"there is no such setting; {hint}")
