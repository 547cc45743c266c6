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
from ftplatform.keepable import shown
from ftplatform.keys import key_of
from ftplatform.projects import selectors, services
from ftplatform.projects.access import ADMIN, ANYONE, READERS, Access, enter
from ftplatform.projects.forms import FirstTaskForm, MemberForm, ProjectForm, RevisionForm
from ftplatform.projects.models import Project, TaskRevision
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
            form.refuse(refused)
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
        return render(request, "projects/home_worker.html", {"project": access.project, "cards": cards})
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
    context = {"project": access.project, "revision": revision, "spec": revision.spec if revision else None}
    return render(request, "projects/task.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def revise_task(request: HttpRequest, slug: str) -> HttpResponse:
    """A refusal keeps what was typed, the revision it was typed over included: another admin's may have come since."""
    access = enter(request, slug, ADMIN)
    current = access.project.task_revision
    form = _task_form(request, access.project)
    refused: Refused | None = None
    if request.method == "POST" and form.is_valid():
        try:
            revision = services.revise_task(
                project=access.project,
                spec=form.cleaned_data["spec"],
                renames=form.cleaned_data.get("renames"),
                replaces=key_of(request.POST.get("replaces", "")) or 0,
                by=access.actor,
            )
        except Refused as refusal:
            refused = refusal
        else:
            _tell_what_comes_next(request, access, revision, current)
            return redirect("projects:task", slug)
    broken = refused.data.get("broken") if refused else None
    if refused and not broken:
        form.refuse(refused)
    status = 409 if refused and refused.status == 409 else 422 if form.errors else 200
    base = form.base if isinstance(form, RevisionForm) else None
    context = {"project": access.project, "current": current, "base": base, "form": form, "broken": broken}
    return render(request, "projects/revise_task.html", context, status=status)


def _task_form(request: HttpRequest, project: Project) -> FirstTaskForm | RevisionForm:
    """The form that was filled in: its parts are those of the revision that it grew from, which may no longer be the current one."""
    current, asked = project.task_revision, key_of(request.POST.get("base", ""))
    number = current.number if current else 0
    base = current if asked in (None, number) else project.task_revisions.filter(number=asked).first()
    return RevisionForm(request.POST or None, base=base) if base else FirstTaskForm(request.POST or None)


def _tell_what_comes_next(
    request: HttpRequest, access: Access, revision: TaskRevision, before: TaskRevision | None
) -> None:
    if before and revision.pk == before.pk:
        messages.success(request, f"Nothing was changed; the task is still revision {revision.number}.")
        return
    done = {step.slug for step in registries.loop_steps(access) if step.state == "done"}
    if "test-set" not in done:
        messages.success(request, f"The task is revision {revision.number} now.")
        return
    then = " and measure its baseline" if "baseline" in done else ""
    messages.warning(
        request,
        f"The task is revision {revision.number} now. The test set{' and the baseline' if then else ''} still belong"
        f"{'' if then else 's'} to an earlier one: freeze the test set again{then} before you train.",
    )


@login_required
@require_safe
def search(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    query = shown(request.GET.get("q", "")).strip()[:LONGEST_QUERY]
    hits = registries.search(access, query) if query else []
    return render(request, "projects/search.html", {"project": access.project, "query": query, "hits": hits})
