"""Reads of projects."""

from django.db.models import QuerySet

from ftplatform.accounts.models import Membership, User
from ftplatform.errors import Refused
from ftplatform.projects.models import Project, TaskRevision


def projects_of(user: User) -> QuerySet[Project]:
    """The projects that a user is a member of, by name; all of them for the operator."""
    found = Project.objects.select_related("task_revision").order_by("name", "pk")
    return found if user.is_superuser else found.filter(pk__in=user.memberships.values("project"))


def current_task(project: Project) -> TaskRevision | None:
    """Read anew, for whoever holds a lock under which the task does not change: the caller's `project` may be older than that."""
    return TaskRevision.objects.filter(pk__in=Project.objects.filter(pk=project.pk).values("task_revision")).first()


def required_task(revision: TaskRevision | None) -> TaskRevision:
    """A project's task, for what cannot be done without one. Raises Refused where it was never said."""
    if revision is None:
        raise Refused("no-task", "Say first what the task is: its inputs and fields.", status=409)
    return revision


def members_of(project: Project) -> list[Membership]:
    return list(Membership.objects.filter(project=project).select_related("user").order_by("user__username", "role"))
