"""Runs: the list, a new one, and the page on which a run is watched, stopped and resumed."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ftplatform.errors import Refused
from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job
from ftplatform.jobs.selectors import last_events
from ftplatform.keys import key_of
from ftplatform.projects.access import ADMIN, READERS, Access, enter, enter_by
from ftplatform.ui.registries import registered
from training import selectors
from training.forms import CHOICE_TITLES, RunForm
from training.models import TrainingRun
from training.samples import samples_of, sealed
from training.services import start_training

RUNS_A_PAGE = 30
LOG_LINES = 12
ROWS_SHOWN = 20


@login_required
@require_GET
def runs(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    before = request.GET.get("before", "")
    found, more = selectors.page_of_runs(access.project, before=key_of(before), size=RUNS_A_PAGE)
    context = {"runs": found, "more": more, **_lock(access), "here": "runs"}
    return render(request, "training/runs.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new_run(request: HttpRequest, slug: str) -> HttpResponse:
    """The form, filled with another run's settings where `?like=number` names one; a refusal keeps what was typed."""
    access = enter(request, slug, ADMIN)
    form = RunForm(request.POST or None, project=access.project, initial=_like(access, request.GET.get("like", "")))
    if request.method == "POST" and form.is_valid():
        try:
            run = start_training(
                dataset_version=form.cleaned_data["dataset_version"],
                base_version=form.cleaned_data["base_version"],
                hyperparameters=form.hyperparameters(),
                by=access.actor,
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"Run {run.number} is on its way.")
            return redirect("training:run", slug, run.number)
    context = {"form": form, **_lock(access), "here": "runs"}
    return render(request, "training/new_run.html", context, status=422 if form.is_bound else 200)


@login_required
@require_GET
def row_check(request: HttpRequest, slug: str) -> HttpResponse:
    """What the run would find, for what the form holds at this moment: rows that do not fit, settings that look like a slip."""
    access = enter(request, slug, ADMIN)
    form = RunForm(request.GET, project=access.project)
    context: dict[str, object] = {"access": access, "shown": ROWS_SHOWN}
    try:
        context["check"] = form.row_check()
    except Refused as refused:
        context["refusal"] = refused.message
    context["warnings"] = form.warnings()
    context["leaves_out"] = form.cleaned_data.get("overlong") == "skip"
    return render(request, "training/row_check.html", context)


def _lock(access: Access) -> dict[str, object]:
    """Whether training is open, and the way to what is missing: a step of the loop that another room provides, or a model."""
    lock = selectors.training_lock(access.project)
    href = ""
    if lock.missing == "model":
        href = reverse("inference:register-model", args=[access.project.slug, "embedded"])
    elif lock.missing in registered.loop:
        href = registered.loop[lock.missing](access).href
    return {"access": access, "lock": lock, "lock_href": href}


def _like(access: Access, number: str) -> dict[str, object]:
    """The settings of an earlier run as the form's initial values."""
    run = TrainingRun.objects.filter(project=access.project, number=key_of(number)).first()
    if run is None:
        return {}
    settings = dict(run.hyperparameters)
    if isinstance(settings.get("target_modules"), list):
        settings["target_modules"] = ", ".join(settings["target_modules"])
    return {**settings, "dataset_version": run.dataset_version_id, "base_version": run.base_version_id}


@login_required
@require_GET
def run(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    access, found = _run(request, slug, number)
    previous = selectors.previous_run(found)
    settings = selectors.settings_of(found, previous)
    context = {
        **_live(access, found),
        "settings": settings,
        "changed": sum(1 for setting in settings if setting.was is not None),
        "previous": previous,
        "here": "runs",
    }
    return render(request, "training/run.html", context)


@login_required
@require_GET
def run_live(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """What changes while the run lives. When it has ended the whole page is asked for anew: its buttons are others."""
    access, found = _run(request, slug, number)
    assert found.job
    if not found.job.is_live:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "training/run_live.html", _live(access, found))


@login_required
@require_POST
def stop_run(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    return _of_its_job(request, slug, number, jobs.cancel, "Run {} stops at the next safe point.")


@login_required
@require_POST
def resume_run(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    return _of_its_job(request, slug, number, jobs.resume, "Run {} goes on from its last checkpoint.")


def _of_its_job(request: HttpRequest, slug: str, number: int, act: Callable[..., Job], done: str) -> HttpResponse:
    """The page may be some seconds old: a run that has ended meanwhile is shown, with the word that it has."""
    access, found = _run(request, slug, number, admin=True)
    assert found.job
    try:
        act(job=found.job, by=access.actor)
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, done.format(found.number))
    return redirect("training:run", slug, number)


def _run(request: HttpRequest, slug: str, number: int, *, admin: bool = False) -> tuple[Access, TrainingRun]:
    rows = TrainingRun.objects.select_related(
        "job", "dataset_version", "base_version", "model_version", "created_by", "baseline", "task_revision"
    )
    access, found = enter_by(request, rows, ADMIN if admin else READERS, project__slug=slug, number=number)
    return access, found


def _live(access: Access, found: TrainingRun) -> dict[str, object]:
    assert found.job
    began = found.job.started_at
    seal = sealed(access, found)
    return {
        "access": access,
        "run": found,
        "job": found.job,
        "view": selectors.run_view(found),
        "sealed": seal,
        "samples": None if seal else samples_of(found),
        "machine": selectors.machine_facts(found, found.job),
        "events": last_events(found.job, LOG_LINES),
        "method": CHOICE_TITLES.get(found.hyperparameters["method"], found.hyperparameters["method"]),
        "running_seconds": (timezone.now() - began).total_seconds() if began else None,
    }
