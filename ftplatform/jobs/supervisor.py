"""Claims, runs and ends jobs. The worker's side; nothing here knows what a job does.

The order of things: slot granted → job woken (a Celery message with its id) → claimed by one UPDATE that raises `attempt` →
handler → one fenced UPDATE that ends it. A message lost or doubled changes nothing: the reconciler wakes what waits, and a
second claim finds no row.
"""

import logging
import os
import socket
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Case, F, Q, When
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError
from pydantic import BaseModel, ValidationError

from ftplatform.errors import Refused
from ftplatform.jobs import kinds, services
from ftplatform.jobs.context import Cancelled, JobContext, JobFailed, Superseded, WorkerLeaves, took_fence
from ftplatform.jobs.kinds import JobKind
from ftplatform.jobs.models import Job, JobEvent, Slot, SlotClaim
from ftplatform.keepable import shown
from ftplatform.outage import database_is_away

logger = logging.getLogger(__name__)

WAKE_AGAIN = timedelta(seconds=10)
SLOT_STALE = timedelta(seconds=60)
MOST_DEATHS = 7
ADVISORY_LOCK = 0x66746A6F  # "ftjo"
HOST = socket.gethostname()


def run(job_id: int) -> None:
    """Claims the job and runs it to its end. Does nothing when there is nothing to claim."""
    job = claim(job_id)
    if job is None:
        return
    logger.info("job %s (%s) attempt %s begins", job.pk, job.kind, job.attempt)
    with JobContext(job) as context:
        try:
            _run(context)
        except Superseded:
            logger.warning("job %s attempt %s was superseded; nothing more is written", job.pk, context.attempt)
        except Exception as error:
            if not database_is_away(error):
                raise
            # The row stays as it is: once its heartbeat is stale, the job is claimed again and goes on from what is complete.
            logger.warning("job %s attempt %s lost the database (%s)", job.pk, context.attempt, error)
            return
    wake_waiting()


@transaction.atomic
def claim(job_id: int) -> Job | None:
    """One UPDATE: a queued job, or a running one whose heartbeat is gone, becomes ours; one that was to stop ends instead.

    Not while an attempt is in a fenced transaction: that one lives, whatever its heartbeat says.
    """
    if not took_fence(job_id):
        return None
    now = timezone.now()
    waiting = Job.objects.waiting(now=now).filter(pk=job_id)
    stopped = waiting.select_for_update().filter(cancel_requested_at__isnull=False).first()
    if stopped:
        services.end_cancelled(job=stopped)
        return None
    needs_slot = Q(kind__in=kinds.with_slot())
    claimable = waiting.filter(~needs_slot | Q(slot_claim__slot__host=HOST))
    claimed = (
        Job.objects.waiting(now=now)
        .filter(pk__in=claimable.values("pk"))
        .update(
            state=Job.State.RUNNING,
            attempt=F("attempt") + 1,
            deaths=Case(When(state=Job.State.RUNNING, then=F("deaths") + 1), default=0),
            worker=f"{HOST}:{os.getpid()}",
            heartbeat_at=now,
            started_at=now,
            error="",
            error_code="",
        )
    )
    if not claimed:
        return None
    job = Job.objects.select_related("project", "created_by").get(pk=job_id)
    JobEvent.objects.create(job=job, attempt=job.attempt, kind="state", message=f"running, attempt {job.attempt}")
    return job


def _run(context: JobContext) -> None:
    job = context.job
    try:
        if job.deaths > MOST_DEATHS:
            raise JobFailed(
                "too-many-deaths",
                f"The worker or the database died {job.deaths} times in a row during this job; see their logs for why (memory, as a rule), then resume it.",
            )
        kind, parameters = _resolved(job)
        result = kind.handler(context, parameters)
    except Superseded:
        raise
    except WorkerLeaves:
        _end(context, Job.State.QUEUED, message="the worker shut down; goes on when one is back")
    except Cancelled:
        _end(context, Job.State.CANCELLED)
    except JobFailed as error:
        _end(context, Job.State.FAILED, message=str(error), code=error.code)
    except Refused as error:
        _end(context, Job.State.FAILED, message=error.message, code=error.code)
    except Exception as error:
        if database_is_away(error):
            raise
        logger.exception("job %s", job.pk)
        _end(
            context,
            Job.State.FAILED,
            message=f"Something broke on our side; the worker's log has it. Resume tries again.\n{type(error).__name__}: {error}",
            code="unforeseen",
        )
    else:
        _end(context, Job.State.SUCCEEDED, result=result)


def _resolved(job: Job) -> tuple[JobKind, BaseModel]:
    """The job's kind, and its parameters as that kind reads them. Raises JobFailed where this version no longer knows them."""
    try:
        kind = kinds.named(job.kind)
        return kind, kind.parameters.model_validate(job.parameters)
    except (LookupError, ValidationError) as error:
        raise JobFailed("bad-parameters", f"This version cannot read what the job should do: {error}") from error


def _end(
    context: JobContext, state: str, *, message: str = "", code: str = "", result: dict[str, object] | None = None
) -> None:
    with transaction.atomic():
        queued = state == Job.State.QUEUED
        values: dict[str, object] = {
            "state": state,
            "finished_at": None if queued else timezone.now(),
            "heartbeat_at": None,
            "woken_at": None,
            "error": "" if queued else shown(message),
            "error_code": code,
            "done": context.job.done,
            "total": context.job.total,
        }
        if result is not None:
            values["result"] = result
        context.write(**values)
        JobEvent.objects.create(
            job=context.job,
            attempt=context.attempt,
            kind="state",
            message=shown(f"{state} {message}".strip()),
        )
        SlotClaim.objects.filter(job=context.job).delete()
    logger.info("job %s attempt %s: %s %s", context.job.pk, context.attempt, state, message)


# ── waking ──


def report_slots() -> None:
    """This host says which slots it has: one CPU-heavy place. Called at worker start and by every reconciliation."""
    Slot.objects.update_or_create(host=HOST, kind=kinds.CPU, index=0, defaults={"reported_at": timezone.now()})


def wake_waiting() -> None:
    """Grants free slots to waiting jobs, oldest first, and sends a wake-up for each job that can run and was not woken lately.

    Under an advisory lock, so that any number of workers and requests may call it at once. A broker that is away is no error:
    the reconciler comes back in ten seconds.
    """
    now = timezone.now()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        _grant(now)
        due = Q(woken_at__isnull=True) | Q(woken_at__lt=now - WAKE_AGAIN)
        ready = ~Q(kind__in=kinds.with_slot()) | Q(slot_claim__isnull=False)
        jobs = list(
            Job.objects.waiting(now=now)
            .filter(due, ready)
            .order_by("pk")
            .values_list("pk", "slot_claim__slot__host")[:100]
        )
        Job.objects.filter(pk__in=[pk for pk, _ in jobs]).update(woken_at=now)
    for pk, host in jobs:
        _send(pk, host)


def _grant(now: datetime) -> None:
    """Gives every fresh free slot to the oldest job that waits for one, and takes back those whose host is gone."""
    SlotClaim.objects.filter(slot__reported_at__lt=now - SLOT_STALE, job__in=Job.objects.waiting(now=now)).delete()
    SlotClaim.objects.filter(job__isnull=False).exclude(job__state__in=Job.LIVE).delete()
    free = list(Slot.objects.filter(reported_at__gte=now - SLOT_STALE, claim__isnull=True).order_by("pk"))
    if not free:
        return
    waiting = Job.objects.waiting(now=now).filter(kind__in=kinds.with_slot(), slot_claim__isnull=True).order_by("pk")
    for job in waiting[:100]:
        slot = next((slot for slot in free if slot.kind == kinds.named(job.kind).slot), None)
        if slot is not None:
            free.remove(slot)
            SlotClaim.objects.create(slot=slot, job=job, holder=f"job:{job.pk}")
            Job.objects.filter(pk=job.pk).update(woken_at=None)


def _send(job_id: int, host: str | None) -> None:
    from ftplatform.jobs.celery_tasks import host_queue, run_job

    try:
        run_job.apply_async((job_id,), queue=host_queue(host) if host else None, retry=False)
    except BrokerError as error:
        logger.warning("job %s waits: the broker does not answer (%s)", job_id, error)
