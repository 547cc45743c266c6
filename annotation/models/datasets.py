from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from annotation.models.examples import Split


class DatasetVersion(models.Model):
    """A frozen, content-addressed list of items with a data card. Kind `evaluation` is the held-out test set.

    A training set names the evaluation set it was kept apart from. `annotation.services.freeze_dataset` is the only door.
    """

    class Kind(models.TextChoices):
        EVALUATION = "evaluation", "Evaluation set"
        SFT = "sft", "Training set"
        PREFERENCE = "preference", "Preference pairs"
        TEXT = "text", "Plain text"

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="dataset_versions")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    number = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
    format_version = models.PositiveSmallIntegerField(default=1)
    task_revision = models.ForeignKey(
        "projects.TaskRevision", on_delete=models.PROTECT, related_name="dataset_versions"
    )
    evaluation_set = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="kept_apart_sets")
    counts = models.JSONField(help_text="Split → number of items.")
    card = models.JSONField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "hash"], name="one_version_a_content"),
            models.UniqueConstraint(fields=["project", "kind", "number"], name="dataset_version_number"),
            models.CheckConstraint(
                condition=Q(kind="evaluation", evaluation_set__isnull=True)
                | (~Q(kind="evaluation") & Q(evaluation_set__isnull=False)),
                name="training_sets_name_their_evaluation_set",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"

    @property
    def size(self) -> int:
        return sum(self.counts.values())


class DatasetItem(models.Model):
    """One item: canonical JSON with its own hash, and where it came from as opaque `kind:id` strings."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="items")
    position = models.PositiveIntegerField()
    split = models.CharField(max_length=10, choices=Split.choices)
    example = models.ForeignKey("annotation.Example", on_delete=models.PROTECT, null=True, related_name="dataset_items")
    content = models.JSONField(help_text="inputs, values, messages, completion: canonical.")
    hash = models.CharField(max_length=64)
    group_key = models.CharField(max_length=64)
    prompt_hash = models.CharField(max_length=64)
    sources = ArrayField(models.CharField(max_length=80), default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "position"], name="one_item_a_position")]
        indexes = [
            models.Index(fields=["version", "split", "position"]),
            models.Index(fields=["version", "group_key"]),
            models.Index(fields=["version", "prompt_hash"]),
        ]

    def __str__(self) -> str:
        return f"item {self.position} of {self.version}"
