"""Queues: opened over tickets, closed when enough is done, opened again."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from annotation import handout
from annotation.locks import lock_tickets
from annotation.models import Example, HandoutSlot, Queue, Split
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.projects.models import Project
from ftplatform.projects.selectors import current_task, required_task

# The tickets in the order in which they are asked for, each with `overlap` slots in a row.
SLOTS = """
INSERT INTO annotation_handoutslot (queue_id, example_id, number, position, state)
SELECT %s, placed.id, slot, (placed.place - 1) * %s + slot, 'open'
FROM (SELECT e.id, row_number() OVER (ORDER BY asked.place) AS place
      FROM (SELECT id, row_number() OVER () AS place FROM ({tickets}) chosen) asked
      JOIN annotation_example e ON e.id = asked.id
      WHERE e.split IS DISTINCT FROM %s AND e.erased_at IS NULL) placed,
     generate_series(0, %s - 1) AS slot
"""


@transaction.atomic
def open_queue(*, project: Project, name: str, examples: QuerySet[Example], overlap: int = 1, by: Actor) -> Queue:
    """Makes a queue with `overlap` slots per ticket. Test tickets are left out: nobody labels what a model is measured on."""
    if not 1 <= overlap <= 20:
        raise Refused("bad-overlap", "A ticket can go to 1 to 20 labelers.", field="overlap")
    lock_tickets(project.pk)  # no ticket is drawn into the test set while its slots are made, nor does the task change
    revision = required_task(current_task(project))
    queue = Queue.objects.create(
        project=project, task_revision=revision, name=name, overlap=overlap, created_by=by.user
    )
    total = _make_slots(queue, examples)
    if not total:
        raise Refused("empty-queue", "No ticket is left for this queue; choose others.", field="examples")
    queue.total = total
    queue.save(update_fields=["total"])
    record(by=by, verb="queue.open", target=queue, project=project, data={"name": name, "slots": total})
    return queue


def _make_slots(queue: Queue, examples: QuerySet[Example]) -> int:
    """How many. In one statement: a hundred thousand tickets are opened while the admin waits for the page."""
    try:
        tickets, values = examples.values("id").query.sql_with_params()
    except EmptyResultSet:  # Django sees that none can match
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            SLOTS.format(tickets=tickets), [queue.pk, queue.overlap, *values, Split.TEST.value, queue.overlap]
        )
        return int(cursor.rowcount)


@transaction.atomic
def close_queue(*, queue: Queue, by: Actor) -> Queue:
    """Hands out no more tickets. Those in people's hands may still be submitted, and all answers stay."""
    return _set_open(queue, False, "queue.close", by)


@dataclass(frozen=True)
class Reopened:
    """A queue that is open again. left_out: slots that it lost because their tickets stand in another open queue by now."""

    queue: Queue
    left_out: int


@transaction.atomic
def reopen_queue(*, queue: Queue, by: Actor) -> Reopened:
    """Hands out again what is left, without the tickets that stand in another open queue: nobody is asked twice for one at a time.
    Those in people's hands stay there. Raises Conflict."""
    lock_tickets(queue.project_id)  # no other queue is opened over the same tickets meanwhile
    left_out = 0
    if not Queue.objects.get(pk=queue.pk).is_open:
        now = timezone.now()
        elsewhere = HandoutSlot.objects.filter(queue__project=queue.project_id, queue__is_open=True)
        free = Q(state=HandoutSlot.State.OPEN) | Q(state=HandoutSlot.State.LEASED, leased_until__lt=now)
        slots = queue.slots.filter(free, example__in=elsewhere.values("example"))
        closed = handout.close(slots, now)
        handout.shrink(closed)
        left_out = closed.total()
    queue = _set_open(queue, True, "queue.reopen", by, left_out=left_out)
    queue.refresh_from_db(fields=["total"])
    return Reopened(queue, left_out)


def _set_open(queue: Queue, is_open: bool, verb: str, by: Actor, **more: int) -> Queue:
    if Queue.objects.filter(pk=queue.pk).exclude(is_open=is_open).update(is_open=is_open):
        record(by=by, verb=verb, target=queue, project=queue.project, data={"name": queue.name, **more})
    queue.is_open = is_open
    return queue
