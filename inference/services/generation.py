"""Generation runs: model versions × prompt conditions × the items of one split."""

from collections.abc import Sequence

from django.db import transaction

from annotation.models import DatasetVersion
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job
from ftplatform.projects.numbering import next_number
from inference.jobs import GENERATE, GenerateParameters
from inference.models import GenerationCell, GenerationRun, ModelVersion, PromptCondition


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
        if version.source == ModelVersion.Source.REMOTE and condition.decoding != PromptCondition.Decoding.FREE:
            raise Refused(
                "no-likelihoods",
                f"{version} is behind an address that gives no label likelihoods; ask it freely.",
                field="cells",
            )
    run = GenerationRun.objects.create(
        project=project,
        number=next_number(GenerationRun.objects, project),
        task_revision=revision,
        dataset_version=dataset_version,
        split=split,
        sampling={"max_new_tokens": revision.spec.max_new_tokens, "temperature": 0.0, **(sampling or {})},
        created_by=by.user,
    )
    GenerationCell.objects.bulk_create(
        GenerationCell(run=run, model_version=version, condition=condition) for version, condition in cells
    )
    record(by=by, verb="generation.create", target=run, project=project, data={"cells": len(cells), "split": split})
    return run


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
