"""What Celery carries: one task, and the worker's own threads: one reconciles every ten seconds, one tidies up every hour."""

import logging
import threading
from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from django.db import DatabaseError, connection
from django.utils import timezone
from kombu import Queue

from ftplatform.celery import app
from ftplatform.housekeeping import tidy
from ftplatform.jobs import supervisor
from ftplatform.jobs.context import JobContext

logger = logging.getLogger(__name__)

RECONCILE_SECONDS = 10.0
TIDY_SECONDS = 3600.0


def host_queue(host: str) -> str:
    """Messages for jobs that hold a slot of a host go to that host's workers."""
    return f"host-{host}"


app.conf.task_queues = [Queue("celery"), Queue(host_queue(supervisor.HOST))]
app.conf.task_default_queue = "celery"


@app.task(name="jobs.run", ignore_result=True)
def run_job(job_id: int) -> None:
    try:
        supervisor.run(job_id)
    finally:
        connection.close()  # a worker's thread gives its connection back to the pool


@worker_ready.connect
def _begin(**_: Any) -> None:
    threading.Thread(target=_reconcile, name="reconciler", daemon=True).start()
    threading.Thread(target=_tidy, name="housekeeping", daemon=True).start()


@worker_shutting_down.connect
def _leave(**_: Any) -> None:
    JobContext.leaving.set()


def _reconcile() -> None:
    while not JobContext.leaving.is_set():
        try:
            supervisor.report_slots()
            supervisor.wake_waiting()
        except DatabaseError as error:
            logger.warning("cannot reconcile: the database does not answer (%s)", error)
        finally:
            connection.close()
        JobContext.leaving.wait(RECONCILE_SECONDS)


def _tidy() -> None:
    """On a thread of its own: deleting takes its time, and the reconciler has none."""
    while not JobContext.leaving.wait(TIDY_SECONDS):
        try:
            tidy(now=timezone.now())
        except (DatabaseError, OSError) as error:
            logger.warning("cannot tidy up now: %s", error)
        finally:
            connection.close()
