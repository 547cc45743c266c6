"""An expert's work: the next item, a draft, a rating, a revision. Each rating counts once; no item goes over its overlap."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from evaluation.campaigns.blinding import eyes_opened_in, order_of
from evaluation.models import AnswerKey, Assignment, Campaign, CampaignItem, CampaignRater, Rating
from evaluation.scoring.rubric import Rubric
from evaluation.selectors import newest_rating, shown_assignments
from evaluation.services.ratingchecks import checked
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Conflict
from ftplatform.keepable import storable

LEASE = timedelta(hours=2)


@transaction.atomic
def next_item(*, rater: CampaignRater) -> Assignment | None:
    """The rater's live item, else the next one that still needs a rater; None when there is nothing left for this rater.

    The rater's row is locked, so two tabs get the same item; the item's row is locked and skipped while another takes it.
    """
    rater = CampaignRater.objects.select_for_update(of=("self",)).select_related("campaign", "user").get(pk=rater.pk)
    campaign = rater.campaign
    if campaign.state != Campaign.State.OPEN:
        raise Conflict("campaign-closed", f"“{campaign.name}” is closed. Thank you; nothing is left to rate.")
    _refuse_opened_eyes(rater)
    now = timezone.now()
    live = shown_assignments().filter(rater=rater).filter(state=Assignment.State.LIVE).order_by("ordinal").first()
    if live and (live.expires_at > now or _is_free(live, campaign)):
        live.expires_at = now + LEASE
        live.save(update_fields=["expires_at"])
        return live
    if live:
        live.state = Assignment.State.RELEASED
        live.save(update_fields=["state"])
    item = _take(rater, campaign)
    if item is None:
        return None
    return _assign(rater, item)


def _taken() -> Q:
    """Assignments that count against an item's overlap."""
    return Q(assignments__state=Assignment.State.RATED) | Q(
        assignments__state=Assignment.State.LIVE, assignments__expires_at__gt=timezone.now()
    )


def _is_free(live: Assignment, campaign: Campaign) -> bool:
    """Whether a place that ran out is still free: the item is then locked. As in `_claimed`, a full one's lock is given back at once."""
    with transaction.atomic():
        if _has_room(_lock_item(live.campaign_item_id), campaign, besides=live):
            return True
        transaction.set_rollback(True)
    return False


def _lock_item(pk: int) -> CampaignItem:
    return CampaignItem.objects.select_for_update().get(pk=pk)


def _has_room(locked: CampaignItem, campaign: Campaign, *, besides: Assignment) -> bool:
    """Whether others leave a place of an item that this transaction has locked."""
    others = (
        CampaignItem.objects.filter(pk=locked.pk)
        .annotate(taken=Count("assignments", filter=_taken() & ~Q(assignments__pk=besides.pk)))
        .values_list("taken", flat=True)[0]
    )
    return others < campaign.overlap


def _take(rater: CampaignRater, campaign: Campaign) -> CampaignItem | None:
    """The first item with room that this rater has not rated, released ones last. Candidates are re-counted under their lock."""
    mine = Assignment.objects.filter(rater=rater)
    rated = mine.filter(state=Assignment.State.RATED).values("campaign_item")
    released = set(mine.filter(state=Assignment.State.RELEASED).values_list("campaign_item_id", flat=True))
    open_items = (
        campaign.items.exclude(pk__in=rated)
        .annotate(taken=Count("assignments", filter=_taken()))
        .filter(taken__lt=campaign.overlap)
        .order_by("position")
        .values_list("pk", flat=True)
    )
    ordered = sorted(open_items, key=lambda pk: pk in released)
    for wait in (
        False,
        True,
    ):  # an item that somebody is just taking may have room for one more: wait for it before giving up
        for pk in ordered:
            if item := _claimed(pk, campaign, wait=wait):
                return item
    return None


def _claimed(pk: int, campaign: Campaign, *, wait: bool) -> CampaignItem | None:
    """The item under its lock if it has room. The lock of a full one is given back at once: nobody waits for an item while
    holding another, so raters never deadlock."""
    with transaction.atomic():
        item = CampaignItem.objects.select_for_update(skip_locked=not wait).filter(pk=pk).first()
        rows = CampaignItem.objects.filter(pk=pk).annotate(taken=Count("assignments", filter=_taken()))
        if item and rows.get().taken < campaign.overlap:
            return item
        transaction.set_rollback(True)
    return None


def _assign(rater: CampaignRater, item: CampaignItem) -> Assignment:
    again = shown_assignments().filter(rater=rater).filter(campaign_item=item).first()
    if again:
        again.state, again.expires_at = Assignment.State.LIVE, timezone.now() + LEASE
        again.save(update_fields=["state", "expires_at"])
        return again
    ordinal = rater.assignments.count()
    made = Assignment.objects.create(
        campaign_item=item, rater=rater, ordinal=ordinal, expires_at=timezone.now() + LEASE
    )
    AnswerKey.objects.bulk_create(
        AnswerKey(assignment=made, key=letter, answer=answer)
        for letter, answer in order_of(rater, ordinal, list(item.answers.all()))
    )
    return shown_assignments().filter(rater=rater).get(pk=made.pk)


@transaction.atomic
def save_draft(*, assignment: Assignment, draft: dict[str, Any], revision: int) -> Assignment:
    """Keeps half-done work. A stale revision is refused, so an old tab never overwrites a newer one, and so is an item that was rated
    meanwhile: there is nothing half done about it. The conflict's data say what the caller's own would take the place of."""
    assignment = Assignment.objects.select_for_update().get(pk=assignment.pk)
    if (rated := newest_rating(assignment)) is not None:
        raise Conflict("rated-already", "You rated this item in another tab.", data={"rating": rated.pk})
    if revision != assignment.draft_revision:
        raise Conflict(
            "stale-draft",
            "You entered something else in another tab.",
            data={"draft_revision": assignment.draft_revision},
        )
    assignment.draft, assignment.draft_revision = storable(draft), revision + 1
    assignment.save(update_fields=["draft", "draft_revision"])
    return assignment


@transaction.atomic
def release_item(*, assignment: Assignment, by: Actor) -> None:
    """Gives an unrated item back; another rater may have it, and this one meets it again last."""
    assignment = Assignment.objects.select_for_update().get(pk=assignment.pk)
    if assignment.state == Assignment.State.LIVE:
        assignment.state = Assignment.State.RELEASED
        assignment.save(update_fields=["state"])
        record(by=by, verb="item.release", target=assignment, project=assignment.campaign_item.campaign.project)


def submit_rating(*, assignment: Assignment, answer: dict[str, Any], by: Actor) -> Rating:
    """Counts a rating once: the same submit again gives the same rating, another one is refused and pointed to a revision.

    answer: {"scores", "harm", "harm_category", "cannot", "preference", "spans", "reason", "seconds"} as the rater saw it, by letter.
    """
    with transaction.atomic():
        rating = _count_once(_locked(assignment), answer, by)
    if rating is None:  # told outside of the transaction, which a refusal would take the draft back with
        raise Conflict(
            "item-taken",
            "Your time for this item ran out, and others have rated it meanwhile: it needs no more ratings, so yours does not count. "
            "Go on with the next item.",
        )
    return rating


def _count_once(assignment: Assignment, answer: dict[str, Any], by: Actor) -> Rating | None:
    """The rating, or None when the item's places are taken: what was entered is then kept as a draft."""
    content = _columns(assignment, answer)
    newest = assignment.ratings.order_by("-pk").first()
    if newest is not None:
        if _same(newest, content):
            return newest
        raise Conflict(
            "rated-already",
            "You rated this item already, and not like this.",
            data={"rating": newest.pk},
        )
    campaign = assignment.campaign_item.campaign
    # Whoever takes the item at the moment of expiry waits for this rating, or this one for them.
    item = _lock_item(assignment.campaign_item_id)
    expired = assignment.state != Assignment.State.LIVE or assignment.expires_at <= timezone.now()
    if expired and not _has_room(item, campaign, besides=assignment):
        assignment.draft, assignment.draft_revision = storable(answer), assignment.draft_revision + 1
        assignment.save(update_fields=["draft", "draft_revision"])
        return None
    rating = Rating.objects.create(assignment=assignment, **content)
    assignment.state, assignment.rated_at, assignment.draft = Assignment.State.RATED, timezone.now(), None
    assignment.save(update_fields=["state", "rated_at", "draft"])
    record(by=by, verb="rating.submit", target=rating, project=campaign.project)
    return rating


@transaction.atomic
def revise_rating(*, assignment: Assignment, answer: dict[str, Any], supersedes: int, by: Actor) -> Rating:
    """A new rating that supersedes the last. The same revision again gives the same rating; where another one came between, the
    caller is told which, and may put this one in its place."""
    assignment = _locked(assignment)
    content = _columns(assignment, answer)
    newest = assignment.ratings.order_by("-pk").first()
    if newest and newest.supersedes_id == supersedes and _same(newest, content):
        return newest
    if newest is None or newest.pk != supersedes:
        raise Conflict(
            "changed-elsewhere",
            "This rating was changed in another tab.",
            data={"rating": newest.pk if newest else None},
        )
    rating = Rating.objects.create(assignment=assignment, supersedes=newest, **content)
    record(
        by=by,
        verb="rating.revise",
        target=rating,
        project=assignment.campaign_item.campaign.project,
        data={"supersedes": supersedes},
    )
    return rating


def _locked(assignment: Assignment) -> Assignment:
    """The rater's row first, as in `next_item`, so that two tabs of one rater queue instead of deadlocking."""
    rater = (
        CampaignRater.objects.select_for_update(of=("self",))
        .select_related("campaign", "user")
        .get(pk=assignment.rater_id)
    )
    found = (
        Assignment.objects.select_for_update(of=("self",))
        .select_related("campaign_item__campaign__rubric", "campaign_item__campaign__project")
        .get(pk=assignment.pk)
    )
    if found.campaign_item.campaign.state != Campaign.State.OPEN:
        raise Conflict("campaign-closed", f"“{found.campaign_item.campaign.name}” is closed; ratings no longer count.")
    _refuse_opened_eyes(rater)
    return found


def _refuse_opened_eyes(rater: CampaignRater) -> None:
    """A rater who has seen which version wrote the answers may no longer rate them. Earlier ratings count."""
    if opened := eyes_opened_in(rater.campaign, rater.user):
        here = "" if opened == rater.campaign else f", and “{rater.campaign.name}” shows the same answers"
        raise Conflict(
            "not-blind-any-more",
            f"You opened the sealed pages of “{opened.name}”{here}, so you can no longer rate in it. "
            "What you rated before that counts.",
        )


def _same(rating: Rating, content: dict[str, Any]) -> bool:
    columns = ("scores", "harm", "harm_category", "cannot", "preference", "spans", "reason")
    return all(getattr(rating, name) == content[name] for name in columns)


def _columns(assignment: Assignment, answer: dict[str, Any]) -> dict[str, Any]:
    campaign = assignment.campaign_item.campaign
    return checked(
        answer,
        Rubric.model_validate(campaign.rubric.content),
        dict(assignment.keys.order_by("key").values_list("key", "answer__text")),
        asks_preference=campaign.asks_preference,
    )
