"""The getters through which every page and API view reaches a project. A foreign or missing project is 404; an own project
without the role is 403. Nothing else in the code decides who may see what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest

from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import ApiKey, Role, User
from ftplatform.accounts.selectors import roles_of
from ftplatform.projects.models import Project

ADMIN = frozenset({Role.ADMIN})
READERS = frozenset({Role.ADMIN, Role.REVIEWER, Role.VIEWER})
LABELERS = frozenset({Role.ADMIN, Role.LABELER, Role.REVIEWER})
REVIEWERS = frozenset({Role.ADMIN, Role.REVIEWER})
EXPERTS = frozenset({Role.ADMIN, Role.EXPERT})
ANYONE = frozenset(Role.values)


@dataclass(frozen=True)
class Access:
    """Who the caller is in this project."""

    project: Project
    user: User
    roles: frozenset[str]

    @property
    def actor(self) -> Actor:
        return Actor.of(self.user)

    @property
    def is_admin(self) -> bool:
        return Role.ADMIN in self.roles

    def require(self, allowed: frozenset[Any]) -> None:
        if not self.roles & allowed:
            wanted = " or ".join(sorted(str(Role(role).label).lower() for role in allowed))
            raise PermissionDenied(
                f"This needs the role {wanted} in {self.project.name}. An admin of the project can give it."
            )


def enter(request: HttpRequest, slug: str, allowed: frozenset[Any]) -> Access:
    """The project at this slug for the caller. Raises Http404 (foreign, missing) or PermissionDenied (own, without the role)."""
    project = Project.objects.select_related("task_revision").filter(slug=slug).first()
    return _enter(request, project, allowed)


def enter_by(
    request: HttpRequest, owned: models.QuerySet[Any], allowed: frozenset[Any], **lookup: Any
) -> tuple[Access, Any]:
    """The object of a project that `lookup` names, and the caller's access to its project."""
    thing = owned.select_related("project").filter(**lookup).first()
    access = _enter(request, thing.project if thing else None, allowed)
    return access, thing


def _enter(request: HttpRequest, project: Project | None, allowed: frozenset[Any]) -> Access:
    user = cast(User, request.user)
    key = getattr(request, "auth", None)
    if project is None or (isinstance(key, ApiKey) and key.project_id not in (None, project.pk)):
        raise Http404
    roles = roles_of(user, project.pk)
    if not roles:
        raise Http404
    access = Access(project=project, user=user, roles=roles)
    request.access = access  # type: ignore[attr-defined]  # the frame shows the loop of the project that was entered
    access.require(allowed)
    return access
