from django.conf import settings
from django.db import models


class RubricRevision(models.Model):
    """The dimensions, their questions and written anchors. Immutable, numbered in its project."""

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="rubric_revisions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="rubric_revision_number"),
            models.UniqueConstraint(fields=["project", "content_hash"], name="rubric_revision_content"),
        ]

    def __str__(self) -> str:
        return f"Rubric {self.number}"
