"""What this room registers in the rooms below: job kinds, loop steps, waiting lists, lamps."""

from django.urls import reverse

from annotation.panels import register_panel
from evaluation.making import register_making
from ftplatform import lineage
from ftplatform.jobs import kinds
from ftplatform.jobs.models import Job
from ftplatform.ui import registries
from inference.uses import register_uses
from training import standing
from training.jobs import TRAIN
from training.models import TrainingRun
from training.tokenpanel import token_panel


def link_to_run(job: Job) -> str:
    """The page of the run that a job trains."""
    run = TrainingRun.objects.select_related("project").get(pk=job.parameters["run"])
    return reverse("training:run", args=[run.project.slug, run.number])


kinds.register(TRAIN)
register_panel(token_panel)
registries.register_loop_step("runs", standing.runs_step)
registries.register_waiting(standing.waiting_runs)
registries.register_lamp(3, standing.hyperparameters_lamp)
registries.register_lamp(4, standing.overfitting_lamp)
registries.register_job_link(TRAIN.name, link_to_run)
register_uses(standing.uses_of_version)
register_making(standing.making_of_version)
lineage.register(
    lineage.Kind(
        "training-run",
        TrainingRun,
        standing.tell_run,
        made_of={"dataset_version": "dataset-version", "base_version": "model-version", "baseline": "scorecard"},
        made={"model_version": "model-version"},
    )
)
