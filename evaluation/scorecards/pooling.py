"""Which ratings count in a scorecard: those of every campaign on the same answers by the same rubric. Reads rows, writes none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BigIntegerField, Count, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from evaluation.campaigns.blinding import eyes_opened_in
from evaluation.models import (
    Assignment,
    Campaign,
    CampaignArm,
    CampaignItem,
    ItemAnswer,
    Rating,
    ReleaseRules,
    RubricRevision,
    Scorecard,
)
from inference.models import GenerationCell, GenerationRun, ModelVersion

_ARMS = "assignment__campaign_item__campaign__arms"
RATED_RUN = f"{_ARMS}__cell__run"
"""From a rating to the run whose answers it is about."""


@dataclass(frozen=True)
class Pool:
    """`newest` sets rubric and rules. `counted`, oldest first, holds it and its like; the rest was rated by another rubric or
    stands beside other answers of the base model."""

    newest: Campaign
    counted: list[Campaign]
    left_out: list[Campaign]


def pool_of(campaign: Campaign) -> Pool:
    """A closed campaign cannot be opened again: whoever wants more ratings opens a second one, which adds to the first."""
    own = _cells(campaign)
    others = (
        Campaign.objects.filter(arms__in=CampaignArm.objects.filter(cell__in=own, is_baseline=False))
        .exclude(pk=campaign.pk)
        .order_by("number")
        .distinct()
    )
    alike = [
        one
        for one in others
        if (one.rubric_id, one.text_field) == (campaign.rubric_id, campaign.text_field) and _cells(one) == own
    ]
    counted = sorted([*alike, campaign], key=lambda one: one.number)
    return Pool(campaign, counted, [one for one in others if one not in alike])


def rated_so_far(cells: Sequence[GenerationCell], rubric: RubricRevision, text_field: str) -> Counter[int]:
    """Ticket → ratings that it has, or waits for in an open campaign, among those that a new campaign's would be counted with."""
    arms = CampaignArm.objects.filter(campaign=OuterRef("pk")).order_by("cell")
    alike = (
        Campaign.objects.filter(rubric=rubric, text_field=text_field)
        .alias(cells=ArraySubquery(arms.values(number=Cast("cell", BigIntegerField()))))
        .filter(cells=sorted(cell.pk for cell in cells))
    )
    items = CampaignItem.objects.filter(campaign__in=alike).annotate(
        rated=Count("assignments", filter=Q(assignments__state=Assignment.State.RATED))
    )
    found: Counter[int] = Counter()
    for item, rated, overlap, state in items.values_list("item", "rated", "campaign__overlap", "campaign__state"):
        found[item] += overlap if state == Campaign.State.OPEN else rated
    return found


def _cells(campaign: Campaign) -> set[int]:
    return set(campaign.arms.values_list("cell_id", flat=True))


def ratings_on(run: GenerationRun | OuterRef) -> QuerySet[Rating]:
    """Every rating of a candidate's answers, revisions and what no scorecard counts among them."""
    return Rating.objects.filter(**{RATED_RUN: run, f"{_ARMS}__is_baseline": False})


def remarks(pool: Pool | None, rules: ReleaseRules, run: GenerationRun, candidate: ModelVersion) -> list[str]:
    """What a reader has to know of the rules and the campaigns, a sentence each."""
    counted = pool.counted if pool else []
    return [
        *_other_rules(counted, rules, run, candidate),
        *(
            f"“{one.name}” rated by another rubric or beside other answers; its ratings are not counted here."
            for one in (pool.left_out if pool else [])
        ),
        *_repeats(counted),
        *_open_eyes(counted),
        *_named_authors(counted),
    ]


def _other_rules(
    counted: list[Campaign], rules: ReleaseRules, run: GenerationRun, candidate: ModelVersion
) -> list[str]:
    before = Scorecard.objects.filter(generation_run=run, candidate=candidate).exclude(rules=rules)
    used = ReleaseRules.objects.filter(Q(scorecards__in=before) | Q(campaigns__in=counted)).exclude(pk=rules.pk)
    names = ", ".join(str(one) for one in used.order_by("number").distinct())
    return [f"The verdict is by {rules}; these answers were also judged or rated by {names}."] if names else []


def _repeats(counted: list[Campaign]) -> list[str]:
    """Anyone who could rate an item again until it fits would; so the first rating stands, and that it was tried is told."""
    again = (
        Assignment.objects.filter(campaign_item__campaign__in=counted, state=Assignment.State.RATED)
        .order_by()
        .values("rater__user", "campaign_item__item")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
    )
    if not (repeats := sum(row["times"] - 1 for row in again)):
        return []
    what = "One rating repeats" if repeats == 1 else f"{repeats} ratings repeat"
    return [
        f"{what} what the same rater had said of the same ticket in an earlier campaign; only the first is counted."
    ]


def _open_eyes(counted: list[Campaign]) -> list[str]:
    """Raters who gave up their blindness, whose ratings until then count, and raters who could have looked before they were asked."""
    found = []
    for campaign in counted:
        rated = campaign.raters.filter(assignments__state=Assignment.State.RATED).select_related("user").distinct()
        opened = [rater for rater in rated if eyes_opened_in(campaign, rater.user)]
        if opened:
            found.append(
                f"{_people(opened)} of “{campaign.name}” opened the sealed pages of these answers; only what was rated before "
                "that is counted."
            )
        if readers := [rater for rater in rated if rater.could_read]:
            found.append(
                f"{_people(readers)} of “{campaign.name}” could see who wrote what before the invitation: their role opens "
                "those pages to everyone who does not rate just then."
            )
    return found


def _people(raters: Sequence[object]) -> str:
    return "One rater" if len(raters) == 1 else f"{len(raters)} raters"


def _named_authors(counted: list[Campaign]) -> list[str]:
    answers = ItemAnswer.objects.filter(campaign_item__campaign__in=counted).exclude(self_naming="")
    if not (named := answers.values("generation").distinct().count()):
        return []
    what = "One rated answer names its author" if named == 1 else f"{named} rated answers name their author"
    return [f"{what}: raters may have known who wrote what there."]
