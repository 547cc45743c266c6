"""How a job's state and pace are told, on pages and in the shell."""

from __future__ import annotations

from datetime import datetime

from ftplatform.jobs.models import Job
from ftplatform.ui.numbers import duration, number

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


def pace_text(job: Job, *, now: datetime) -> str:
    """What stands at the right of a job's bar: rate and time left, how long it took, or why it stands still."""
    if job.state == Job.State.QUEUED:
        return "waits for a worker" if job.attempt == 0 else "waits for a worker, goes on where it stopped"
    if job.state == Job.State.FAILED:
        return first_line(job.error)
    if job.state == Job.State.RUNNING:
        if job.has_lost_its_worker(now=now):
            return "its worker is gone; stops when one is back" if job.cancel_requested_at else "waits for a worker"
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
