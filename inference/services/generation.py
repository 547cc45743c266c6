"""Generation runs: model versions × prompt conditions × the items of one split."""

from collections.abc import Sequence
from dataclasses import asdict

from django.db import transaction
from pydantic import TypeAdapter, ValidationError

from annotation.models import DatasetVersion
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import FieldError, Refused
from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job
from ftplatform.projects.numbering import next_number
from inference.backends.base import Sampling
from inference.jobs import GENERATE, GenerateParameters
from inference.models import GenerationCell, GenerationRun, ModelVersion, PromptCondition
from inference.services.conditions import Asking, ensure_condition


@transaction.atomic
def create_generation_run(
    *,
    dataset_version: DatasetVersion,
    split: str,
    cells: Sequence[tuple[ModelVersion, PromptCondition]],
    sampling: dict[str, object] | None = None,
    by: Actor,
) -> GenerationRun:
    """Makes a run with its cells. It is filled by `start_generation`, or by a job that needs its answers."""
    project = dataset_version.project
    cells = list(dict.fromkeys(cells))  # to name one twice is to ask it once
    if not cells:
        raise Refused("no-cells", "Choose at least one model version and one prompt condition.", field="cells")
    if not dataset_version.items.filter(split=split).exists():
        raise Refused("empty-split", f"{dataset_version} has no {split} items.", field="split")
    revision = dataset_version.task_revision
    for version, condition in cells:
        if version.project_id != project.pk or condition.task_revision_id != revision.pk:
            raise Refused(
                "foreign-cell", f"{version} or {condition} belongs to another project or task revision.", field="cells"
            )
        if condition.decoding != PromptCondition.Decoding.FREE and not version.backend.scores_choices:
            raise Refused(
                "no-likelihoods",
                f"{version} is behind an address that gives no label likelihoods; ask it freely.",
                field="cells",
            )
    run = GenerationRun.objects.create(
        project=project,
        number=next_number(GenerationRun.objects.all(), project),
        task_revision=revision,
        dataset_version=dataset_version,
        split=split,
        sampling=_sampling(revision.spec.max_new_tokens, sampling or {}),
        created_by=by.user,
    )
    GenerationCell.objects.bulk_create(
        GenerationCell(run=run, model_version=version, condition=condition) for version, condition in cells
    )
    record(by=by, verb="generation.create", target=run, project=project, data={"cells": len(cells), "split": split})
    return run


def _sampling(max_new_tokens: int, wanted: dict[str, object]) -> dict[str, object]:
    """The whole sampling as it is frozen with the run; greedy and the task's length where nothing else is wanted."""
    values = {"max_new_tokens": max_new_tokens, "temperature": 0.0, **wanted}
    try:
        sampling = TypeAdapter(Sampling).validate_python(values)
    except ValidationError as error:
        errors = [
            FieldError(".".join(["sampling", *map(str, one["loc"])]), one["msg"].removeprefix("Value error, "))
            for one in error.errors(include_url=False)
        ]
        raise Refused("bad-sampling", errors[0].message, errors=errors) from error
    return {name: value for name, value in asdict(sampling).items() if name in values}


@transaction.atomic
def start_generation(*, run: GenerationRun, by: Actor) -> Job:
    """Sends the run to a worker. A run that is under way keeps its job."""
    run = GenerationRun.objects.select_for_update(of=("self",)).select_related("job", "project").get(pk=run.pk)
    if run.job and run.job.is_live:
        return run.job
    run.job = jobs.enqueue(
        kind=GENERATE.name,
        parameters=GenerateParameters(run=run.pk),
        project=run.project,
        title=f"Generation run {run.number}",
        by=by,
    )
    run.save(update_fields=["job"])
    return run.job


@transaction.atomic
def resume_generation(*, run: GenerationRun, by: Actor) -> Job:
    """Goes on with a run that stopped, in the job that had it, whichever room's that is. A run that ended with errors gets a new
    job, which asks those items again; answers that are there stay."""
    if run.job and run.job.state in (Job.State.FAILED, Job.State.CANCELLED):
        return jobs.resume(job=run.job, by=by)
    if run.job and run.job.kind != GENERATE.name and not run.job.is_live:
        raise Refused(
            "scored-already",
            f"{run} belongs to a scorecard that was made of its answers; start a run of its own to ask again.",
            status=409,
        )
    return start_generation(run=run, by=by)


@transaction.atomic
def request_generation(
    *,
    dataset_version: DatasetVersion,
    split: str,
    versions: Sequence[ModelVersion],
    askings: Sequence[Asking],
    sampling: dict[str, object] | None = None,
    by: Actor,
) -> GenerationRun:
    """Every version under every condition on one split, sent to a worker. A page, the API and the command come in here."""
    conditions = [
        ensure_condition(
            task_revision=dataset_version.task_revision,
            name=asking.name,
            decoding=asking.decoding,
            shots=asking.shots,
            seed=asking.seed,
            by=by,
        )
        for asking in askings
    ]
    cells = [(version, condition) for version in versions for condition in conditions]
    run = create_generation_run(dataset_version=dataset_version, split=split, cells=cells, sampling=sampling, by=by)
    run.job = start_generation(run=run, by=by)
    return run
