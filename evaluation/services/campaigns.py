"""Rating campaigns: opened on finished answers, rated blind, closed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from evaluation.campaigns import blinding
from evaluation.campaigns.drawing import USUAL_ITEMS, Sides, draw, sides_of
from evaluation.models import (
    Campaign,
    CampaignArm,
    CampaignItem,
    CampaignRater,
    ItemAnswer,
    ReleaseRules,
    RubricRevision,
    Scorecard,
)
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import Membership, User
from ftplatform.accounts.selectors import with_operator
from ftplatform.audit.services import record
from ftplatform.errors import Conflict, Refused
from ftplatform.projects.access import EXPERTS, READERS
from ftplatform.projects.numbering import next_number
from inference.models import Generation, GenerationCell


@transaction.atomic
def open_campaign(
    *,
    scorecard: Scorecard,
    rubric: RubricRevision,
    rules: ReleaseRules,
    name: str = "",
    items: int = USUAL_ITEMS,
    overlap: int = 2,
    asks_preference: bool = False,
    seed: int = 0,
    raters: Iterable[User] = (),
    by: Actor,
) -> Campaign:
    """Opens a blind campaign on the answers that a comparison scorecard compared. Items are a seeded sample of the evaluation set's
    tickets, those with the fewest ratings first, so that another campaign adds to the evidence.

    raters: those who are invited at once; where one may not rate, nothing is opened.
    """
    sides = sides_of(scorecard)
    _refuse_telling_name(name, sides.cells)
    project = scorecard.project
    number = next_number(Campaign.objects.all(), project)  # its lock: two who open at once draw different tickets
    tickets = draw(scorecard, sides, rubric, seed)[:items]
    campaign = Campaign.objects.create(
        project=project,
        number=number,
        name=name or f"Answers of {project.name}",
        rubric=rubric,
        rules=rules,
        evaluation_set=scorecard.evaluation_set,
        text_field=sides.field,
        asks_preference=asks_preference,
        overlap=overlap,
        seed=seed,
        created_by=by.user,
    )
    _show(campaign, sides, tickets)
    record(
        by=by, verb="campaign.open", target=campaign, project=project, data={"items": len(tickets), "overlap": overlap}
    )
    for user in raters:
        _invite(campaign, user, by=by, field="raters")
    return campaign


def _show(campaign: Campaign, sides: Sides, tickets: list[int]) -> None:
    """The rows that raters will see: arms, items, and each answer's text as it is now."""
    rows = CampaignItem.objects.bulk_create(
        CampaignItem(campaign=campaign, item_id=item, position=position) for position, item in enumerate(tickets)
    )
    shown = []
    for cell in sides.cells:
        arm = CampaignArm.objects.create(campaign=campaign, cell=cell, is_baseline=cell == sides.base)
        answers = {one.item_id: one for one in Generation.objects.filter(cell=cell, item__in=tickets)}
        for row in rows:
            text = blinding.shown_text(sides.spec, sides.field, answers[row.item_id])
            naming = blinding.self_naming(text)
            shown.append(
                ItemAnswer(campaign_item=row, arm=arm, generation=answers[row.item_id], text=text, self_naming=naming)
            )
    ItemAnswer.objects.bulk_create(shown)


def _refuse_telling_name(name: str, cells: list[GenerationCell]) -> None:
    """Raters see the campaign's name above every item."""
    telling = [cell.model_version.name for cell in cells if cell.model_version.name.casefold() in name.casefold()]
    if telling or (blinding.self_naming(name)):
        raise Refused(
            "telling-name",
            f"Raters see this name, and it names {(telling or [blinding.self_naming(name)])[0]}. Choose one without model or version.",
            field="name",
        )


@transaction.atomic
def invite_rater(*, campaign: Campaign, user: User, by: Actor) -> CampaignRater:
    """Asks an expert of the project to rate. Asking twice changes nothing."""
    return _invite(campaign, user, by=by, field="user")


def _invite(campaign: Campaign, user: User, *, by: Actor, field: str) -> CampaignRater:
    if campaign.state != Campaign.State.OPEN:
        raise Conflict("campaign-closed", f"{campaign} is closed.")
    if already := campaign.raters.filter(user=user).first():
        return already
    roles = set(Membership.objects.filter(user=user, project=campaign.project).values_list("role", flat=True))
    if not roles & EXPERTS:
        raise Refused(
            "not-an-expert",
            f"{user.username} is not an expert in {campaign.project}; give the role under Members first.",
            field=field,
        )
    if opened := blinding.eyes_opened_in(campaign, user):
        raise Refused(
            "not-blind-any-more",
            f"{user.username} opened the sealed pages of “{opened.name}” and has seen which version wrote these answers.",
            field=field,
        )
    could_read = bool(with_operator(user, roles) & READERS)
    rater, made = CampaignRater.objects.get_or_create(
        campaign=campaign, user=user, defaults={"block_seed": secrets.randbits(62), "could_read": could_read}
    )
    if made:
        record(by=by, verb="campaign.invite", target=rater, project=campaign.project, data={"user": user.username})
    return rater


@transaction.atomic
def close_campaign(*, campaign: Campaign, by: Actor) -> Campaign:
    """Ends the rating; names may be seen from now on."""
    campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if campaign.state == Campaign.State.OPEN:
        campaign.state, campaign.closed_at = Campaign.State.CLOSED, timezone.now()
        campaign.save(update_fields=["state", "closed_at"])
        record(by=by, verb="campaign.close", target=campaign, project=campaign.project, data={})
    return campaign


@transaction.atomic
def override_blindness(*, campaign: Campaign, reason: str, by: Actor) -> None:
    """An admin who also rates opens the sealed pages for themselves; it stands in the audit trail for ever."""
    if not reason.strip():
        raise Refused("no-reason", "Say why; the reason is kept in the audit trail.", field="reason")
    record(by=by, verb=blinding.OVERRIDE, target=campaign, project=campaign.project, data={"reason": reason.strip()})
