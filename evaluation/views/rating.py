"""The bench: an expert rates one item after another, blind. Nothing but `blinding.payload` tells these pages of an answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evaluation import selectors, services
from evaluation.campaigns import ratingform
from evaluation.campaigns.blinding import payload
from evaluation.models import Assignment, CampaignRater
from ftplatform.errors import Conflict, Refused
from ftplatform.keys import key_of
from ftplatform.projects.access import EXPERTS, Access, enter

PREFERENCES = (("a", "A", "A is better"), ("=", "tie", "Tie"), ("0", "both_bad", "Both bad"), ("b", "B", "B is better"))
"""(key, value, words) of the pairwise question."""


@login_required
@never_cache
@require_GET
def rate(request: HttpRequest, slug: str, campaign: int) -> HttpResponse:
    """The next item in this expert's hands, or thanks when nothing is left."""
    access, rater = enter_as_rater(request, slug, campaign)
    try:
        assignment = services.next_item(rater=rater)
    except Conflict as conflict:
        return _thanks(request, access, rater, ended=conflict.message)
    if assignment is None:
        return _thanks(request, access, rater)
    return _bench(request, access, rater, assignment, assignment.draft)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def item(request: HttpRequest, slug: str, campaign: int, item: UUID) -> HttpResponse:
    """Submits an item, or revises one of one's own. A refusal keeps what was entered."""
    access, rater = enter_as_rater(request, slug, campaign)
    assignment = _own(rater, item)
    newest = selectors.newest_rating(assignment)
    if request.method == "GET":
        state = ratingform.of_rating(newest) if newest else assignment.draft
        return _bench(request, access, rater, assignment, state, supersedes=newest.pk if newest else None)
    answer = ratingform.entered(request.POST, payload(assignment))
    supersedes = request.POST.get("supersedes", "")
    try:
        if (revised := key_of(supersedes)) is not None:
            services.revise_rating(assignment=assignment, answer=answer, supersedes=revised, by=access.actor)
            messages.success(request, "Your rating is changed.")
        else:
            services.submit_rating(assignment=assignment, answer=answer, by=access.actor)
    except Conflict as conflict:
        if "rating" in conflict.data:
            # Another rating stands there: what was entered comes again, to be put in its place.
            newest = selectors.newest_rating(assignment)
            revised = newest.pk if newest else None
            return _bench(request, access, rater, assignment, answer, supersedes=revised, refused=conflict)
        messages.warning(request, conflict.message)
    except Refused as refused:
        return _bench(request, access, rater, assignment, answer, supersedes=revised, refused=refused)
    return redirect("evaluation:rate", slug, campaign)


@login_required
@require_POST
def draft(request: HttpRequest, slug: str, campaign: int, item: UUID) -> HttpResponse:
    """Keeps half-done work: {"draft_revision"}. 409 when another tab was faster: {"detail"} and the draft_revision that stands, or the
    rating."""
    _, rater = enter_as_rater(request, slug, campaign)
    assignment = _own(rater, item)
    revision = request.POST.get("revision", "")
    try:
        kept = services.save_draft(
            assignment=assignment,
            draft=ratingform.entered(request.POST, payload(assignment)),
            revision=key_of(revision) or 0,
        )
    except Conflict as conflict:
        return JsonResponse({"detail": conflict.message, **conflict.data}, status=409)
    return JsonResponse({"draft_revision": kept.draft_revision})


@login_required
@require_POST
def release(request: HttpRequest, slug: str, campaign: int, item: UUID) -> HttpResponse:
    access, rater = enter_as_rater(request, slug, campaign)
    services.release_item(assignment=_own(rater, item), by=access.actor)
    messages.success(request, "Put back; it comes again at the end.")
    return redirect("evaluation:rate", slug, campaign)


@login_required
@never_cache
@require_GET
def last_items(request: HttpRequest, slug: str, campaign: int) -> HttpResponse:
    """One's own last ratings, each of which can be revised."""
    access, rater = enter_as_rater(request, slug, campaign)
    context = {"access": access, "campaign": rater.campaign, "items": selectors.last_rated(rater)}
    return render(request, "evaluation/last_items.html", context)


def enter_as_rater(request: HttpRequest, slug: str, campaign: int) -> tuple[Access, CampaignRater]:
    """Raises Http404 for no such campaign, PermissionDenied for one that the caller was not invited to."""
    access = enter(request, slug, EXPERTS)
    found = access.project.campaigns.filter(number=campaign).first()
    if found is None:
        raise Http404
    rater = selectors.rater_of(found, access.user)
    if rater is None:
        raise PermissionDenied("You are not invited to this campaign. An admin of the project can invite you.")
    return access, rater


def _own(rater: CampaignRater, item: UUID) -> Assignment:
    assignment = selectors.shown_assignments().filter(rater=rater, pk=item).first()
    if assignment is None:
        raise Http404
    return assignment


def _bench(
    request: HttpRequest,
    access: Access,
    rater: CampaignRater,
    assignment: Assignment,
    state: Any,
    *,
    supersedes: int | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    shown = payload(assignment)
    context = {
        "access": access,
        "campaign_name": rater.campaign.name,
        "campaign_number": rater.campaign.number,
        "shown": shown,
        "bench": ratingform.bench(shown, state),
        "progress": selectors.progress_of(rater),
        "preferences": PREFERENCES,
        "supersedes": supersedes,
        "refused": refused,
    }
    return render(request, "evaluation/rate.html", context, status=_status(refused))


def _status(refused: Refused | None) -> int:
    """A form that is not complete is 422, as on every page; another rating in its place is 409, as in the API."""
    if refused is None:
        return 200
    return 409 if isinstance(refused, Conflict) else 422


def _thanks(request: HttpRequest, access: Access, rater: CampaignRater, *, ended: str = "") -> HttpResponse:
    context = {
        "access": access,
        "campaign": rater.campaign,
        "progress": selectors.progress_of(rater),
        "ended": ended,
    }
    return render(request, "evaluation/thanks.html", context)
