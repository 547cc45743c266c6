from django.conf import settings
from django.db import models

from ftplatform.projects.spec import STORED, TaskSpec


class Project(models.Model):
    """One thing that a model should do, e.g. "answer questions on building permits"."""

    slug = models.SlugField(unique=True, max_length=60)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    attribution = models.TextField(blank=True, help_text="Where the tickets come from and under which licence.")
    task_revision = models.ForeignKey("TaskRevision", on_delete=models.PROTECT, null=True, related_name="+")
    text_key = models.BinaryField(
        help_text="Keys the hashes of this project's texts, so that a hash says nothing once the text is erased."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class TaskRevision(models.Model):
    """Inputs, fields, prompt, codec and primary metrics, frozen. To edit is to make the next revision."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="task_revisions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="task_revision_number"),
            models.UniqueConstraint(fields=["project", "content_hash"], name="task_revision_content"),
        ]

    def __str__(self) -> str:
        return f"{self.project} task {self.number}"

    @property
    def spec(self) -> TaskSpec:
        return TaskSpec.model_validate(self.content, context=STORED)


class ProjectCounter(models.Model):
    """A count of a project's rows, spread over slots so that a hundred writers do not queue for one row."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="counters")
    name = models.CharField(max_length=40)
    slot = models.PositiveSmallIntegerField()
    value = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name", "slot"], name="one_counter_a_slot")]

    def __str__(self) -> str:
        return f"{self.name}[{self.slot}] {self.value}"
