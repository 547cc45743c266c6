"""What the loop, the home pages and the lamps say of this room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.urls import reverse

from annotation.standing import TEST_SET
from evaluation import selectors
from evaluation.campaigns.blinding import sealed_versions
from evaluation.jobs import BASELINE, COMPARE
from evaluation.models import Campaign, CampaignArm, CampaignRater, Scorecard, ScorecardScores
from evaluation.scorecards.cardpage import VERDICTS
from ftplatform.jobs.selectors import live_job
from ftplatform.projects import facts
from ftplatform.projects.access import Access
from ftplatform.projects.seals import refuse_if_sealed
from ftplatform.ui.registries import Lamp, LoopStep, QueueCard, WaitingItem
from inference.models import ModelVersion
from inference.uses import Use

PROJECT = OuterRef("pk")
MOST_CAMPAIGNS = 20


@dataclass(frozen=True)
class CampaignStanding:
    """How far a campaign is, in ratings."""

    number: int
    name: str
    is_open: bool
    rated: int
    wanted: int
    raters: int
    run: int | None
    """The generation run whose candidate it rates."""


def _standing(row: facts.Row) -> CampaignStanding:
    return CampaignStanding(
        number=row["number"],
        name=row["name"],
        is_open=row["state"] == Campaign.State.OPEN,
        rated=row["rated"],
        wanted=row["item_count"] * row["overlap"],
        raters=row["rater_count"],
        run=row["run"],
    )


@dataclass(frozen=True)
class CardStanding:
    """A scorecard in passing: which, what it says of which model on which set."""

    id: int
    number: int
    verdict: str | None
    base_model: str
    evaluation_set: int
    versions: frozenset[int]
    run: int

    def __str__(self) -> str:
        return f"Scorecard {self.number}"


def _cards(kind: str) -> QuerySet[Scorecard]:
    return Scorecard.objects.filter(project=PROJECT, kind=kind).order_by("-number")


def _newest_card(kind: str) -> Any:
    columns = ("id", "number", "verdict", "base_model", "base_model__name", "candidate", "evaluation_set__number")
    return facts.one(_cards(kind), *columns, "generation_run")


def _card(row: facts.Row | None) -> CardStanding | None:
    if row is None:
        return None
    return CardStanding(
        id=row["id"],
        number=row["number"],
        verdict=row["verdict"],
        base_model=row["base_model__name"],
        evaluation_set=row["evaluation_set__number"],
        versions=frozenset(pk for pk in (row["base_model"], row["candidate"]) if pk),
        run=row["generation_run"],
    )


BASELINE_CARD = facts.register("baseline_card", _newest_card(Scorecard.Kind.BASELINE), _card)
_without_model = ScorecardScores.objects.filter(scorecard=OuterRef("pk"), model_version=None)
BASELINE_IS_ALONE = facts.register(
    "baseline_is_alone",
    Subquery(_cards(Scorecard.Kind.BASELINE).annotate(is_alone=~Exists(_without_model)).values("is_alone")[:1]),
    bool,
    place="home",
)
"""No answer that needs no model stands beside the newest one: there was no training ticket when it was measured."""
COMPARISON = facts.register("comparison", _newest_card(Scorecard.Kind.COMPARISON), _card)
NEW_RATINGS = facts.register(
    "new_ratings",
    Subquery(selectors.with_new_ratings(_cards(Scorecard.Kind.COMPARISON)).values("new_ratings")[:1]),
    lambda count: count or 0,
    place="home",
)
"""Ratings that the newest comparison does not count yet."""

HAS_BASE_MODEL = facts.register("has_base_model", Exists(selectors.base_models(PROJECT)), bool)
CAMPAIGNS = facts.register(
    "campaigns",
    facts.several(
        selectors.with_counts(Campaign.objects.filter(project=PROJECT)).annotate(
            run=Subquery(CampaignArm.objects.filter(campaign=PROJECT, is_baseline=False).values("cell__run")[:1])
        ),
        *("number", "name", "state", "overlap", "rated", "item_count", "rater_count", "run"),
        most=MOST_CAMPAIGNS,
    ),
    lambda rows: [_standing(row) for row in rows],
)
"""The newest campaigns, newest first."""

BLIND_RATERS = facts.register(
    "blind_raters",
    ArraySubquery(
        CampaignRater.objects.filter(campaign__project=PROJECT, campaign__state=Campaign.State.OPEN)
        .order_by()
        .values("user")
        .distinct()
    ),
    frozenset,
)
"""Who rates in an open campaign: only these are asked whether a verdict is sealed for them."""


def _campaigns_of_newest(access: Access) -> list[CampaignStanding]:
    """Those that rate what the newest comparison compares, newest first: an older candidate's ratings say nothing of it."""
    card = COMPARISON.of(access)
    return [one for one in CAMPAIGNS.of(access) if card and one.run == card.run]


def _is_sealed(access: Access, card: CardStanding) -> bool:
    return access.user.pk in BLIND_RATERS.of(access) and not card.versions.isdisjoint(sealed_versions(access))


def baseline_step(access: Access) -> LoopStep:
    href = reverse("evaluation:baseline", args=[access.project.slug])
    if BASELINE_CARD.of(access):
        return LoopStep("baseline", "Baseline", "done", href=href)
    if job := live_job(access, BASELINE.name):
        return LoopStep("baseline", "Baseline", "running", f"{job.percent or 0} %", job.percent, href)
    if not TEST_SET.of(access):
        return LoopStep("baseline", "Baseline", "locked", "Freeze a test set first")
    if not HAS_BASE_MODEL.of(access):
        return LoopStep("baseline", "Baseline", "todo", "needs a model", href=href)
    return LoopStep("baseline", "Baseline", "waiting", href=href)


def rate_step(access: Access) -> LoopStep:
    href = reverse("evaluation:campaigns", args=[access.project.slug])
    if not COMPARISON.of(access):
        return LoopStep("rate", "Rate", "locked", "Make a scorecard of a candidate first")
    campaigns = _campaigns_of_newest(access)
    if not campaigns:
        return LoopStep("rate", "Rate", "waiting", href=href)
    newest = campaigns[0]
    if not newest.is_open:
        return LoopStep("rate", "Rate", "done", href=href)
    return LoopStep("rate", "Rate", "waiting", f"{newest.rated}/{newest.wanted}", href=href)


def scorecard_step(access: Access) -> LoopStep:
    slug = access.project.slug
    href = reverse("evaluation:scorecards", args=[slug])
    if job := live_job(access, COMPARE.name):
        return LoopStep("scorecard", "Scorecard", "running", f"{job.percent or 0} %", job.percent, href)
    card = COMPARISON.of(access)
    if card is None:
        if not BASELINE_CARD.of(access):
            return LoopStep("scorecard", "Scorecard", "locked", "Measure the baseline first")
        return LoopStep("scorecard", "Scorecard", "todo", href=href)
    if _is_sealed(access, card):
        return LoopStep("scorecard", "Scorecard", "locked", "Sealed while you rate its answers blind")
    href = reverse("evaluation:scorecard", args=[slug, card.number])
    if card.verdict == Scorecard.Verdict.UNDECIDED:
        return LoopStep("scorecard", "Scorecard", "undecided", "undecided", href=href)
    return LoopStep("scorecard", "Scorecard", "done", str(card.verdict), href=href)


def waiting(access: Access) -> list[WaitingItem]:
    """A baseline to be measured, campaigns that lack raters or ratings, ratings that no scorecard has counted: an admin's to do."""
    if not access.is_admin:
        return []
    slug = access.project.slug
    items = []
    if baseline_step(access).state == "waiting":
        href = reverse("evaluation:baseline", args=[slug])
        items.append(
            WaitingItem(
                1, "baseline is missing", "Training is locked until the base model was measured.", href, "Measure it"
            )
        )
    for campaign in CAMPAIGNS.of(access):
        if not campaign.is_open:
            continue
        href = reverse("evaluation:campaign", args=[slug, campaign.number])
        lacking = campaign.wanted - campaign.rated
        told, action = f"Experts are at work in “{campaign.name}”.", "See progress"
        if campaign.raters == 0:
            told, action = f"Nobody is invited to “{campaign.name}” yet.", "Invite experts"
        if lacking > 0:
            items.append(WaitingItem(lacking, "ratings are needed", told, href, action))
    card = COMPARISON.of(access)
    if card and (new := NEW_RATINGS.of(access)):
        href = reverse("evaluation:scorecard", args=[slug, card.number])
        items.append(
            WaitingItem(new, "ratings are not scored yet", f"They came after {str(card).lower()}.", href, "Score again")
        )
    elif card and card.verdict == Scorecard.Verdict.UNDECIDED and not _campaigns_of_newest(access):
        href = reverse("evaluation:new-campaign", args=[slug]) + f"?scorecard={card.id}"
        items.append(
            WaitingItem(
                1, "scorecard waits for ratings", f"{card} is undecided: nobody has rated.", href, "Ask experts"
            )
        )
    return items


def baseline_lamp(access: Access) -> Lamp:
    card = BASELINE_CARD.of(access)
    href = reverse("evaluation:baseline", args=[access.project.slug])
    if card is None:
        return Lamp("Baseline", "wait", "Missing", "Nobody could tell whether tuning helped.", href, "Measure it")
    text = f"{card.base_model} was measured on evaluation set {card.evaluation_set}; training is open."
    if BASELINE_IS_ALONE.of(access):
        text = (
            f"{card} was measured without training tickets: no examples were shown, no majority class stands beside it."
        )
        return Lamp("Baseline", "wait", "Needs a look", text, href, "Measure it again")
    href = reverse("evaluation:scorecard", args=[access.project.slug, card.number])
    return Lamp("Baseline", "good", "In order", text, href, str(card))


def human_lamp(access: Access) -> Lamp:
    """Whether people have rated what the newest comparison compares."""
    href = reverse("evaluation:campaigns", args=[access.project.slug])
    campaigns = _campaigns_of_newest(access)
    if COMPARISON.of(access) is None:
        return Lamp("Human ratings", "todo", "Not yet known", "There is no candidate to be rated.")
    if not campaigns:
        told = "Metrics alone cannot tell whether an answer is true."
        return Lamp("Human ratings", "wait", "Missing", told, href, "Campaigns")
    newest = campaigns[0]
    if newest.rated < newest.wanted and newest.is_open:
        told = f"{newest.rated:,} of {newest.wanted:,} ratings are there."
        return Lamp("Human ratings", "wait", "Under way", told, href, newest.name)
    told = f"{newest.rated:,} blind ratings."
    if not newest.rated:
        return Lamp("Human ratings", "wait", "Missing", told, href, newest.name)
    return Lamp("Human ratings", "good", "In order", told, href, newest.name)


def queues(access: Access) -> list[QueueCard]:
    """The campaigns in which this person is asked to rate."""
    cards = []
    for rater in selectors.invitations_of(access.project, access.user).order_by("campaign__number"):
        progress = selectors.progress_of(rater)
        href = reverse("evaluation:rate", args=[access.project.slug, rater.campaign.number])
        scales = len(rater.campaign.rubric.content["dimensions"])
        text = (
            f"Two answers per ticket, {scales} scale{'' if scales == 1 else 's'} each. Who wrote what is hidden."
            if progress.left
            else "Nothing is left for you just now."
        )
        cards.append(
            QueueCard(
                rater.campaign.name,
                text,
                href,
                "Rate" if progress.left else "See",
                progress.done,
                progress.total,
                "items rated",
            )
        )
    return cards


def latest_panel(access: Access) -> dict[str, Any] | None:
    """The newest verdict; left out while a seal keeps it from this person."""
    card = selectors.newest_comparison(access.project) or selectors.baselines_of(access.project).first()
    if card is None:
        return None
    try:
        refuse_if_sealed(access, selectors.versions_of_card(card))
    except PermissionDenied:
        return None
    glyph, tone = VERDICTS.get(card.verdict or "", ("good", "good"))
    return {
        "card": card,
        "href": reverse("evaluation:scorecard", args=[access.project.slug, card.number]),
        "glyph": glyph,
        "tone": tone,
        "word": card.get_verdict_display() if card.verdict else "Baseline",  # type: ignore[attr-defined]
        "sentence": card.content["sentence"],
        "needed": card.content["needed"],
    }


def uses(access: Access, version: ModelVersion) -> list[Use]:
    """The scorecards that measured a version, for its page; without verdicts while a seal keeps them from the caller."""
    cards = Scorecard.objects.filter(candidate=version) | Scorecard.objects.filter(
        base_model=version, kind=Scorecard.Kind.BASELINE
    )
    slug, sealed = version.project.slug, sealed_versions(access)

    def word(card: Scorecard) -> str:
        if card.verdict is None:
            return "baseline"
        return card.verdict if selectors.versions_of_card(card).isdisjoint(sealed) else "sealed while you rate"

    return [
        Use("used by", str(card), word(card), reverse("evaluation:scorecard", args=[slug, card.number]))
        for card in cards.defer("content").order_by("number")
    ]


def card_link(job: Any) -> str:
    """The scorecard that a job made, or nothing while it has made none."""
    card = Scorecard.objects.filter(pk=job.result.get("scorecard")).only("number").first() if job.result else None
    return reverse("evaluation:scorecard", args=[job.project.slug, card.number]) if card and job.project else ""
