"""Rating campaigns: opened on finished answers, rated blind, closed."""

from __future__ import annotations

import random
import secrets

from django.db import transaction
from django.utils import timezone

from annotation.models import DatasetItem
from evaluation import blinding
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
from ftplatform.accounts.models import Membership, Role, User
from ftplatform.audit.services import record
from ftplatform.errors import Conflict, Refused
from ftplatform.projects.numbering import next_number
from inference.models import Generation, GenerationCell


@transaction.atomic
def open_campaign(
    *,
    scorecard: Scorecard,
    rubric: RubricRevision,
    rules: ReleaseRules,
    name: str = "",
    items: int = 60,
    overlap: int = 2,
    asks_preference: bool = False,
    seed: int = 0,
    by: Actor,
) -> Campaign:
    """Opens a blind campaign on the answers that a comparison scorecard compared: the candidate's, and those of the best base
    condition for the text, or for the label where the task writes none. Items are a seeded sample of the evaluation set's tickets, one a group first."""
    if scorecard.kind != Scorecard.Kind.COMPARISON:
        raise Refused(
            "not-a-comparison",
            f"{scorecard} compares nothing; make a scorecard of a candidate first.",
            field="scorecard",
        )
    spec = scorecard.task_revision.spec
    field = spec.main_field
    assert scorecard.baseline and scorecard.candidate
    base_cell = _cell(
        scorecard.baseline.generation_run_id,
        scorecard.base_model_id,
        scorecard.content["best"].get(scorecard.content["primary"][field.name], "zero-shot"),
    )
    own_cell = _cell(scorecard.generation_run_id, scorecard.candidate_id, scorecard.content["settings"]["serving"])
    _refuse_telling_name(name, [base_cell, own_cell])
    tickets = _draw(scorecard, [base_cell, own_cell], items, seed)
    project = scorecard.project
    campaign = Campaign.objects.create(
        project=project,
        number=next_number(Campaign.objects.all(), project),
        name=name or f"Answers of {project.name}",
        rubric=rubric,
        rules=rules,
        evaluation_set=scorecard.evaluation_set,
        text_field=field.name,
        asks_preference=asks_preference,
        overlap=overlap,
        seed=seed,
        created_by=by.user,
    )
    arms = [
        CampaignArm.objects.create(campaign=campaign, cell=cell, is_baseline=cell.pk == base_cell.pk)
        for cell in sorted((base_cell, own_cell), key=lambda cell: cell.pk)
    ]
    for position, item in enumerate(tickets):
        row = CampaignItem.objects.create(campaign=campaign, item=item, position=position)
        for arm in arms:
            generation = Generation.objects.get(cell=arm.cell, item=item)
            text = blinding.shown_text(spec, field.name, generation)
            ItemAnswer.objects.create(
                campaign_item=row, arm=arm, generation=generation, text=text, self_naming=blinding.self_naming(text)
            )
    record(
        by=by, verb="campaign.open", target=campaign, project=project, data={"items": len(tickets), "overlap": overlap}
    )
    return campaign


def _cell(run: int, version: int | None, condition: str) -> GenerationCell:
    cell = (
        GenerationCell.objects.filter(run_id=run, model_version_id=version, condition__name=condition)
        .select_related("condition", "model_version")
        .first()
    )
    if cell is None:
        raise Refused("no-answers", f"There are no answers under {condition} to be rated.", field="scorecard")
    return cell


def _refuse_telling_name(name: str, cells: list[GenerationCell]) -> None:
    """Raters see the campaign's name above every item."""
    telling = [cell.model_version.name for cell in cells if cell.model_version.name.casefold() in name.casefold()]
    if telling or (blinding.self_naming(name)):
        raise Refused(
            "telling-name",
            f"Raters see this name, and it names {(telling or [blinding.self_naming(name)])[0]}. Choose one without model or version.",
            field="name",
        )


def _draw(scorecard: Scorecard, cells: list[GenerationCell], most: int, seed: int) -> list[DatasetItem]:
    """Tickets that every arm answered. One of each group before a second one, so that items stay independent."""
    answered = None
    for cell in cells:
        here = set(
            Generation.objects.filter(cell=cell).exclude(finish_reason="error").values_list("item_id", flat=True)
        )
        answered = here if answered is None else answered & here
    pool = list(scorecard.evaluation_set.items.filter(split="test", pk__in=answered or []).order_by("position"))
    if not pool:
        raise Refused(
            "no-items", "No ticket was answered by every version; resume the generation run.", field="scorecard"
        )
    random.Random(f"campaign-{seed}").shuffle(pool)  # noqa: S311 - a reproducible draw
    seen: dict[str, int] = {}
    ranked: list[tuple[int, int, DatasetItem]] = []
    for item in pool:
        seen[item.group_key] = seen.get(item.group_key, 0) + 1
        ranked.append((seen[item.group_key], len(ranked), item))
    return [item for _, _, item in sorted(ranked, key=lambda one: one[:2])[:most]]


@transaction.atomic
def invite_rater(*, campaign: Campaign, user: User, by: Actor) -> CampaignRater:
    """Asks an expert of the project to rate. Asking twice changes nothing."""
    if campaign.state != Campaign.State.OPEN:
        raise Conflict("campaign-closed", f"{campaign} is closed.")
    allowed = Membership.objects.filter(
        user=user, project=campaign.project, role__in=(Role.EXPERT, Role.ADMIN)
    ).exists()
    if not allowed:
        raise Refused(
            "not-an-expert",
            f"{user.username} is no expert in {campaign.project}; give the role under Members first.",
            field="user",
        )
    rater, made = CampaignRater.objects.get_or_create(
        campaign=campaign, user=user, defaults={"block_seed": secrets.randbits(62)}
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
