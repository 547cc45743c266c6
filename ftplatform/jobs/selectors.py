"""Reads of jobs: what pages, the API and the probes show of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, QuerySet

from ftplatform.jobs.models import Job, JobEvent, Slot
from ftplatform.projects import facts
from ftplatform.projects.access import Access
from ftplatform.projects.models import Project

WORKER_STALE = timedelta(seconds=60)
LIVE_SHOWN = 20
_LIVE_COLUMNS = (
    "id",
    "kind",
    "title",
    "state",
    "attempt",
    "done",
    "total",
    "unit",
    "started_at",
    "heartbeat_at",
    "cancel_requested_at",
)


LIVE_JOBS = facts.register(
    "live_jobs",
    facts.several(
        Job.objects.filter(project=OuterRef("pk"), state__in=Job.LIVE).order_by("pk"), *_LIVE_COLUMNS, most=LIVE_SHOWN
    ),
    lambda rows: [facts.instance(Job, row) for row in rows],
)
"""The project's live jobs, oldest first, from the partial index on live jobs."""


def live_job(access: Access, *kinds: str) -> Job | None:
    """The oldest live job of these kinds."""
    return next((job for job in LIVE_JOBS.of(access) if job.kind in kinds), None)


def jobs_of(project: Project) -> QuerySet[Job]:
    """A project's jobs, newest first, on the index (project, -id)."""
    return Job.objects.filter(project=project).select_related("created_by").order_by("-pk")


def events_after(job: Job, after: int) -> QuerySet[JobEvent]:
    """The job's events with a higher id than `after`, on the index (job, id)."""
    return job.events.filter(pk__gt=after)


def last_events(job: Job, limit: int) -> list[JobEvent]:
    """The job's last events, oldest first."""
    return list(reversed(job.events.order_by("-pk")[:limit]))


def worker_is_here(*, now: datetime) -> bool:
    """Whether a worker has reported its slots within the last minute."""
    return Slot.objects.filter(reported_at__gte=now - WORKER_STALE).exists()


def live_counts() -> dict[str, int]:
    """Live jobs by state, from the partial index: `{"queued": n, "running": m}`."""
    rows = Job.objects.filter(state__in=Job.LIVE).values_list("state").annotate(n=Count("pk")).order_by()
    return {str(state): 0 for state in Job.LIVE} | {str(state): n for state, n in rows}
