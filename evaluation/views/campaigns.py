"""Campaigns as an admin sees them: who rates, how far it is, what the ratings say until now."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evaluation import selectors, services
from evaluation.forms import CampaignForm, InviteForm, OverrideForm, has_choices
from evaluation.models import Campaign
from evaluation.scorecards import cardview
from evaluation.scorecards.campaign_results import results_of, shortfalls_of
from evaluation.scoring.rules import Rules
from ftplatform.errors import Refused
from ftplatform.keys import key_of
from ftplatform.projects.access import ADMIN, READERS, Access, enter, enter_by
from ftplatform.projects.seals import refuse_if_sealed


@login_required
@require_GET
def campaigns(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    context = {
        "access": access,
        "campaigns": selectors.campaigns_of(access.project)[: selectors.LISTED],
        "can_open": selectors.ratable(access.project).exists(),
        "here": "rate",
    }
    return render(request, "evaluation/campaigns.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new_campaign(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    wanted = request.GET.get("scorecard", "")
    initial = {"scorecard": key_of(wanted)} if wanted else None
    form = CampaignForm(request.POST or None, project=access.project, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            rubric = services.ensure_rubric(project=access.project, by=access.actor)
            made = services.open_campaign(rubric=rubric, **form.cleaned_data, by=access.actor)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, "The campaign is open; now invite the experts who will rate.")
            return redirect("evaluation:campaign", slug, made.number)
    context = {
        "access": access,
        "form": form,
        "can_open": has_choices(form, "scorecard"),
        "here": "rate",
    }
    return render(request, "evaluation/new_campaign.html", context, status=422 if form.errors else 200)


@login_required
@require_GET
def campaign(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    access, found = _campaign(request, slug, number, admin=False)
    return _page(request, access, found)


@login_required
@require_POST
def invite(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    access, found = _campaign(request, slug, number)
    form = InviteForm(request.POST, people=selectors.invitable(found))
    if form.is_valid():
        try:
            services.invite_rater(campaign=found, user=form.cleaned_data["user"], by=access.actor)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(
                request, f"{form.cleaned_data['user'].username} is invited and finds the campaign at home."
            )
            return redirect("evaluation:campaign", slug, number)
    return _page(request, access, found, invite_form=form, status=422)


@login_required
@require_POST
def close(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    access, found = _campaign(request, slug, number)
    services.close_campaign(campaign=found, by=access.actor)
    messages.success(request, f"“{found.name}” is closed.")
    return redirect("evaluation:campaign", slug, number)


@login_required
@require_http_methods(["GET", "POST"])
def override(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """An admin who also rates opens the sealed pages, with a reason that stays in the audit trail."""
    access, found = _campaign(request, slug, number)
    form = OverrideForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.override_blindness(campaign=found, reason=form.cleaned_data["reason"], by=access.actor)
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.warning(request, "You can now see who wrote what, so do not rate in this campaign from now on.")
            return redirect("evaluation:campaign", slug, number)
    context = {"access": access, "campaign": found, "form": form, "here": "rate"}
    return render(request, "evaluation/override.html", context, status=422 if form.errors else 200)


def _campaign(request: HttpRequest, slug: str, number: int, *, admin: bool = True) -> tuple[Access, Campaign]:
    """By the annotated rows of the list, so that both pages count alike."""
    rows = selectors.all_campaigns()
    return enter_by(request, rows, ADMIN if admin else READERS, project__slug=slug, number=number)


def _page(
    request: HttpRequest,
    access: Access,
    found: Campaign,
    *,
    invite_form: InviteForm | None = None,
    status: int = 200,
) -> HttpResponse:
    items: int = found.item_count  # type: ignore[attr-defined]  # annotated by all_campaigns
    raters = selectors.raters_of(found)
    form = invite_form or InviteForm(people=selectors.invitable(found))
    context = {
        "access": access,
        "campaign": found,
        "raters": raters,
        "my_rating": any(rater.user == access.user for rater in raters),
        "wanted": items * found.overlap,
        "invite_form": form,
        "can_invite": has_choices(form, "user"),
        "shortfalls": shortfalls_of(found, items) if found.state == Campaign.State.OPEN else [],
        "here": "rate",
    }
    return render(request, "evaluation/campaign.html", {**context, **_results(access, found)}, status=status)


def _results(access: Access, found: Campaign) -> dict[str, object]:
    """The live results, or why the caller may not see them."""
    arms = list(found.arms.select_related("cell__model_version", "cell__condition").order_by("-is_baseline"))
    try:
        refuse_if_sealed(access, {arm.cell.model_version_id for arm in arms})
    except PermissionDenied as sealed:
        return {"sealed": str(sealed)}
    card = selectors.scorecard_of(found)
    results = results_of(found)
    return {
        "results": results,
        "table": cardview.human(results, Rules.model_validate(found.rules.content)),
        "card": card,
        "new_ratings": card.new_ratings if card else 0,  # type: ignore[attr-defined]  # annotated by scorecard_of
        "arms": arms,
        "self_naming": selectors.self_naming(found),
    }
