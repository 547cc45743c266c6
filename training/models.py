"""Fine-tuning runs and their curves."""

from django.conf import settings
from django.db import models


class TrainingRun(models.Model):
    """Dataset version + base version + hyperparameters + baseline → a model version.

    The lock: `baseline` is NOT NULL, and a trigger holds it to the same evaluation set and the same base model. No page,
    command or API goes round a column.
    """

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="training_runs")
    number = models.PositiveIntegerField()
    task_revision = models.ForeignKey("projects.TaskRevision", on_delete=models.PROTECT, related_name="+")
    dataset_version = models.ForeignKey(
        "annotation.DatasetVersion", on_delete=models.PROTECT, related_name="training_runs"
    )
    base_version = models.ForeignKey("inference.ModelVersion", on_delete=models.PROTECT, related_name="training_runs")
    baseline = models.ForeignKey("evaluation.Scorecard", on_delete=models.PROTECT, related_name="training_runs")
    hyperparameters = models.JSONField()
    left_out = models.JSONField(
        default=list, help_text="Rows of the dataset that this run was told to leave out: item, split, tokens, reason."
    )
    job = models.ForeignKey("jobs.Job", on_delete=models.PROTECT, null=True, related_name="+")
    model_version = models.OneToOneField(
        "inference.ModelVersion", on_delete=models.PROTECT, null=True, related_name="training_run"
    )
    result = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="training_run_number")]

    def __str__(self) -> str:
        return f"Run {self.number}"

    @property
    def material(self) -> str:
        """What it learns from, for lineage and card: `Training set 2 without 3 rows`."""
        rows = len(self.left_out)
        return (
            f"{self.dataset_version} without {rows} row{'' if rows == 1 else 's'}"
            if rows
            else f"{self.dataset_version}"
        )


class RunMetric(models.Model):
    """One point of a curve. A resumed run writes a step again with the same value, so the last write stands."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="curve")
    name = models.CharField(max_length=60)
    step = models.PositiveIntegerField()
    value = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name", "step"], name="one_point_a_step")]

    def __str__(self) -> str:
        return f"{self.name} {self.step}: {self.value}"


class RunSample(models.Model):
    """What the model in training answered to a validation row. A resumed run writes a step again with the same text."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="samples")
    item = models.ForeignKey("annotation.DatasetItem", on_delete=models.PROTECT, related_name="+")
    step = models.PositiveIntegerField()
    text = models.TextField()
    ended = models.BooleanField(help_text="Whether the answer ended by itself within the tokens it had.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "item", "step"], name="one_sample_a_step")]
        ordering = ["item", "step"]

    def __str__(self) -> str:
        return f"step {self.step}: {self.text[:40]}"
