"""The getters through which every page and API view reaches a project. A foreign or missing project is 404; an own project
without the role is 403. Nothing else in the code decides who may see what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest

from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import ApiKey, Role, User
from ftplatform.accounts.selectors import roles_in_project, with_operator
from ftplatform.projects import facts
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
    _facts: dict[facts.Place, Mapping[str, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def actor(self) -> Actor:
        return Actor.of(self.user)

    @property
    def is_admin(self) -> bool:
        return Role.ADMIN in self.roles

    def facts(self, place: facts.Place) -> Mapping[str, Any]:
        """For `Fact.of`: all facts of the place, read once for this access."""
        if place not in self._facts:
            self._facts[place] = facts.read_all(self.project.pk, place)
        return self._facts[place]

    def require(self, allowed: frozenset[Any]) -> None:
        if not self.roles & allowed:
            wanted = " or ".join(sorted(str(Role(role).label).lower() for role in allowed))
            raise PermissionDenied(
                f"This needs the role {wanted} in {self.project.name}. An admin of the project can give it."
            )


def enter(request: HttpRequest, slug: str, allowed: frozenset[Any]) -> Access:
    """The project at this slug for the caller. Raises Http404 (foreign, missing) or PermissionDenied (own, without the role)."""
    projects = Project.objects.select_related("task_revision").annotate(**_roles(request, "pk"))
    project = projects.filter(slug=slug).first()
    return _enter(request, project, project, allowed)


def enter_by(
    request: HttpRequest, owned: models.QuerySet[Any], allowed: frozenset[Any], **lookup: Any
) -> tuple[Access, Any]:
    """The object of a project that `lookup` names, and the caller's access to its project."""
    thing = owned.select_related("project").annotate(**_roles(request, "project")).filter(**lookup).first()
    access = _enter(request, thing.project if thing else None, thing, allowed)
    return access, thing


def _roles(request: HttpRequest, project: str) -> dict[str, Any]:
    """Read with the row itself: every page asks for both."""
    return {"callers_roles": roles_in_project(cast(User, request.user), models.OuterRef(project))}


def _enter(request: HttpRequest, project: Project | None, row: Any, allowed: frozenset[Any]) -> Access:
    """row: what was read with the caller's roles in its project."""
    user = cast(User, request.user)
    key = getattr(request, "auth", None)
    if project is None or (isinstance(key, ApiKey) and key.project_id not in (None, project.pk)):
        raise Http404
    roles = with_operator(user, row.callers_roles)
    if not roles:
        raise Http404
    access = Access(project=project, user=user, roles=roles)
    request.access = access  # type: ignore[attr-defined]  # the frame shows the loop of the project that was entered
    access.require(allowed)
    return access
