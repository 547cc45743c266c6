"""The front door, the audit trail, and the page about keys."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from ftplatform.accounts.models import User
from ftplatform.audit.models import AuditEvent
from ftplatform.keys import key_of
from ftplatform.projects.access import ADMIN, enter
from ftplatform.projects.selectors import projects_of

PAGE = 50


@login_required
@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """To the user's only project, or to the list of them."""
    projects = list(projects_of(cast(User, request.user))[:2])
    if len(projects) == 1:
        return redirect("projects:home", projects[0].slug)
    return redirect("projects:list")


@login_required
@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    return render(request, "ui/keys.html")


@login_required
@require_safe
def audit(request: HttpRequest, slug: str) -> HttpResponse:
    """Who did what, newest first, by key."""
    access = enter(request, slug, ADMIN)
    events = AuditEvent.objects.filter(project=access.project).order_by("-pk")
    before = key_of(request.GET.get("before", ""))
    if before is not None:
        events = events.filter(pk__lt=before)
    shown = list(events[: PAGE + 1])
    older = shown[PAGE - 1].pk if len(shown) > PAGE else None
    # Pairs, since a template takes `data.items` for the key "items" where there is one.
    events_shown = [(event, list(event.data.items())) for event in shown[:PAGE]]
    return render(request, "audit/list.html", {"events": events_shown, "older": older, "project": access.project})
