"""Models, generation runs, and two answers side by side."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ftplatform.errors import Refused
from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job
from ftplatform.keys import key_of
from ftplatform.projects.access import ADMIN, READERS, Access, enter, enter_by
from ftplatform.projects.seals import refuse_if_sealed
from ftplatform.projects.selectors import required_task
from ftplatform.ui.forms import RefusableForm
from inference import selectors, services
from inference.forms import REGISTRATIONS, GenerationForm
from inference.jobs import GENERATE
from inference.jobs import REGISTRATIONS as REGISTERING
from inference.models import Deployment, GenerationCell, GenerationRun, ModelVersion
from inference.sidebyside import SHOWS, side_by_side
from inference.uses import uses_of

MODELS_SHOWN = 200
RUNS_A_PAGE = 30
ANSWERS_A_PAGE = 50


# ── models ──


@login_required
@require_GET
def models(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    kinds = [kind.name for kind in REGISTERING]
    under_way = Job.objects.filter(project=access.project, kind__in=kinds, state__in=Job.LIVE)
    context = {
        "access": access,
        "versions": selectors.versions_of(access.project)[:MODELS_SHOWN],
        "under_way": under_way,
    }
    return render(request, "inference/models.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest, slug: str, source: str) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    if source not in REGISTRATIONS:
        raise Http404
    form = REGISTRATIONS[source][1](request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return _register(request, access, source, form)
        except Refused as refused:
            form.refuse(refused)
    tabs = [(name, title) for name, (title, _) in REGISTRATIONS.items()]
    context = {"access": access, "form": form, "source": source, "tabs": tabs}
    return render(request, "inference/register.html", context, status=422 if form.is_bound else 200)


def _register(request: HttpRequest, access: Access, source: str, form: RefusableForm) -> HttpResponse:
    """Registers and goes to the version, or to the list where a job does the work."""
    values, slug = form.cleaned_data, access.project.slug
    if request_it := services.REQUESTS.get(source):
        request_it(project=access.project, by=access.actor, **values)
        messages.success(request, "The model is being registered; this page can be left.")
        return redirect("inference:models", slug)
    version = services.register_remote(project=access.project, by=access.actor, **values)
    messages.success(request, f"{version.name} is registered.")
    return redirect("inference:model", slug, version.number)


@login_required
@require_GET
def model(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    access, version = enter_by(
        request,
        ModelVersion.objects.select_related("base", "parent", "files", "adapter_files", "created_by"),
        READERS,
        project__slug=slug,
        number=number,
    )
    context = {
        "access": access,
        "version": version,
        "ancestors": selectors.ancestors(version),
        "children": version.children.order_by("number"),
        "uses": uses_of(access, version),
        "files": version.files.files.select_related("blob").order_by("path") if version.files else [],
        "adapter_files": (
            version.adapter_files.files.select_related("blob").order_by("path") if version.adapter_files else []
        ),
        "deployments": version.deployments.order_by("pk"),
        "cells": version.generation_cells.select_related("run", "condition").order_by("-pk")[:20],
    }
    return render(request, "inference/model.html", context)


@login_required
@require_POST
def check_deployment(request: HttpRequest, slug: str, number: int, deployment: int) -> HttpResponse:
    """Asks the address now. What it said stands beside it."""
    access = enter(request, slug, ADMIN)
    found = get_object_or_404(
        Deployment.objects.select_related("model_version"),
        pk=deployment,
        model_version__project=access.project,
        model_version__number=number,
    )
    services.check_remote(deployment=found)
    return redirect("inference:model", slug, number)


# ── generation runs ──


@login_required
@require_GET
def generations(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    before = request.GET.get("before", "")
    runs, more = selectors.page_of_runs(access.project, before=key_of(before), size=RUNS_A_PAGE)
    return render(request, "inference/generations.html", {"access": access, "runs": runs, "more": more})


@login_required
@require_http_methods(["GET", "POST"])
def new_generation(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    required_task(access.project.task_revision)
    form = GenerationForm(request.POST or None, project=access.project)
    if request.method == "POST" and form.is_valid():
        dataset, split = form.dataset()
        try:
            run = services.request_generation(
                dataset_version=dataset,
                split=split,
                versions=list(form.cleaned_data["versions"]),
                askings=form.askings(),
                sampling=form.sampling(),
                by=access.actor,
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"Generation run {run.number} is on its way.")
            return redirect("inference:generation", slug, run.number)
    context = {"access": access, "form": form}
    return render(request, "inference/new_generation.html", context, status=422 if form.is_bound else 200)


@login_required
@require_GET
def generation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """A run: progress, its cells' figures, and its answers by page."""
    access, run = _run(request, slug, number)
    cells = selectors.cells_of(run)
    refuse_if_sealed(access, [facts.cell.model_version_id for facts in cells])
    kind = request.GET.get("show", "all")
    cell, after = request.GET.get("cell", ""), request.GET.get("after", "")
    rows, more = selectors.page_of_generations(
        run,
        cell=key_of(cell),
        kind=kind,
        after=key_of(after) or 0,
        size=ANSWERS_A_PAGE,
    )
    context = {
        **_state(access, run),
        "cells": cells,
        "fields": run.task_revision.spec.fields,
        "rows": rows,
        "more": more,
        "kind": kind,
        "cell": cell,
        "kinds": [("all", "All"), ("not-parsed", "Not parsed"), ("empty", "Empty"), ("cut-off", "Cut off"), ("errors", "Errors")],
    }  # fmt: skip
    return render(request, "inference/generation.html", context)


@login_required
@require_GET
def generation_live(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Progress while the run lives; the whole page once it has ended."""
    access, run = _run(request, slug, number)
    if run.job is None or not run.job.is_live:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "inference/generation_state.html", _state(access, run))


@login_required
@require_POST
def stop_generation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    access, run = _run(request, slug, number, admin=True)
    if run.job is None:
        raise Refused("no-job", f"{run} is not under way.", status=409)
    jobs.cancel(job=run.job, by=access.actor)
    messages.success(request, f"{run} stops; the answers that are there are kept.")
    return redirect("inference:generation", slug, number)


@login_required
@require_POST
def resume_generation(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Goes on where it stopped; a run that ended with errors asks those items again."""
    access, run = _run(request, slug, number, admin=True)
    services.resume_generation(run=run, by=access.actor)
    messages.success(request, f"{run} goes on: only what is missing is asked.")
    return redirect("inference:generation", slug, number)


def _run(request: HttpRequest, slug: str, number: int, *, admin: bool = False) -> tuple[Access, GenerationRun]:
    rows = GenerationRun.objects.select_related("job", "dataset_version", "task_revision", "created_by")
    return enter_by(request, rows, ADMIN if admin else READERS, project__slug=slug, number=number)


def _state(access: Access, run: GenerationRun) -> dict[str, object]:
    job = run.job
    errors = bool(job and job.state == Job.State.SUCCEEDED and job.kind == GENERATE.name and job.result.get("errors"))
    stopped = bool(job and job.state in (Job.State.FAILED, Job.State.CANCELLED))
    return {"access": access, "run": run, "job": job, "can_resume": access.is_admin and (errors or stopped)}


# ── side by side ──


@login_required
@require_GET
def compare(request: HttpRequest, slug: str) -> HttpResponse:
    """Two cells on the same items. Refused while the reader rates one of the versions blind."""
    access = enter(request, slug, READERS)
    groups = selectors.comparable(access.project)
    pair = _pair(groups, request.GET.get("left", ""), request.GET.get("right", ""))
    if pair is None:
        return render(request, "inference/compare_empty.html", {"access": access, "here": "compare"})
    group, left, right = pair
    refuse_if_sealed(access, [left.model_version_id, right.model_version_id])
    item = request.GET.get("item", "")
    is_filtered = "show" in request.GET
    found = side_by_side(
        left,
        right,
        by=request.GET.get("by", ""),
        show=request.GET.get("show", "largest"),
        item=key_of(item),
        mark="mark" in request.GET or not is_filtered,
    )
    query = request.GET.copy()
    query.pop("item", None)
    context = {
        "access": access,
        "groups": groups,
        "group": group,
        "left": left,
        "right": right,
        "found": found,
        "shows": SHOWS,
        "hides": "hide" in request.GET,
        "marks": "mark" in request.GET or not is_filtered,
        "query": query.urlencode(),
        "here": "compare",
    }
    return render(request, "inference/compare.html", context)


def _pair(
    groups: list[selectors.Comparable], left: str, right: str
) -> tuple[selectors.Comparable, GenerationCell, GenerationCell] | None:
    """The asked cells where they answered the same items; else the default pair of the newest group that holds one of them."""
    asked = [key_of(text) for text in (left, right)]
    for group in groups:
        cells = {cell.pk: cell for cell in group.cells}
        if asked[0] in cells and asked[1] in cells and asked[0] != asked[1]:
            return group, cells[asked[0]], cells[asked[1]]
    for group in groups:
        if any(cell.pk in asked for cell in group.cells) or asked == [None, None]:
            return (group, *selectors.default_pair(group))
    return (groups[0], *selectors.default_pair(groups[0])) if groups else None
