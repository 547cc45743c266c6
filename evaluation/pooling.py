"""Which ratings count in a scorecard: those of every campaign on the same answers by the same rubric. Reads rows, writes none."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from evaluation.blinding import has_overridden
from evaluation.models import Assignment, Campaign, CampaignArm, ItemAnswer, ReleaseRules, Scorecard
from inference.models import GenerationRun, ModelVersion


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


def _cells(campaign: Campaign) -> set[int]:
    return set(campaign.arms.values_list("cell_id", flat=True))


def remarks(pool: Pool | None, rules: ReleaseRules, run: GenerationRun, candidate: ModelVersion) -> list[str]:
    """What a reader has to know of the rules and the campaigns, a sentence each."""
    counted = pool.counted if pool else []
    return [
        *_other_rules(counted, rules, run, candidate),
        *(
            f"“{one.name}” rated by another rubric or beside other answers; its ratings are not counted here."
            for one in (pool.left_out if pool else [])
        ),
        *_opened_eyes(counted),
        *_named_authors(counted),
    ]


def _other_rules(
    counted: list[Campaign], rules: ReleaseRules, run: GenerationRun, candidate: ModelVersion
) -> list[str]:
    before = Scorecard.objects.filter(generation_run=run, candidate=candidate).exclude(rules=rules)
    used = ReleaseRules.objects.filter(Q(scorecards__in=before) | Q(campaigns__in=counted)).exclude(pk=rules.pk)
    names = ", ".join(str(one) for one in used.order_by("number").distinct())
    return [f"The verdict is by {rules}; these answers were also judged or rated by {names}."] if names else []


def _opened_eyes(counted: list[Campaign]) -> list[str]:
    """Raters who gave up their blindness; what they had rated until then counts."""
    found = []
    for campaign in counted:
        rated = campaign.raters.filter(assignments__state=Assignment.State.RATED).select_related("user").distinct()
        if seen := sum(1 for rater in rated if has_overridden(campaign, rater.user)):
            people = "One rater" if seen == 1 else f"{seen} raters"
            found.append(
                f"{people} of “{campaign.name}” opened the sealed pages; only what was rated before that is counted."
            )
    return found


def _named_authors(counted: list[Campaign]) -> list[str]:
    answers = ItemAnswer.objects.filter(campaign_item__campaign__in=counted).exclude(self_naming="")
    if not (named := answers.values("generation").distinct().count()):
        return []
    what = "One rated answer names its author" if named == 1 else f"{named} rated answers name their author"
    return [f"{what}: raters may have known who wrote what there."]
