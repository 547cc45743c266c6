"""How a candidate is asked in the comparison: chosen beforehand, on validation tickets, never on the test set."""

from annotation.models import DatasetVersion
from evaluation.scorecards import gather
from evaluation.scoring.automatic import primary_metric, score
from ftplatform.jobs.context import JobContext
from inference.models import GenerationRun, ModelVersion
from inference.running import fill
from inference.services import create_generation_run

FREE = "zero-shot"


def choose_serving(
    context: JobContext, run: GenerationRun, candidate: ModelVersion, validation: DatasetVersion | None
) -> str:
    """`zero-shot`, which answers all fields at once; for a task that is one choice, the condition that does best on validation.

    With a text to write, free generation is what would be served. A lone label can be served by likelihood as well.
    """
    spec = run.task_revision.spec
    cells = list(run.cells.select_related("condition").order_by("pk"))
    if len(spec.fields) > 1 or len(cells) == 1 or validation is None:
        return FREE
    items = gather.items_of(validation, "validation")
    if not items:
        return FREE
    trial = _trial(context, run, candidate, validation)
    fill(context, trial)
    test = gather.test_set(validation, items)
    name = f"{spec.fields[0].name}.{primary_metric(spec.fields[0])}"
    figures = {
        cell.condition.name: score(test, gather.answers(cell, items))[name].figure.value
        for cell in trial.cells.select_related("condition", "model_version", "run__task_revision").order_by("pk")
    }
    best = max(figures, key=lambda key: (figures[key] is not None, figures[key] or 0.0))
    # No figures: someone who rates this candidate blind may read the job's log.
    context.log(f"asked as {best}: the best of {len(figures)} ways on {len(items)} validation tickets")
    return best


def _trial(
    context: JobContext, run: GenerationRun, candidate: ModelVersion, validation: DatasetVersion
) -> GenerationRun:
    """The job's own run on the validation tickets, which a job that goes on finds again. No other run of the candidate will do:
    one started by hand has other conditions, and perhaps other models."""
    with context.transaction():
        own = GenerationRun.objects.filter(job=context.job, dataset_version=validation, split="validation").first()
        if own:
            return own
        own = create_generation_run(
            dataset_version=validation,
            split="validation",
            cells=[(candidate, cell.condition) for cell in run.cells.select_related("condition").order_by("pk")],
            sampling=run.sampling,
            by=context.actor,
        )
        own.job = context.job
        own.save(update_fields=["job"])
        return own
