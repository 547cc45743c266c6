"""Scorecards: the list, the page, its export, and scoring again when ratings have come."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from evaluation import selectors, services
from evaluation.campaigns.blinding import sealed_versions
from evaluation.jobs import BASELINE, COMPARE
from evaluation.models import Scorecard
from evaluation.scorecards import export
from evaluation.scorecards.cardpage import page_of
from ftplatform.jobs.selectors import live_job
from ftplatform.projects.access import ADMIN, READERS, Access, enter, enter_by
from ftplatform.projects.seals import refuse_if_sealed


@login_required
@require_GET
def scorecards(request: HttpRequest, slug: str) -> HttpResponse:
    """Which cards there are, and their verdicts where no seal keeps them from the caller; figures stand on the cards themselves."""
    access = enter(request, slug, READERS)
    sealed = sealed_versions(access)
    cards = selectors.scorecards_of(access.project)[: selectors.LISTED]
    context = {
        "access": access,
        "cards": [(card, not selectors.versions_of_card(card).isdisjoint(sealed)) for card in cards],
        "job": live_job(access, BASELINE.name, COMPARE.name),
        "here": "scorecard",
    }
    return render(request, "evaluation/scorecards.html", context)


@login_required
@require_GET
def scorecard(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    access, card = _card(request, slug, number)
    context = {"access": access, "page": page_of(card), "card": card, "formats": export.FORMATS}
    here = "baseline" if card.kind == Scorecard.Kind.BASELINE else "scorecard"
    return render(request, "evaluation/scorecard.html", {**context, "here": here})


@login_required
@require_GET
def export_scorecard(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    _, card = _card(request, slug, number)
    made = export.export(card, request.GET.get("format", "html"))
    return HttpResponse(made.body, content_type=made.content_type, headers={"Content-Disposition": made.disposition})


@login_required
@require_POST
def rescore(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    access, card = _card(request, slug, number, admin=True)
    services.request_rescore(scorecard=card, by=access.actor)
    messages.success(request, "Scored again with the ratings that have come; the new scorecard follows this one.")
    return redirect("evaluation:scorecards", slug)


def _card(request: HttpRequest, slug: str, number: int, *, admin: bool = False) -> tuple[Access, Scorecard]:
    rows = Scorecard.objects.select_related(
        "task_revision",
        "evaluation_set",
        "base_model",
        "candidate",
        "baseline__generation_run",
        "generation_run",
        "rules__created_by",
        "campaign",
        "supersedes",
        "created_by",
    )
    access, card = enter_by(request, rows, ADMIN if admin else READERS, project__slug=slug, number=number)
    refuse_if_sealed(access, selectors.versions_of_card(card))
    return access, card
