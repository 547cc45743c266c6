from django.conf import settings
from django.db import models
from django.db.models import Q


class Annotation(models.Model):
    """One answer of one author to one example. Append-only; `supersedes` makes one chain, so two tabs meet a constraint."""

    class Source(models.TextChoices):
        HUMAN = "human"
        REVIEW = "review"
        IMPORT = "import"
        MODEL = "model"

    example = models.ForeignKey("annotation.Example", on_delete=models.PROTECT, related_name="annotations")
    task_revision = models.ForeignKey("projects.TaskRevision", on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="annotations"
    )
    source = models.CharField(max_length=6, choices=Source.choices)
    lease = models.ForeignKey("annotation.Lease", on_delete=models.PROTECT, null=True, related_name="annotations")
    values = models.JSONField()
    supersedes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")
    seconds = models.FloatField(null=True)
    note = models.TextField(blank=True)
    is_unsure = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["example", "author", "-id"]), models.Index(fields=["author", "-id"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(source__in=("import", "model")) | Q(author__isnull=False),
                name="people_sign_their_annotations",
            ),
            # The first of each chain: an author begins one chain per example.
            models.UniqueConstraint(
                fields=["example", "author", "source"],
                condition=Q(supersedes__isnull=True),
                name="one_chain_an_author",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} annotation {self.pk}"


class CurrentAnswer(models.Model):
    """Projection: the end of each author's chain. Rebuilt in the transaction that writes the annotation."""

    example = models.ForeignKey("annotation.Example", on_delete=models.CASCADE, related_name="current_answers")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    source = models.CharField(max_length=6, choices=Annotation.Source.choices)
    annotation = models.OneToOneField(Annotation, on_delete=models.CASCADE, related_name="current_answer")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["example", "author", "source"], name="one_current_answer", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"Current answer to ticket {self.example_id}"


class ResolvedLabel(models.Model):
    """Projection: the value that counts for a field of an example."""

    class Basis(models.TextChoices):
        AGREED = "agreed"
        ADJUDICATED = "adjudicated"
        MODEL = "model"
        IMPORTED = "imported"

    example = models.ForeignKey("annotation.Example", on_delete=models.CASCADE, related_name="resolved_labels")
    field = models.CharField(max_length=40)
    task_revision = models.ForeignKey("projects.TaskRevision", on_delete=models.PROTECT, related_name="+")
    value = models.JSONField()
    confidence = models.FloatField(null=True)
    basis = models.CharField(max_length=12, choices=Basis.choices)
    is_gold = models.BooleanField(default=False)
    annotation = models.ForeignKey(Annotation, on_delete=models.PROTECT, null=True, related_name="+")
    resolved_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["example", "field"], name="one_resolved_label"),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | Q(confidence__gte=0, confidence__lte=1),
                name="confidence_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field} of ticket {self.example_id}"


class Suggestion(models.Model):
    """A value proposed by a model or function. The labeling page reads these rows and asks nobody."""

    example = models.ForeignKey("annotation.Example", on_delete=models.CASCADE, related_name="suggestions")
    field = models.CharField(max_length=40)
    value = models.JSONField()
    score = models.FloatField(null=True)
    source = models.CharField(max_length=80, help_text="kind:id of what proposed it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["example", "field", "source"], name="one_suggestion_a_source")]

    def __str__(self) -> str:
        return f"{self.field} of ticket {self.example_id} by {self.source}"
