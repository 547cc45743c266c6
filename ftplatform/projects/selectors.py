"""Reads of projects."""

from django.db.models import QuerySet

from ftplatform.accounts.models import Membership, User
from ftplatform.projects.models import Project


def projects_of(user: User) -> QuerySet[Project]:
    """The projects that a user is a member of, by name; all of them for the operator."""
    found = Project.objects.select_related("task_revision").order_by("name", "pk")
    return found if user.is_superuser else found.filter(pk__in=user.memberships.values("project"))


def members_of(project: Project) -> list[Membership]:
    return list(Membership.objects.filter(project=project).select_related("user").order_by("user__username", "role"))
