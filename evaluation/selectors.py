"""Reads of this room: scorecards, campaigns, an expert's own progress."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Exists, F, Max, OuterRef, Prefetch, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from annotation.models import DatasetVersion
from evaluation.making import making_of
from evaluation.models import (
    AnswerKey,
    Assignment,
    Campaign,
    CampaignItem,
    CampaignRater,
    ItemAnswer,
    Rating,
    ReleaseRules,
    RubricRevision,
    Scorecard,
)
from evaluation.scorecards import pooling
from evaluation.scoring.rubric import DEFAULT
from ftplatform.accounts.models import Membership, Role, User
from ftplatform.projects.models import Project
from inference.models import ModelVersion

LAST_ITEMS = 10
LISTED = 200

# ── an expert's own work ──


@dataclass(frozen=True)
class Progress:
    """A rater's items: rated, and still to be had by this rater."""

    done: int
    left: int

    @property
    def total(self) -> int:
        return self.done + self.left


@dataclass(frozen=True)
class RatedItem:
    id: UUID
    question: str
    rated_at: datetime | None


def rater_of(campaign: Campaign, user: User) -> CampaignRater | None:
    return CampaignRater.objects.select_related("campaign__rubric").filter(campaign=campaign, user=user).first()


def shown_assignments() -> QuerySet[Assignment]:
    """With all that `blinding.payload` reads, in two queries."""
    return Assignment.objects.select_related(
        "rater", "campaign_item__campaign__rubric", "campaign_item__item__version__task_revision"
    ).prefetch_related(Prefetch("keys", AnswerKey.objects.select_related("answer")))


def newest_rating(assignment: Assignment) -> Rating | None:
    return assignment.ratings.order_by("-pk").first()


def progress_of(rater: CampaignRater) -> Progress:
    """Items that others have taken up to the overlap are not counted as left: this rater will not meet them."""
    mine = Assignment.objects.filter(rater=rater, state=Assignment.State.RATED)
    taken_by_others = ~Q(assignments__rater=rater) & (
        Q(assignments__state=Assignment.State.RATED)
        | Q(assignments__state=Assignment.State.LIVE, assignments__expires_at__gt=timezone.now())
    )
    left = (
        CampaignItem.objects.filter(campaign=rater.campaign_id)
        .exclude(pk__in=mine.values("campaign_item"))
        .annotate(taken=Count("assignments", filter=taken_by_others))
        .filter(taken__lt=rater.campaign.overlap)
        .count()
    )
    return Progress(mine.count(), left if rater.campaign.state == Campaign.State.OPEN else 0)


def last_rated(rater: CampaignRater) -> list[RatedItem]:
    rows = (
        Assignment.objects.filter(rater=rater, state=Assignment.State.RATED)
        .select_related("campaign_item__item__version__task_revision")
        .order_by("-rated_at")[:LAST_ITEMS]
    )
    found = []
    for row in rows:
        item = row.campaign_item.item
        inputs = item.version.task_revision.spec.inputs
        question = " ".join(str(item.content["inputs"].get(column.name) or "") for column in inputs)
        found.append(RatedItem(row.pk, question.strip(), row.rated_at))
    return found


def invitations_of(project: Project, user: User) -> QuerySet[CampaignRater]:
    """Where this user is asked to rate just now."""
    return CampaignRater.objects.select_related("campaign__rubric").filter(
        user=user, campaign__project=project, campaign__state=Campaign.State.OPEN
    )


# ── campaigns ──


def campaigns_of(project: Project) -> QuerySet[Campaign]:
    return all_campaigns().filter(project=project)


def all_campaigns() -> QuerySet[Campaign]:
    """With `rated`, `item_count` and `rater_count`, newest first."""
    return with_counts(Campaign.objects.all()).select_related("created_by", "rubric", "rules", "evaluation_set")


def with_counts(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """`rated` ratings, `item_count` items, `rater_count` people; each counted by itself, since a join of two would multiply them."""
    rated = Assignment.objects.filter(campaign_item__campaign=OuterRef("pk"), state=Assignment.State.RATED)
    return campaigns.annotate(
        rated=_count(rated, "campaign_item__campaign"),
        item_count=_count(CampaignItem.objects.filter(campaign=OuterRef("pk")), "campaign"),
        rater_count=_count(CampaignRater.objects.filter(campaign=OuterRef("pk")), "campaign"),
    ).order_by("-number")


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    return Coalesce(Subquery(rows.order_by().values(by).annotate(n=Count("pk")).values("n")), 0)


@dataclass(frozen=True)
class RaterProgress:
    user: User
    done: int
    last: datetime | None


def raters_of(campaign: Campaign) -> list[RaterProgress]:
    rated = Q(assignments__state=Assignment.State.RATED)
    rows = campaign.raters.select_related("user").annotate(
        done=Count("assignments", filter=rated), last=Max("assignments__rated_at", filter=rated)
    )
    return [RaterProgress(row.user, row.done, row.last) for row in rows.order_by("pk")]


def invitable(campaign: Campaign) -> QuerySet[User]:
    """Experts and admins of the project who are not raters yet, experts first by name."""
    members = Membership.objects.filter(project=campaign.project, role__in=(Role.EXPERT, Role.ADMIN)).values("user")
    is_expert = Membership.objects.filter(project=campaign.project, role=Role.EXPERT, user=OuterRef("pk"))
    return (
        User.objects.filter(pk__in=members, is_active=True)
        .exclude(pk__in=campaign.raters.values("user"))
        .order_by(Exists(is_expert).desc(), "username")
    )


def versions_in(campaign: Campaign) -> frozenset[int]:
    """The model versions that a campaign compares."""
    return frozenset(campaign.arms.values_list("cell__model_version_id", flat=True))


def scorecard_of(campaign: Campaign) -> Scorecard | None:
    """The newest comparison whose answers the campaign rates, with its `new_ratings`."""
    runs = campaign.arms.filter(is_baseline=False).values("cell__run")
    cards = Scorecard.objects.filter(kind=Scorecard.Kind.COMPARISON, generation_run__in=runs)
    return with_new_ratings(cards).order_by("-number").first()


def self_naming(campaign: Campaign) -> int:
    """Answers of the campaign that name their author."""
    return ItemAnswer.objects.filter(campaign_item__campaign=campaign).exclude(self_naming="").count()


def with_new_ratings(cards: QuerySet[Scorecard]) -> QuerySet[Any]:
    """`new_ratings`: those of a card's answers that it has not seen. They are counted and not told by their time or number, since
    one that comes while a card is composed has both before the card's own. Ratings are append-only, so more are newer."""
    every = pooling.ratings_on(OuterRef("generation_run"))
    unseen = Greatest(_count(every, pooling.RATED_RUN) - F("ratings_seen"), 0)
    since = _count(every.filter(created_at__gt=OuterRef("created_at")), pooling.RATED_RUN)
    return cards.annotate(new_ratings=Case(When(ratings_seen=None, then=since), default=unseen))


def new_ratings(card: Scorecard) -> int:
    return with_new_ratings(Scorecard.objects.filter(pk=card.pk)).values_list("new_ratings", flat=True).get()


# ── scorecards ──


def scorecards_of(project: Project) -> QuerySet[Scorecard]:
    return (
        Scorecard.objects.filter(project=project)
        .select_related("evaluation_set", "base_model", "candidate", "baseline", "created_by", "superseded_by")
        .defer("content")
        .order_by("-number")
    )


def newest_comparison(project: Project) -> Scorecard | None:
    return scorecards_of(project).filter(kind=Scorecard.Kind.COMPARISON).first()


def versions_of_card(card: Scorecard) -> frozenset[int]:
    """What a seal on this card is asked for."""
    return frozenset(pk for pk in (card.base_model_id, card.candidate_id) if pk)


def baselines_of(project: Project) -> QuerySet[Scorecard]:
    return scorecards_of(project).filter(kind=Scorecard.Kind.BASELINE)


def evaluation_sets(project: Project) -> QuerySet[DatasetVersion]:
    return DatasetVersion.objects.filter(project=project, kind=DatasetVersion.Kind.EVALUATION).order_by("-number")


def validation_sets(project: Project) -> QuerySet[DatasetVersion]:
    return DatasetVersion.objects.filter(
        project=project, kind=DatasetVersion.Kind.SFT, counts__validation__gt=0
    ).order_by("-number")


def usual_baseline(candidate: ModelVersion, evaluation_set: DatasetVersion | None = None) -> Scorecard | None:
    """What a candidate is compared with where nobody chooses: the newest baseline of its base model, on this set or on any."""
    baselines = baselines_of(candidate.project).filter(base_model=candidate.root_id)
    return (baselines.filter(evaluation_set=evaluation_set) if evaluation_set else baselines).first()


def usual_validation_set(candidate: ModelVersion, baseline: Scorecard) -> DatasetVersion | None:
    """Where the way of asking is chosen unless somebody says otherwise, for page, API and command alike: the set that the candidate was
    trained with, else the newest of the baseline's task revision that has validation tickets."""
    fitting = validation_sets(candidate.project).filter(task_revision=baseline.task_revision_id)
    made = making_of(candidate)
    return (fitting.filter(pk=made.dataset.pk).first() if made else None) or fitting.first()


def base_models(project: Project | OuterRef) -> QuerySet[ModelVersion]:
    return ModelVersion.objects.filter(project=project, base__isnull=True).exclude(source="trained").order_by("-number")


def candidates(project: Project) -> QuerySet[ModelVersion]:
    """Versions whose base has a baseline, the newest first."""
    bases = Scorecard.objects.filter(project=project, kind=Scorecard.Kind.BASELINE).values("base_model")
    return ModelVersion.objects.filter(project=project, base__in=bases).order_by("-number")


def rules_of(project: Project) -> QuerySet[ReleaseRules]:
    return ReleaseRules.objects.filter(project=project).select_related("created_by").order_by("-number")


def usual_rubric(project: Project) -> RubricRevision | None:
    """The revision that a campaign is opened with where nobody names another; None before the first one."""
    return RubricRevision.objects.filter(project=project, content=DEFAULT.model_dump(mode="json")).first()


def ratable(project: Project) -> QuerySet[Scorecard]:
    """Comparisons on whose answers a campaign can be opened: those that no newer card follows."""
    cards: Any = scorecards_of(project).filter(kind=Scorecard.Kind.COMPARISON, superseded_by=None)
    return cards.select_related("task_revision")
