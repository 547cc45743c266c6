"""A project's own pages: list, home, members, task, search."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ftplatform.accounts import services as accounts
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import User
from ftplatform.errors import Refused
from ftplatform.jobs.selectors import jobs_of
from ftplatform.projects import selectors, services
from ftplatform.projects.access import ADMIN, ANYONE, READERS, Access, enter
from ftplatform.projects.forms import MemberForm, NewTaskForm, ProjectForm
from ftplatform.projects.models import TaskRevision
from ftplatform.projects.task_forms import WholeForm, WordsForm
from ftplatform.ui import registries

HOME_JOBS = 5
LONGEST_QUERY = 200


@login_required
@require_safe
def project_list(request: HttpRequest) -> HttpResponse:
    return render(request, "projects/list.html", {"projects": selectors.projects_of(cast(User, request.user))[:200]})


@login_required
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            project = services.create_project(
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                spec=form.cleaned_data["spec"],
                by=Actor.of(cast(User, request.user)),
            )
        except Refused as refused:
            form.add_error("name", refused.message)
        else:
            return redirect("projects:home", project.slug)
    return render(request, "projects/create.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@require_safe
def home(request: HttpRequest, slug: str) -> HttpResponse:
    """What waits for whoever looks: an admin's guardrails and jobs, a labeler's or expert's queues, a viewer's scorecards."""
    access = enter(request, slug, ANYONE)
    cards = registries.queue_cards(access)
    if not access.roles & READERS:
        return render(request, "projects/home_queue.html", {"project": access.project, "cards": cards})
    context = {
        "project": access.project,
        "waiting": registries.waiting_items(access),
        "cards": [card for card in cards if card.total],
        "lamps": registries.lamps(access),
        "panels": registries.home_panels(access),
        "jobs": list(jobs_of(access.project)[:HOME_JOBS]),
    }
    return render(request, "projects/home.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def members(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    form = MemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user, role = form.cleaned_data["who"], form.cleaned_data["role"]
        accounts.add_member(project=access.project, user=user, role=role, by=access.actor)
        messages.success(request, f"{user.username} is {role} now.")
        return redirect("projects:members", slug)
    context = {"project": access.project, "form": form, "members": selectors.members_of(access.project)}
    return render(request, "projects/members.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def remove_member(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    membership = get_object_or_404(access.project.memberships.select_related("user", "project"), pk=pk)
    try:
        accounts.remove_member(membership=membership, by=access.actor)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"{membership.user.username} is no longer {membership.role}.")
    return redirect("projects:members", slug)


@login_required
@require_safe
def task(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    revision = access.project.task_revision
    context = {
        "project": access.project,
        "revision": revision,
        "spec": revision.spec if revision else None,
        "is_admin": access.is_admin,
    }
    return render(request, "projects/task.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def revise_task(request: HttpRequest, slug: str) -> HttpResponse:
    """The next revision of the task. What answers contradict is told with its counts beside the form, and all that was typed stays."""
    access = enter(request, slug, ADMIN)
    revision = access.project.task_revision
    if revision is None:
        return _first_task(request, access)
    is_whole = request.GET.get("as") == "json" or not WordsForm.fits(revision.spec)
    form = (WholeForm if is_whole else WordsForm)(
        request.POST if request.method == "POST" else None, present=revision.spec, grown_from=revision.number
    )
    broken: object = ()
    if request.method == "POST" and form.is_valid():
        asked = {name: form.cleaned_data[name] for name in ("spec", "renames", "grown_from")}
        try:
            made = services.revise_task(project=access.project, **asked, by=access.actor)
        except Refused as refused:
            form.refuse(refused)
            broken = refused.data.get("broken", ())
        else:
            return _revised(request, made, changed=made.pk != revision.pk)
    context = {
        "project": access.project,
        "revision": revision,
        "form": form,
        "broken": broken,
        "is_whole": is_whole,
        "has_words": WordsForm.fits(revision.spec),
    }
    return render(request, "projects/revise_task.html", context, status=422 if form.is_bound else 200)


def _first_task(request: HttpRequest, access: Access) -> HttpResponse:
    form = NewTaskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.revise_task(project=access.project, spec=form.cleaned_data["spec"], by=access.actor)
        except Refused as refused:
            form.refuse(refused)
        else:
            return _revised(request, made, changed=True)
    context = {"project": access.project, "revision": None, "form": form}
    return render(request, "projects/revise_task.html", context, status=422 if form.is_bound else 200)


def _revised(request: HttpRequest, made: TaskRevision, *, changed: bool) -> HttpResponse:
    if changed:
        messages.success(request, f"The task is at revision {made.number} now.")
    else:
        messages.info(request, "Nothing was changed: the task is as it was.")
    return redirect("projects:task", made.project.slug)


@login_required
@require_safe
def search(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    query = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_QUERY]
    hits = registries.search(access, query) if query else []
    return render(request, "projects/search.html", {"project": access.project, "query": query, "hits": hits})
