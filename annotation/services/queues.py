"""Queues: opened over tickets, closed when enough is done, opened again."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from annotation.locks import lock_tickets
from annotation.models import Example, HandoutSlot, Queue, Split
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.projects.models import Project
from ftplatform.projects.selectors import current_task

BATCH = 5000


@transaction.atomic
def open_queue(*, project: Project, name: str, examples: Iterable[Example], overlap: int = 1, by: Actor) -> Queue:
    """Makes a queue with `overlap` slots a ticket. Test tickets are left out: nobody labels what a model is measured on."""
    if not 1 <= overlap <= 20:
        raise Refused("bad-overlap", "A ticket can go to 1 to 20 labelers.", field="overlap")
    lock_tickets(project.pk)  # no ticket is drawn into the test set while its slots are made, nor does the task change
    revision = current_task(project)
    if revision is None:
        raise Refused("no-task", "Say first what the task is: its inputs and fields.", status=409)
    queue = Queue.objects.create(
        project=project, task_revision=revision, name=name, overlap=overlap, created_by=by.user
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
def close_queue(*, queue: Queue, by: Actor) -> Queue:
    """Hands out no more tickets. Those in people's hands may still be submitted, and all answers stay."""
    return _set_open(queue, False, "queue.close", by)


@transaction.atomic
def reopen_queue(*, queue: Queue, by: Actor) -> Queue:
    """Hands out again what is left."""
    return _set_open(queue, True, "queue.reopen", by)


def _set_open(queue: Queue, is_open: bool, verb: str, by: Actor) -> Queue:
    if Queue.objects.filter(pk=queue.pk).exclude(is_open=is_open).update(is_open=is_open):
        record(by=by, verb=verb, target=queue, project=queue.project, data={"name": queue.name})
    queue.is_open = is_open
    return queue
