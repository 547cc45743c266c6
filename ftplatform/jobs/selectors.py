"""Reads of jobs: what pages, the API and the probes show of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, QuerySet

from ftplatform.jobs.models import Job, JobEvent, Slot
from ftplatform.projects import facts
from ftplatform.projects.access import Access
from ftplatform.projects.models import Project
from ftplatform.ui.numbers import duration, number

WORKER_STALE = timedelta(seconds=60)
STATE_WORDS = {
    Job.State.QUEUED: "waits",
    Job.State.RUNNING: "running",
    Job.State.SUCCEEDED: "done",
    Job.State.FAILED: "failed",
    Job.State.CANCELLED: "cancelled",
}
STATE_GLYPHS = {
    Job.State.QUEUED: "todo",
    Job.State.RUNNING: "run",
    Job.State.SUCCEEDED: "good",
    Job.State.FAILED: "bad",
    Job.State.CANCELLED: "bad",
}


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


def events_after(job: Job, after: int, limit: int) -> list[JobEvent]:
    """The job's events with a higher id than `after`, oldest first, on the index (job, id)."""
    return list(job.events.filter(pk__gt=after).order_by("pk")[:limit])


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


def pace_text(job: Job, *, now: datetime) -> str:
    """What stands at the right of a job's bar: rate and time left, how long it took, or why it stands still."""
    if job.state == Job.State.QUEUED:
        return "waits for a worker" if job.attempt == 0 else "waits for a worker, goes on where it stopped"
    if job.state == Job.State.FAILED:
        return first_line(job.error)
    if job.state == Job.State.RUNNING:
        return "stops at the next safe point" if job.cancel_requested_at else _rate_text(job, now)
    if job.started_at is None or job.finished_at is None:
        return ""
    took = duration((job.finished_at - job.started_at).total_seconds())
    return f"took {took}" if job.state == Job.State.SUCCEEDED else f"cancelled after {took}"


def first_line(text: str, limit: int = 120) -> str:
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _rate_text(job: Job, now: datetime) -> str:
    """Rate and time left. A resumed job began above zero, so that no rate can be told from its first figures: left out."""
    seconds = (now - job.started_at).total_seconds() if job.started_at else 0.0
    if not job.done or seconds < 1:
        return f"for {duration(seconds)}" if seconds >= 1 else ""
    if job.attempt > 1:
        return f"resumed, for {duration(seconds)}"
    each = job.done / seconds
    rate = f"{number(each, 1 if each < 10 else 0)}/s" if each >= 1 else f"{number(each * 60, 1)}/min"
    if not job.total or job.done >= job.total:
        return rate
    return f"{rate}, {duration((job.total - job.done) / each)} left"
