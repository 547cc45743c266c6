from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Scorecard(models.Model):
    """Immutable. A baseline scorecard is the base model alone; any other compares candidates with one on the same
    evaluation set. New ratings make a new scorecard that supersedes it."""

    class Kind(models.TextChoices):
        BASELINE = "baseline", "Baseline"
        COMPARISON = "comparison", "Comparison"

    class Verdict(models.TextChoices):
        SHIP = "ship", "Ship"
        HOLD = "hold", "Hold"
        UNDECIDED = "undecided", "Undecided"

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="scorecards")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    task_revision = models.ForeignKey("projects.TaskRevision", on_delete=models.PROTECT, related_name="+")
    evaluation_set = models.ForeignKey("annotation.DatasetVersion", on_delete=models.PROTECT, related_name="scorecards")
    base_model = models.ForeignKey("inference.ModelVersion", on_delete=models.PROTECT, related_name="base_scorecards")
    baseline = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="comparisons")
    candidate = models.ForeignKey(
        "inference.ModelVersion", on_delete=models.PROTECT, null=True, related_name="scorecards"
    )
    generation_run = models.ForeignKey("inference.GenerationRun", on_delete=models.PROTECT, related_name="scorecards")
    rules = models.ForeignKey("evaluation.ReleaseRules", on_delete=models.PROTECT, null=True, related_name="scorecards")
    campaign = models.ForeignKey("evaluation.Campaign", on_delete=models.PROTECT, null=True, related_name="scorecards")
    supersedes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")
    content = models.JSONField(help_text="evaluation/scoring/content.py: the whole card as it is shown.")
    content_hash = models.CharField(max_length=64)
    verdict = models.CharField(max_length=10, choices=Verdict.choices, null=True)
    reasons = models.JSONField(default=list)
    ratings_seen = models.PositiveIntegerField(
        null=True, help_text="Ratings of its answers, counted just before they were read. Null before this was kept."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="scorecard_number"),
            models.CheckConstraint(
                condition=Q(kind="baseline", baseline__isnull=True, candidate__isnull=True, verdict__isnull=True)
                | Q(kind="comparison", baseline__isnull=False, candidate__isnull=False, verdict__isnull=False),
                name="comparison_has_baseline_candidate_verdict",
            ),
        ]

    def __str__(self) -> str:
        return f"Scorecard {self.number}"


class ScorecardScores(models.Model):
    """Per-example values of one metric of one cell: one array, in the order of the evaluation set's items."""

    scorecard = models.ForeignKey(Scorecard, on_delete=models.CASCADE, related_name="scores")
    model_version = models.ForeignKey("inference.ModelVersion", on_delete=models.PROTECT, null=True, related_name="+")
    condition = models.CharField(max_length=60)
    metric = models.CharField(max_length=80)
    values = ArrayField(models.FloatField(null=True))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scorecard", "model_version", "condition", "metric"],
                name="one_array_a_metric",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.condition}"
