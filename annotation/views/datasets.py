"""The test set, the splits, and frozen versions with their cards."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotation import selectors, services
from annotation.downloads import exported
from annotation.forms import FreezeForm, SplitsForm, TestSetForm, export_formats
from annotation.models import DatasetVersion, Split
from annotation.panels import panels_of
from ftplatform.errors import Refused
from ftplatform.projects.access import ADMIN, READERS, Access, enter, enter_by
from ftplatform.ui.forms import RefusableForm

ITEMS_A_PAGE = 10
SUGGESTED_TEST, LEAST_TEST = 500, 2


@login_required
@require_http_methods(["GET", "POST"])
def test_set(request: HttpRequest, slug: str) -> HttpResponse:
    """Draws and freezes the test set: the first thing, before any baseline."""
    access = enter(request, slug, ADMIN if request.method == "POST" else READERS)
    counts = selectors.counts_of(access.project)
    initial = _suggested(counts)
    form = TestSetForm(request.POST or None, project=access.project, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            version = services.freeze_evaluation_set(
                project=access.project,
                size=values["size"],
                stratify=values["stratify"] or None,
                seed=values["seed"],
                validation=values["validation"],
                by=access.actor,
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{version} is frozen with {version.size} tickets.")
            return _to(version)
    sets = list(selectors.versions_of(access.project, DatasetVersion.Kind.EVALUATION))
    context = {
        "access": access,
        "form": form,
        "counts": counts,
        "sets": sets,
        "changed": selectors.changed_labels(sets[0]) if sets else 0,
        "is_another_task": bool(sets) and sets[0].task_revision_id != access.project.task_revision_id,
        "here": "test-set",
    }
    return render(request, "annotation/test_set.html", context, status=422 if form.is_bound else 200)


def _suggested(counts: selectors.Counts) -> dict[str, int]:
    """A quarter for the test set, and a tenth of the others for validation while nothing is drawn yet."""
    size = max(LEAST_TEST, min(SUGGESTED_TEST, counts.resolved // 4))
    others = counts.resolved - size
    return {"size": size} | ({"validation": max(1, others // 10)} if others > 1 and not counts.train else {})


@login_required
@require_POST
def test_set_again(request: HttpRequest, slug: str) -> HttpResponse:
    """The test set as it is labelled today, without drawing."""
    access = enter(request, slug, ADMIN)
    try:
        version = services.refreeze_evaluation_set(project=access.project, by=access.actor)
    except Refused as refused:
        messages.warning(request, refused.message)
        return redirect("annotation:test-set", slug)
    messages.success(request, f"{version} is frozen with today's labels. Measure its baseline next.")
    return _to(version)


@login_required
@require_GET
def datasets(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    return _datasets(request, access)


@login_required
@require_POST
def splits(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    form = SplitsForm(request.POST, project=access.project)
    if form.is_valid():
        values = form.cleaned_data
        try:
            counts = services.draw_splits(
                project=access.project,
                validation=values["validation"],
                stratify=values["stratify"] or None,
                seed=values["seed"],
                limit_train=values["limit_train"],
                by=access.actor,
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(
                request, f"{counts['train']} tickets are for training, {counts['validation']} for validation."
            )
            return redirect("annotation:datasets", slug)
    return _datasets(request, access, splits=form)


@login_required
@require_POST
def freeze(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    form = FreezeForm(request.POST, project=access.project)
    if form.is_valid():
        try:
            version = services.freeze_training_set(project=access.project, by=access.actor, **form.cleaned_data)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{version} is frozen with {version.size} tickets.")
            return _to(version)
    return _datasets(request, access, freeze=form)


def _datasets(request: HttpRequest, access: Access, **bound: RefusableForm) -> HttpResponse:
    project = access.project
    counts = selectors.counts_of(project)
    initial = {"validation": max(1, counts.resolved // 10)}
    context: dict[str, Any] = {
        "access": access,
        "counts": counts,
        "versions": selectors.versions_of(project),
        "has_test_set": DatasetVersion.objects.filter(project=project, kind=DatasetVersion.Kind.EVALUATION).exists(),
        "splits": SplitsForm(project=project, initial=initial),
        "freeze": FreezeForm(project=project),
        "here": "dataset",
        **bound,
    }
    return render(request, "annotation/datasets.html", context, status=422 if bound else 200)


@login_required
@require_GET
def dataset(request: HttpRequest, slug: str, kind: str, number: str) -> HttpResponse:
    """A version: its card, and its items as the model will see them."""
    access, version = _version(request, slug, kind, number)
    split = request.GET.get("split", "")
    split = split if split in Split.values else ""
    start = request.GET.get("from", "")
    start_at = int(start) if start.isascii() and start.isdecimal() and len(start) < 9 else 0
    items, more = selectors.item_page(version, split, start=start_at, size=ITEMS_A_PAGE)
    histogram = version.card.get("completion_histogram", [])
    most = max((one["count"] for one in histogram), default=0) or 1
    context = {
        "access": access,
        "version": version,
        "labels": [
            (name, [(label, [by_split.get(one, 0) for one in version.counts]) for label, by_split in table.items()])
            for name, table in version.card.get("labels", {}).items()
        ],
        "left_out": version.card.get("left_out", []),
        "near": version.card.get("near_prompts", {}),
        "draw": version.card.get("draw", {}),
        "histogram": [(one, 100 * one["count"] / most) for one in histogram],
        "items": [(item, panels_of(item)) for item in items],
        "more": more,
        "split": split,
        "formats": export_formats(),
        "here": "test-set" if version.kind == DatasetVersion.Kind.EVALUATION else "dataset",
    }
    return render(request, "annotation/dataset.html", context)


@login_required
@require_GET
def export(request: HttpRequest, slug: str, kind: str, number: str) -> FileResponse:
    _, version = _version(request, slug, kind, number)
    return exported(version, request.GET.get("format", "jsonl"), request.GET.get("split") or None)


def _version(request: HttpRequest, slug: str, kind: str, number: str) -> tuple[Access, DatasetVersion]:
    rows = DatasetVersion.objects.select_related("task_revision", "evaluation_set", "created_by")
    return enter_by(request, rows, READERS, project__slug=slug, kind=kind, number=number)


def _to(version: DatasetVersion) -> HttpResponse:
    return redirect("annotation:dataset", version.project.slug, version.kind, version.number)
