"""Users, their roles in projects, and API keys."""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Upper


class User(AbstractUser):
    """A person. What touches the machine or the network outside belongs to the operator (`is_superuser`)."""

    class Theme(models.TextChoices):
        AUTO = "auto"
        LIGHT = "light"
        DARK = "dark"

    theme = models.CharField(max_length=5, choices=Theme.choices, default=Theme.AUTO)

    class Meta(AbstractUser.Meta):
        # Upper, as `iexact` asks, so that signing in goes by this index too.
        constraints = [models.UniqueConstraint(Upper("username"), name="one_username_whatever_its_case")]


class Role(models.TextChoices):
    ADMIN = "admin", "Admin"
    LABELER = "labeler", "Labeler"
    REVIEWER = "reviewer", "Reviewer"
    EXPERT = "expert", "Expert"
    VIEWER = "viewer", "Viewer"


class Membership(models.Model):
    """One user, one role, one project. Several roles are several rows."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "project", "role"], name="one_membership_a_role"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.project}"


class ApiKey(models.Model):
    """`ft_<id>_<random>`: looked up by id, its SHA-256 compared. The random part is shown once and not kept.

    Its random part has 256 bits, so a slow password hash would cost time on a hot path and add nothing.
    """

    id = models.CharField(primary_key=True, max_length=12)
    digest = models.CharField(max_length=64)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, null=True, related_name="api_keys")
    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=10, default="api", choices=[("api", "API"), ("gateway", "Gateway only")])
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"ft_{self.id}_… ({self.name})"
