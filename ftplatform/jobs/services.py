"""A job row's state changes only here and in the supervisor. Enqueue hands over once the transaction has committed."""

import time
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone
from pydantic import BaseModel

from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Conflict
from ftplatform.jobs import kinds
from ftplatform.jobs.context import took_fence
from ftplatform.jobs.models import Job, JobEvent, SlotClaim
from ftplatform.outage import database_is_away

AWAY_SECONDS = 60.0
"""How long somebody who waits for a job bears a database that does not answer."""


@transaction.atomic
def enqueue(
    *, kind: str, parameters: BaseModel, title: str, project: Any = None, total: int | None = None, by: Actor
) -> Job:
    """Puts work into the queue; a worker is woken when the caller's transaction commits."""
    known = kinds.named(kind)
    if not isinstance(parameters, known.parameters):
        raise TypeError(f"{kind} takes {known.parameters.__name__}, not {type(parameters).__name__}")
    job = Job.objects.create(
        kind=kind,
        project=project,
        title=title,
        parameters=parameters.model_dump(mode="json"),
        total=total,
        unit=known.unit,
        created_by=by.user,
        created_as=by.name,
    )
    record(by=by, verb="job.enqueue", target=job, project=project, data={"kind": kind, "title": title})
    transaction.on_commit(_wake_waiting)
    return job


@transaction.atomic
def cancel(*, job: Job, by: Actor) -> Job:
    """Asks a job to end. One that no worker has ends at once; a running one when its handler hears it, keeping what is complete."""
    job = Job.objects.select_for_update().get(pk=job.pk)
    if not job.is_live:
        raise Conflict("job-ended", f"{job.title} has ended already: {job.state}.")
    now = timezone.now()
    job.cancel_requested_at = job.cancel_requested_at or now
    job.save(update_fields=["cancel_requested_at"])
    record(by=by, verb="job.cancel", target=job, project=job.project, data={})
    if job.state == Job.State.QUEUED or (job.has_lost_its_worker(now=now) and took_fence(job.pk)):
        end_cancelled(job=job)
    return job


def end_cancelled(*, job: Job) -> None:
    """Ends a job that was to stop and that no worker has; the caller holds its row. An attempt that was only thought dead finds
    its fence closed, since the job is no longer running."""
    job.state, job.finished_at = Job.State.CANCELLED, timezone.now()
    job.heartbeat_at = job.woken_at = None
    job.save(update_fields=["state", "finished_at", "heartbeat_at", "woken_at"])
    SlotClaim.objects.filter(job=job).delete()
    JobEvent.objects.create(job=job, attempt=job.attempt, kind="state", message="cancelled")


@transaction.atomic
def resume(*, job: Job, by: Actor) -> Job:
    """Puts a failed or cancelled job back into the queue; its handler goes on from what is complete."""
    job = Job.objects.select_for_update().get(pk=job.pk)
    if job.state not in (Job.State.FAILED, Job.State.CANCELLED):
        raise Conflict("job-not-stopped", f"{job.title} is {job.state}; only a failed or cancelled job can be resumed.")
    job.state = Job.State.QUEUED
    job.finished_at = job.cancel_requested_at = job.woken_at = job.heartbeat_at = None
    job.error = job.error_code = ""
    job.save()
    JobEvent.objects.create(job=job, attempt=job.attempt, kind="state", message="resumed")
    record(by=by, verb="job.resume", target=job, project=job.project, data={})
    transaction.on_commit(_wake_waiting)
    return job


def wait(job: Job, *, timeout: float | None = None, tell: Callable[[Job], None] = lambda job: None) -> Job:
    """Blocks until the job has ended, for commands and tests. Raises TimeoutError.

    A database that is away for less than AWAY_SECONDS is waited for, as the job's worker does: it is started again.
    """
    begun = seen = time.monotonic()
    while True:
        try:
            job.refresh_from_db()
            tell(job)
        except (DatabaseError, InterfaceError) as error:
            if not database_is_away(error) or time.monotonic() - seen > AWAY_SECONDS:
                raise
            connection.close()
        else:
            if not job.is_live:
                return job
            seen = time.monotonic()
        if timeout is not None and time.monotonic() - begun > timeout:
            raise TimeoutError(f"{job.title} has not ended after {timeout:.0f} s; it is {job.state}")
        time.sleep(0.25)


def _wake_waiting() -> None:
    from ftplatform.jobs.supervisor import wake_waiting

    wake_waiting()
