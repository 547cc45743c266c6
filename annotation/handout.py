"""Hand-out of tickets: which slot a labeler gets next. Each query names the index that it relies on.

A cursor per (labeler, queue) stands at the last open slot that was given, so that one's own finished work is never scanned again.
A slot that comes back (skipped, released) goes behind the last open one. If nothing is found past the cursor, the whole queue is
searched once more: a rolled-back transaction may have left a slot open before it. If that finds nothing either, the cursor stores the
queue's `returned` count, and nothing is searched again until another slot comes back: a labeler who has done everything costs no scan.

`OFFSET 0` keeps the planner from turning NOT EXISTS into a join over all that a labeler has ever done: it is asked slot by slot.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet

from annotation.models import Example, HandoutSlot, Lease, Queue, QueueCursor, Split

# handout_leased (partial, queue + leased_until): expired leases come first; there are few, so they are taken in order of expiry.
# A ticket that was drawn into the test set meanwhile is left alone.
EXPIRED = """
SELECT s.id FROM annotation_handoutslot s
WHERE s.queue_id = %(queue)s AND s.state = 'leased' AND s.leased_until < %(now)s
  AND NOT EXISTS (SELECT 1 FROM annotation_lease l
                  WHERE l.queue_id = s.queue_id AND l.example_id = s.example_id AND l.labeler_id = %(labeler)s
                    AND l.state IN ('submitted', 'skipped', 'live') OFFSET 0)
  AND NOT EXISTS (SELECT 1 FROM annotation_example e WHERE e.id = s.example_id AND e.split = 'test' OFFSET 0)
ORDER BY s.leased_until LIMIT 1 FOR UPDATE OF s SKIP LOCKED
"""

# handout_open (partial, queue + position): an index range from the cursor on; the unique (queue, example, labeler) of leases
# answers the NOT EXISTS, so that an example is never given twice to one labeler.
OPEN = """
SELECT s.id FROM annotation_handoutslot s
WHERE s.queue_id = %(queue)s AND s.state = 'open' AND s.position > %(position)s
  AND NOT EXISTS (SELECT 1 FROM annotation_lease l
                  WHERE l.queue_id = s.queue_id AND l.example_id = s.example_id AND l.labeler_id = %(labeler)s
                    AND l.state IN ('submitted', 'skipped', 'live') OFFSET 0)
ORDER BY s.position LIMIT 1
"""
LOCKED = " FOR UPDATE OF s SKIP LOCKED"

LAST_POSITION = "SELECT COALESCE(max(position), 0) FROM annotation_handoutslot WHERE queue_id = %s AND state = 'open'"


def next_slot(cursor_row: QueueCursor, now: datetime) -> HandoutSlot | None:
    """A slot, locked, that this labeler may have; None when there is none. The caller holds the cursor's row and saves it."""
    values: dict[str, Any] = {"queue": cursor_row.queue_id, "labeler": cursor_row.labeler_id, "now": now}
    returned = Queue.objects.values_list("returned", flat=True).get(pk=cursor_row.queue_id)  # read before the scans
    with connection.cursor() as cursor:

        def first(statement: str, **more: Any) -> int | None:
            cursor.execute(statement, {**values, **more})
            found = cursor.fetchone()
            return found[0] if found else None

        pk = first(EXPIRED)
        if pk is None and cursor_row.exhausted_at != returned:
            pk = first(OPEN + LOCKED, position=cursor_row.position) or first(OPEN + LOCKED, position=-1)
            if pk is None and first(OPEN, position=-1) is None:  # none that another transaction holds just now, either
                cursor_row.exhausted_at = returned
    return HandoutSlot.objects.get(pk=pk) if pk is not None else None


def give_back(slot: HandoutSlot) -> None:
    """Opens a slot again at the end of its queue; that of a ticket which is in the test set by now is done instead."""
    if Example.objects.filter(pk=slot.example_id, split=Split.TEST).exists():
        slot.state, slot.leased_until = HandoutSlot.State.DONE, None
        slot.save(update_fields=["state", "leased_until"])
        return
    with connection.cursor() as cursor:
        cursor.execute(LAST_POSITION, [slot.queue_id])
        last = cursor.fetchone()[0]
    slot.state, slot.leased_until, slot.position = HandoutSlot.State.OPEN, None, last + 1
    slot.save(update_fields=["state", "leased_until", "position"])
    Queue.objects.filter(pk=slot.queue_id).update(returned=F("returned") + 1)


def close(slots: QuerySet[HandoutSlot], now: datetime) -> Counter[int]:
    """Takes slots that nobody has answered out of their queues; returns queue → how many, for `shrink`. Whoever holds one keeps the work
    as a draft. Slots are locked first and leases after them, as a submit does."""
    queues = dict(
        slots.select_for_update(of=("self",))  # not the queue, which every lease refers to
        .exclude(state=HandoutSlot.State.DONE)
        .order_by("pk")
        .values_list("pk", "queue_id")
    )
    held = Lease.objects.filter(slot__in=list(queues), state=Lease.State.LIVE)
    held.update(state=Lease.State.LOST, slot=None, ended_at=now)
    HandoutSlot.objects.filter(pk__in=list(queues)).delete()
    return Counter(queues.values())


def shrink(closed: Counter[int]) -> None:
    """Takes closed slots off their queues' totals: once no more slot is to be locked, since who gives one back locks its queue after it."""
    for queue, count in sorted(closed.items()):
        Queue.objects.filter(pk=queue).update(total=F("total") - count)


def lease_until(queue: Queue, now: datetime) -> datetime:
    return now + timedelta(minutes=queue.lease_minutes)


def assign(queue: Queue, slot: HandoutSlot, labeler_id: int, now: datetime) -> Lease:
    """Puts the slot into the labeler's hands. Whoever held it before keeps the work as a draft but no longer the slot."""
    Lease.objects.filter(slot=slot, state=Lease.State.LIVE).update(state=Lease.State.LOST, slot=None, ended_at=now)
    until = lease_until(queue, now)
    slot.state, slot.leased_until = HandoutSlot.State.LEASED, until
    slot.save(update_fields=["state", "leased_until"])
    lease, made = Lease.objects.get_or_create(
        queue=queue, example_id=slot.example_id, labeler_id=labeler_id, defaults={"slot": slot, "expires_at": until}
    )
    if not made:
        lease.slot, lease.state, lease.expires_at, lease.ended_at = slot, Lease.State.LIVE, until, None
        lease.save(update_fields=["slot", "state", "expires_at", "ended_at"])
    return lease
