"""A labeler's work: a ticket, a draft, a submit, a skip, a revision. Each submit counts once, and no work is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation import handout, selectors
from annotation.answers import NOTE, UNSURE
from annotation.locks import share_task
from annotation.models import Annotation, Example, HandoutSlot, Lease, Queue, QueueCursor, Split
from annotation.services.resolution import keep_answer, resolve
from annotation.services.values import plain, refuse_bad
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import User
from ftplatform.audit.services import record
from ftplatform.errors import Conflict, Refused
from ftplatform.keepable import storable
from ftplatform.projects.models import Project
from ftplatform.projects.selectors import required_task

MOST_LIVE = 2
MOST_DRAFT_CHARACTERS = 1_000_000
MOST_SECONDS = 24 * 3600.0
MOST_NOTE = 5000


@dataclass(frozen=True)
class Submitted:
    """What a submit came to. is_new: False where the same submit had made the annotation before."""

    annotation: Annotation
    is_new: bool


@transaction.atomic
def take_lease(*, queue: Queue, labeler: User, after: Lease | None = None) -> Lease | None:
    """The labeler's live ticket, else the next one; with `after`, the one ticket that is prefetched while `after` is read.

    None when nothing is left for this labeler. A reload gets the same ticket again. The labeler's cursor row is locked, so two
    tabs share one answer; at most two leases are live. A closed queue gives only what is in hands already. Raises Conflict.
    """
    now = timezone.now()
    cursor = _locked_cursor(queue, labeler)
    live = [lease for lease in _live(queue, labeler) if after is None or lease.pk != after.pk]
    for lease in live[: MOST_LIVE if after is None else 1]:
        if _renew(queue, lease, now, shown=after is None):
            return lease
    if not queue.is_open:
        raise Conflict("queue-closed", f"“{queue.name}” is closed.")
    slot = handout.next_slot(cursor, now)
    if slot is None:
        cursor.save(update_fields=["exhausted_at"])
        return None
    if slot.state == HandoutSlot.State.OPEN:  # one whose lease ran out says nothing of the open slots before it
        cursor.position = slot.position
        cursor.save(update_fields=["position"])
    lease = handout.assign(queue, slot, labeler.pk, now)
    if after is None:
        lease.shown_at = now
        lease.save(update_fields=["shown_at"])
    return lease


def take_any_lease(*, project: Project, labeler: User) -> Lease | None:
    """The ticket that the labeler holds in any queue of the project, closed ones too, else the next of the oldest open queue that has
    one; None when nothing is left."""
    for queue in dict.fromkeys([*selectors.queues_in_hand(project, labeler), *selectors.open_queues(project)]):
        try:
            lease = take_lease(queue=queue, labeler=labeler)
        except Conflict:  # it was closed, and somebody else took what ran out in these hands
            continue
        if lease is not None:
            return lease
    return None


def _locked_cursor(queue: Queue, labeler: User) -> QueueCursor:
    cursors = QueueCursor.objects.select_for_update()
    if found := cursors.filter(queue=queue, labeler=labeler).first():
        return found
    QueueCursor.objects.bulk_create([QueueCursor(queue=queue, labeler=labeler)], ignore_conflicts=True)
    return cursors.get(queue=queue, labeler=labeler)


def _live(queue: Queue, labeler: User) -> list[Lease]:
    """Live leases, the one that was shown first."""
    found = Lease.objects.filter(queue=queue, labeler=labeler, state=Lease.State.LIVE).select_related("slot")
    return sorted(found, key=lambda lease: (lease.shown_at is None, lease.created_at))


def _renew(queue: Queue, lease: Lease, now: datetime, *, shown: bool) -> bool:
    """Keeps the slot longer; False where somebody else took it since the lease was read."""
    slot = HandoutSlot.objects.select_for_update().filter(pk=lease.slot_id).first()
    lease.refresh_from_db(fields=["state", "slot"])
    if slot is None or lease.state != Lease.State.LIVE or lease.slot_id != slot.pk:
        return False
    lease.expires_at = slot.leased_until = handout.lease_until(queue, now)
    slot.save(update_fields=["leased_until"])
    if shown and lease.shown_at is None:
        lease.shown_at = now
    lease.save(update_fields=["expires_at", "shown_at"])
    return True


@transaction.atomic
def save_draft(*, lease: Lease, draft: dict[str, Any], revision: int) -> Lease:
    """Keeps half-done work. A stale revision is refused, so an old tab never overwrites a newer one.

    Whoever writes has not gone away: the lease is renewed. A ticket that somebody else has by now still keeps its draft.
    """
    if len(json.dumps(draft)) > MOST_DRAFT_CHARACTERS:
        raise Refused(
            "draft-too-long", "This is too long to be kept as a draft; shorten it or submit.", field="draft", status=413
        )
    lease, slot = _locked(lease)
    if lease.state == Lease.State.SUBMITTED:
        raise Conflict("submitted-already", "You submitted this ticket already; open it under your last answers.")
    if revision != lease.draft_revision:
        raise Conflict(
            "stale-draft",
            "This ticket was changed in another tab; reload to see it.",
            data={"draft_revision": lease.draft_revision},
        )
    lease.draft, lease.draft_revision = storable(draft), revision + 1
    if slot is not None and lease.state == Lease.State.LIVE:
        lease.expires_at = slot.leased_until = handout.lease_until(lease.queue, timezone.now())
        slot.save(update_fields=["leased_until"])
    lease.save(update_fields=["draft", "draft_revision", "expires_at"])
    return lease


def submit_annotation(
    *,
    lease: Lease,
    values: dict[str, Any],
    seconds: float | None = None,
    note: str = "",
    is_unsure: bool = False,
    by: Actor,
) -> Submitted:
    """Counts an answer once: the same submit again gives the same annotation, other values are pointed to a revision. After the
    lease ran out it still counts unless somebody else took the ticket. What does not count is kept as a draft."""
    with transaction.atomic():
        outcome = _submit(lease, values, seconds, note, is_unsure, by)
    if isinstance(outcome, Conflict):  # told after the commit, so that the draft outlives the refusal
        raise outcome
    return outcome


def _submit(
    lease: Lease, values: dict[str, Any], seconds: float | None, note: str, is_unsure: bool, by: Actor
) -> Submitted | Conflict:
    """The annotation, or why the answer does not count; the work is then kept."""
    share_task(lease.queue.project_id)
    lease, slot = _locked(lease)
    if same := _submitted(lease, values):
        return Submitted(same, is_new=False)
    example = Example.objects.select_for_update().get(pk=lease.example_id)
    if (conflict := _conflict(lease, slot, example)) is not None:
        lease.draft = storable({**values, **({NOTE: note} if note else {}), **({UNSURE: True} if is_unsure else {})})
        lease.draft_revision += 1
        if lease.state == Lease.State.LIVE:
            if slot is not None:
                handout.give_back(slot)
            lease.state, lease.slot, lease.ended_at = Lease.State.LOST, None, timezone.now()
        lease.save(update_fields=["draft", "draft_revision", "state", "slot", "ended_at"])
        return conflict
    refuse_bad(lease.queue.task_revision.spec, values)
    previous = Annotation.objects.filter(
        example=example, author=lease.labeler, source=Annotation.Source.HUMAN, superseded_by=None
    ).first()
    annotation = Annotation.objects.create(
        example=example,
        task_revision_id=lease.queue.task_revision_id,
        author=lease.labeler,
        source=Annotation.Source.HUMAN,
        lease=lease,
        values=values,
        supersedes=previous,
        seconds=seconds,
        note=plain(note),
        is_unsure=is_unsure,
    )
    HandoutSlot.objects.filter(pk=lease.slot_id).update(state=HandoutSlot.State.DONE, leased_until=None)
    lease.state, lease.ended_at, lease.draft = Lease.State.SUBMITTED, timezone.now(), None
    lease.save(update_fields=["state", "ended_at", "draft"])
    _count(lease, submitted=1)
    keep_answer(annotation)
    resolve(example, lease.queue)
    record(by=by, verb="annotation.submit", target=annotation, project=example.project, data={"example": example.pk})
    return Submitted(annotation, is_new=True)


def _submitted(lease: Lease, values: dict[str, Any]) -> Annotation | None:
    """The annotation that the same submit made before, revised or not."""
    if lease.state != Lease.State.SUBMITTED:
        return None
    return next((one for one in lease.annotations.order_by("pk") if one.values == values), None)


def _conflict(lease: Lease, slot: HandoutSlot | None, example: Example) -> Conflict | None:
    """Why an answer to this lease does not count any more."""
    if lease.state == Lease.State.SUBMITTED:
        last = lease.annotations.latest("pk")
        return Conflict(
            "submitted-already",
            "You submitted this ticket already. To change it, open it under your last answers.",
            data={"annotation": last.pk},
        )
    if example.split == Split.TEST:
        return Conflict(
            "in-test-set",
            "This ticket was drawn into the test set meanwhile, which nobody labels. Your work is kept as a draft and does not count.",
        )
    if lease.state in (Lease.State.SKIPPED, Lease.State.RELEASED):
        return Conflict(
            "given-back",
            "You gave this ticket back; what you wrote is kept as a draft and does not count. Take the next one.",
        )
    if lease.state != Lease.State.LIVE or slot is None:
        return Conflict(
            "ticket-taken",
            "Your time for this ticket ran out and somebody else has it. Your work is kept as a draft and does not count.",
        )
    return None


def _locked(lease: Lease) -> tuple[Lease, HandoutSlot | None]:
    """The lease and its slot, locked in the one order that all of hand-out keeps: cursor, slot, lease. Whoever takes an expired slot
    from somebody holds it before that person's lease; the other way round would be a deadlock."""
    QueueCursor.objects.select_for_update().filter(queue_id=lease.queue_id, labeler_id=lease.labeler_id).first()
    slot_id = Lease.objects.values_list("slot_id", flat=True).get(pk=lease.pk)
    slot = HandoutSlot.objects.select_for_update().filter(pk=slot_id).first()
    locked = (
        Lease.objects.select_for_update(of=("self",)).select_related("queue__task_revision", "labeler").get(pk=lease.pk)
    )
    return locked, slot if slot is not None and locked.slot_id == slot.pk else None


@transaction.atomic
def revise_annotation(
    *,
    annotation: Annotation,
    values: dict[str, Any],
    note: str | None = None,
    is_unsure: bool | None = None,
    by: Actor,
) -> Annotation:
    """A new answer that supersedes the author's last, under the task as it is now. What is None stays as it was.

    Two tabs meet a constraint: the second is told which answer is the newest, and nothing is lost.
    """
    if annotation.source == Annotation.Source.REVIEW:
        raise Conflict("a-review", "This is a review; decide the ticket again instead.")
    share_task(annotation.example.project_id)
    if annotation.lease_id:
        # Before the ticket, as a submit takes them: the other way round the two would wait for each other.
        Lease.objects.select_for_update().filter(pk=annotation.lease_id).first()
    example = (
        Example.objects.select_for_update(of=("self",))
        .select_related("project__task_revision")
        .get(pk=annotation.example_id)
    )
    if example.split == Split.TEST:
        raise Conflict("in-test-set", "This ticket is in the test set by now; a reviewer can correct its label.")
    queue = annotation.lease.queue if annotation.lease else None
    revision = required_task(example.project.task_revision)
    refuse_bad(revision.spec, values)
    try:
        with transaction.atomic():
            made = Annotation.objects.create(
                example=example,
                task_revision=revision,
                author=annotation.author,
                source=annotation.source,
                lease=annotation.lease,
                values=values,
                supersedes=annotation,
                seconds=annotation.seconds,
                note=annotation.note if note is None else plain(note),
                is_unsure=annotation.is_unsure if is_unsure is None else is_unsure,
            )
    except IntegrityError as error:
        raise Conflict(
            "changed-elsewhere",
            "This answer was changed in another tab meanwhile.",
            data={"annotation": selectors.newest_of(annotation).pk},
        ) from error
    if annotation.lease_id:  # what another tab left there is settled by this
        Lease.objects.filter(pk=annotation.lease_id, draft__isnull=False).update(draft=None)
    keep_answer(made)
    resolve(example, queue)
    record(by=by, verb="annotation.revise", target=made, project=example.project, data={"supersedes": annotation.pk})
    return made


@transaction.atomic
def skip_lease(*, lease: Lease, reason: str = "", by: Actor) -> None:
    """Gives the ticket to somebody else and never to this labeler again."""
    _end(lease, Lease.State.SKIPPED, reason, by)


@transaction.atomic
def release_lease(*, lease: Lease, by: Actor) -> None:
    """Gives the ticket back; this labeler may meet it again."""
    _end(lease, Lease.State.RELEASED, "", by)


def _end(lease: Lease, state: str, reason: str, by: Actor) -> None:
    lease, slot = _locked(lease)
    if lease.state == Lease.State.SUBMITTED:
        raise Conflict("submitted-already", "You submitted this ticket already; it cannot be given back.")
    if lease.state == state:
        return
    if slot is not None and lease.state == Lease.State.LIVE:
        handout.give_back(slot)
    if state == Lease.State.SKIPPED and lease.state != Lease.State.SKIPPED:
        _count(lease, skipped=1)
    lease.state, lease.slot, lease.ended_at, lease.skip_reason = state, None, timezone.now(), plain(reason)
    lease.save(update_fields=["state", "slot", "ended_at", "skip_reason"])
    record(by=by, verb=f"lease.{state}", target=lease, project=lease.queue.project, data={"example": lease.example_id})


@transaction.atomic
def flag_example(*, example: Example, flagged: bool, by: Actor) -> None:
    """Marks a ticket for a second look."""
    if Example.objects.filter(pk=example.pk).exclude(is_flagged=flagged).update(is_flagged=flagged):
        record(by=by, verb="example.flag", target=example, project=example.project, data={"flagged": flagged})


def _count(lease: Lease, *, submitted: int = 0, skipped: int = 0) -> None:
    cursor = QueueCursor.objects.select_for_update().get(queue=lease.queue, labeler=lease.labeler)
    cursor.submitted += submitted
    cursor.skipped += skipped
    cursor.save(update_fields=["submitted", "skipped"])
