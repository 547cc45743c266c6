"""What is set before results: the baseline, the release rules, a new comparison."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from annotation.codecs import unframed_choices
from annotation.selectors import counts_of
from evaluation import selectors, services
from evaluation.forms import BaselineForm, ComparisonForm, RulesForm, has_choices
from evaluation.jobs import BASELINE, COMPARE
from evaluation.scoring.rules import Rules
from ftplatform.errors import Refused
from ftplatform.jobs.selectors import live_job
from ftplatform.keys import key_of
from ftplatform.projects.access import ADMIN, READERS, enter


@login_required
@require_http_methods(["GET", "POST"])
def baseline(request: HttpRequest, slug: str) -> HttpResponse:
    """Step 3 of the loop: the baselines that exist, the one that is being made, and the form of the next one."""
    access = enter(request, slug, ADMIN if request.method == "POST" else READERS)
    project = access.project
    form = BaselineForm(request.POST or None, project=project)
    if request.method == "POST" and form.is_valid():
        try:
            services.request_baseline(**form.cleaned_data, by=access.actor)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "The base model is being measured; this page can be left.")
            return redirect("evaluation:baseline", slug)
    context = {
        "access": access,
        "form": form,
        "baselines": selectors.baselines_of(project)[: selectors.LISTED],
        "job": live_job(access, BASELINE.name),
        "has_set": has_choices(form, "evaluation_set"),
        "has_model": has_choices(form, "base_model"),
        "train": counts_of(project).train,
        "unframed": unframed_choices(project.task_revision.spec) if project.task_revision else [],
        "here": "baseline",
    }
    return render(request, "evaluation/baseline.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    """All release rules ever set, and the form of the next ones, filled with the newest."""
    access = enter(request, slug, ADMIN if request.method == "POST" else READERS)
    found = list(selectors.rules_of(access.project)[: selectors.LISTED])
    newest = Rules.model_validate(found[0].content) if found else Rules()
    form = RulesForm(request.POST or None, rules=newest)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.set_rules(project=access.project, rules=form.cleaned_data["rules"], by=access.actor)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"{row} are set.")
            return redirect("evaluation:rules", slug)
    context = {
        "access": access,
        "form": form,
        "rows": [(row, Rules.model_validate(row.content)) for row in found],
        "here": "scorecard",
    }
    return render(request, "evaluation/rules.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def new_comparison(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    project = access.project
    wanted = request.GET.get("candidate", "")
    initial = {"candidate": key_of(wanted)} if wanted else None
    form = ComparisonForm(request.POST or None, project=project, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.request_comparison(**form.cleaned_data, by=access.actor)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "The candidate is being asked; its scorecard comes when all answers are there.")
            return redirect("evaluation:scorecards", slug)
    context = {
        "access": access,
        "form": form,
        "job": live_job(access, COMPARE.name),
        "has_baseline": has_choices(form, "baseline"),
        "has_candidate": has_choices(form, "candidate"),
        "here": "scorecard",
    }
    return render(request, "evaluation/new_comparison.html", context, status=422 if form.errors else 200)
