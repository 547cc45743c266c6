from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    """Who did what to which thing and when. Append-only: a trigger refuses UPDATE and DELETE."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    project = models.ForeignKey("projects.Project", on_delete=models.PROTECT, null=True, related_name="+")
    verb = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["project", "-id"]), models.Index(fields=["object_kind", "object_id"])]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.object_kind}:{self.object_id}"
