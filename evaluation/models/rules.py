from django.conf import settings
from django.db import models


class ReleaseRules(models.Model):
    """What a candidate must show to be shipped: an immutable row. Whether it was set before results is told by its time."""

    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, related_name="release_rules")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="release_rules_number")]

    def __str__(self) -> str:
        return f"Release rules {self.number}"
