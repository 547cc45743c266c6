"""A job as a command shows it: one line on stderr while it runs, an error that says why when it ends badly."""

from __future__ import annotations

import os
import sys

from django.core.management.base import CommandError
from django.utils import timezone

from ftplatform.jobs import services
from ftplatform.jobs.models import Job
from ftplatform.jobs.selectors import worker_is_here
from ftplatform.ui.jobs import pace_text


def require_worker() -> None:
    """CommandError where no worker has reported lately: whoever waits should not wait for nobody."""
    if not worker_is_here(now=timezone.now()):
        raise CommandError(
            "No worker is running, so the job would wait for ever. Start one with `make up` in another terminal, or pass "
            "--no-wait to leave the job in the queue."
        )


def follow(job: Job) -> Job:
    """Waits for the job's end. Raises CommandError with its reason when it fails or is cancelled; it can be resumed then."""
    is_terminal = sys.stderr.isatty()
    told = ""

    def tell(now: Job) -> None:
        nonlocal told
        done = f"{now.done:,} of {now.total:,} {now.unit}" if now.total else now.state
        line = f"{now.title}: {done}, {pace_text(now, now=timezone.now())}".rstrip(", ")
        if is_terminal:
            sys.stderr.write(f"\r\033[K{line}")
        elif now.state != told:
            sys.stderr.write(line + os.linesep)
            told = now.state
        sys.stderr.flush()

    job = services.wait(job, tell=tell)
    if is_terminal:
        sys.stderr.write(os.linesep)
    if job.state != Job.State.SUCCEEDED:
        raise CommandError(f"{job.title} {job.state}: {job.error or 'no reason given'}")
    return job
