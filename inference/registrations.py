"""What this room registers in the rooms below: job kinds, loop steps, waiting lists, lamps."""

from django.urls import reverse

from ftplatform import lineage
from ftplatform.jobs import kinds
from ftplatform.jobs.models import Job
from ftplatform.ui import registries
from inference import standing
from inference.jobs import GENERATE, REGISTRATIONS
from inference.models import GenerationRun, ModelVersion


def link_to_generation(job: Job) -> str:
    """The page of the run that a job fills."""
    run = GenerationRun.objects.select_related("project").get(pk=job.parameters["run"])
    return reverse("inference:generation", args=[run.project.slug, run.number])


def link_to_models(job: Job) -> str:
    assert job.project
    return reverse("inference:models", args=[job.project.slug])


def tell_version(row: ModelVersion) -> lineage.Told:
    return lineage.Told(row.name, row.method, reverse("inference:model", args=[row.project.slug, row.number]))


def tell_generation(row: GenerationRun) -> lineage.Told:
    href = reverse("inference:generation", args=[row.project.slug, row.number])
    return lineage.Told(str(row), f"{row.split} split", href)


for kind in (GENERATE, *REGISTRATIONS):
    kinds.register(kind)
registries.register_loop_step("compare", standing.compare_step)
registries.register_loop_step("live", standing.live_step)
registries.register_waiting(standing.waiting_generations)
registries.register_lamp(6, standing.compression_lamp)
registries.register_search(standing.search)
registries.register_job_link(GENERATE.name, link_to_generation)
for kind in REGISTRATIONS:
    registries.register_job_link(kind.name, link_to_models)
lineage.register(lineage.Kind("model-version", ModelVersion, tell_version, made_of={"parent": "model-version"}))
lineage.register(
    lineage.Kind(
        "generation-run",
        GenerationRun,
        tell_generation,
        made_of={"dataset_version": "dataset-version", "cells__model_version": "model-version"},
    )
)
