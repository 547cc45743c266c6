"""A labeler's work: a ticket, a draft, a submit, a skip, a revision. Each submit counts once, and no work is lost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation import handout
from annotation.models import Annotation, Example, HandoutSlot, Lease, Queue, QueueCursor, Split
from annotation.services.resolution import keep_answer, resolve
from annotation.services.values import plain, refuse_bad, storable
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import User
from ftplatform.audit.services import record
from ftplatform.errors import Conflict, Refused
from ftplatform.projects.models import Project

MOST_LIVE = 2
BATCH = 5000


@transaction.atomic
def open_queue(*, project: Project, name: str, examples: Iterable[Example], overlap: int = 1, by: Actor) -> Queue:
    """Makes a queue with `overlap` slots a ticket. Test tickets are left out: nobody labels what a model is measured on."""
    if project.task_revision is None:
        raise Refused("no-task", "Say first what the task is: its inputs and fields.", status=409)
    if not 1 <= overlap <= 20:
        raise Refused("bad-overlap", "A ticket can go to 1 to 20 labelers.", field="overlap")
    queue = Queue.objects.create(
        project=project, task_revision=project.task_revision, name=name, overlap=overlap, created_by=by.user
    )
    slots: list[HandoutSlot] = []
    total = position = 0
    for example in examples:
        if example.split == Split.TEST or example.erased_at:
            continue
        for number in range(overlap):
            slots.append(HandoutSlot(queue=queue, example=example, number=number, position=position))
            position += 1
        if len(slots) >= BATCH:
            HandoutSlot.objects.bulk_create(slots)
            total += len(slots)
            slots.clear()
    HandoutSlot.objects.bulk_create(slots)
    total += len(slots)
    if not total:
        raise Refused("empty-queue", "No ticket is left for this queue; choose others.", field="examples")
    queue.total = total
    queue.save(update_fields=["total"])
    record(by=by, verb="queue.open", target=queue, project=project, data={"name": name, "slots": total})
    return queue


@transaction.atomic
def take_lease(*, queue: Queue, labeler: User, after: Lease | None = None) -> Lease | None:
    """The labeler's live ticket, else the next one; with `after`, the one ticket that is prefetched while `after` is read.

    None when nothing is left for this labeler. A reload gets the same ticket again. The labeler's cursor row is locked, so two
    tabs share one answer; at most two leases are live.
    """
    if not queue.is_open:
        raise Conflict("queue-closed", f"“{queue.name}” is closed.")
    now = timezone.now()
    cursor = _locked_cursor(queue, labeler)
    live = [lease for lease in _live(queue, labeler) if after is None or lease.pk != after.pk]
    for lease in live[: MOST_LIVE if after is None else 1]:
        if _renew(queue, lease, now, shown=after is None):
            return lease
    slot = handout.next_slot(queue, cursor, now)
    if slot is None:
        return None
    if slot.state == HandoutSlot.State.OPEN:  # one whose lease ran out says nothing of the open slots before it
        cursor.position = slot.position
        cursor.save(update_fields=["position"])
    lease = handout.assign(queue, slot, labeler.pk, now)
    if after is None:
        lease.shown_at = now
        lease.save(update_fields=["shown_at"])
    return lease


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
) -> Annotation:
    """Counts an answer once: the same submit again gives the same annotation, other values are pointed to a revision. After the
    lease ran out it still counts unless somebody else took the ticket; then the work is kept as a draft."""
    with transaction.atomic():
        annotation = _submit(lease, values, seconds, note, is_unsure, by)
    if annotation is None:  # told after the commit, so that the draft outlives the refusal
        raise Conflict(
            "ticket-taken",
            "Your time for this ticket ran out and somebody else has it. Your work is kept as a draft and does not count.",
        )
    return annotation


def _submit(
    lease: Lease, values: dict[str, Any], seconds: float | None, note: str, is_unsure: bool, by: Actor
) -> Annotation | None:
    """The annotation, or None when the ticket is somebody else's by now."""
    lease, slot = _locked(lease)
    if lease.state == Lease.State.SUBMITTED:
        return _again(lease, values)
    refuse_bad(lease.queue.task_revision.spec, values)
    if lease.state in (Lease.State.SKIPPED, Lease.State.RELEASED):
        raise Conflict("given-back", "You gave this ticket back; what you wrote does not count. Take the next one.")
    if lease.state != Lease.State.LIVE or slot is None:
        Lease.objects.filter(pk=lease.pk).update(draft=values)
        return None
    now = timezone.now()
    example = Example.objects.select_for_update().get(pk=lease.example_id)
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
    slot.state, slot.leased_until = HandoutSlot.State.DONE, None
    slot.save(update_fields=["state", "leased_until"])
    lease.state, lease.ended_at, lease.draft = Lease.State.SUBMITTED, now, None
    lease.save(update_fields=["state", "ended_at", "draft"])
    _count(lease, submitted=1)
    keep_answer(annotation)
    resolve(example, lease.queue)
    record(by=by, verb="annotation.submit", target=annotation, project=example.project, data={"example": example.pk})
    return annotation


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


def _again(lease: Lease, values: dict[str, Any]) -> Annotation:
    first = lease.annotations.order_by("-pk").first()
    assert first
    if first.values == values:
        return first
    raise Conflict(
        "submitted-already",
        "You submitted this ticket already. To change it, open it under your last answers.",
        data={"annotation": first.pk},
    )


@transaction.atomic
def revise_annotation(
    *, annotation: Annotation, values: dict[str, Any], note: str | None = None, by: Actor
) -> Annotation:
    """A new answer that supersedes the author's last. Two tabs meet a constraint: the second is told, and nothing is lost."""
    example = Example.objects.select_for_update().get(pk=annotation.example_id)
    queue = annotation.lease.queue if annotation.lease else None
    refuse_bad(annotation.task_revision.spec, values)
    try:
        with transaction.atomic():
            made = Annotation.objects.create(
                example=example,
                task_revision=annotation.task_revision,
                author=annotation.author,
                source=annotation.source,
                lease=annotation.lease,
                values=values,
                supersedes=annotation,
                seconds=annotation.seconds,
                note=annotation.note if note is None else plain(note),
                is_unsure=annotation.is_unsure,
            )
    except IntegrityError as error:
        raise Conflict("changed-elsewhere", "This answer was changed in another tab; reload to see it.") from error
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
