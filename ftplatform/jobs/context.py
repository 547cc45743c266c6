"""What a handler holds while its job runs: the fence, progress, events, and the word that it should stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from ftplatform.accounts.actors import Actor
from ftplatform.jobs.models import Job
from ftplatform.keepable import shown

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0
FENCE = 0x666E6365  # "fnce": the class of advisory locks that are held by (class, job)
PROGRESS_SECONDS = 0.5


def took_fence(job_id: int) -> bool:
    """Takes the job's fence for the caller's transaction; False where an attempt holds it, which then lives."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [FENCE, job_id])
        return bool(cursor.fetchone()[0])


class JobStopped(Exception):
    """The handler must end now; not an error of its own."""


class Cancelled(JobStopped):
    """A person asked for it."""


class Superseded(JobStopped):
    """Another attempt has the job: this one may write nothing any more."""


class WorkerLeaves(JobStopped):
    """The worker shuts down; the job goes back to the queue and resumes elsewhere."""


class JobFailed(Exception):
    """The work cannot be done. The message says what is wrong and what to do; the code is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class JobContext:
    """One attempt at one job. Every write of the job carries `WHERE attempt = mine`."""

    leaving = threading.Event()  # set once, when this worker process begins to shut down

    def __init__(self, job: Job) -> None:
        self.job = job
        self.attempt = job.attempt
        self._stop: JobStopped | None = None
        self._on_stop: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._written = 0.0
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{job.pk}", daemon=True)

    # ── for handlers ──

    @property
    def actor(self) -> Actor:
        """Who asked for the work: writes that the job makes are audited under this name."""
        return Actor(user=self.job.created_by, name=self.job.created_as)

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        """Tells how far it is; written at most twice per second. Raises JobStopped when the job should end."""
        self.check()
        self.job.done = done
        if total is not None:
            self.job.total = total
        if unit:
            self.job.unit = unit
        if connection.in_atomic_block:
            return  # told by the heartbeat: a write here would be seen by nobody until the commit, and hold the job's row till then
        now = time.monotonic()
        if now - self._written >= PROGRESS_SECONDS or done == self.job.total:
            self._written = now
            self.write(done=done, total=self.job.total, unit=self.job.unit)

    def log(self, message: str, **data: Any) -> None:
        self.event("log", message, **data)

    def event(self, kind: str, message: str = "", **data: Any) -> None:
        """Adds to the job's stream, behind the fence. Raises Superseded."""
        values: list[Any] = [timezone.now(), kind, shown(message), Jsonb(data), self.job.pk, self.attempt]
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO jobs_jobevent (job_id, attempt, at, kind, message, data)
                   SELECT id, attempt, %s, %s, %s, %s FROM jobs_job WHERE id = %s AND attempt = %s AND state = 'running'""",
                values,
            )
            if not cursor.rowcount:
                raise Superseded

    def check(self) -> None:
        """Raises JobStopped when the job should end."""
        if self._stop:
            raise self._stop

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction that only this attempt can commit: no other attempt can claim the job while it lasts.

        The fence is an advisory lock, which a claim takes too, and not the job's row: that stays free for the heartbeat, however
        long the transaction.
        """
        self.check()
        with self.fenced():
            yield

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """The same for what an engine still tells while it ends: a job that is asked to stop keeps it."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [FENCE, self.job.pk])
            if not self._fenced().exists():
                raise Superseded
            yield

    def write(self, **values: Any) -> None:
        """Updates the job's own row behind the fence. Raises Superseded."""
        if not self._fenced().update(**values):
            raise Superseded

    @contextmanager
    def on_stop(self, act: Callable[[], None]) -> Iterator[None]:
        """While inside, `act` is called (from another thread) as soon as the job should end."""
        with self._lock:
            self._on_stop.append(act)
            stopped = self._stop
        if stopped:
            act()
        try:
            yield
        finally:
            with self._lock:
                self._on_stop.remove(act)

    # ── for the supervisor ──

    def __enter__(self) -> JobContext:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=10)

    def _fenced(self) -> Any:
        return Job.objects.filter(pk=self.job.pk, attempt=self.attempt, state=Job.State.RUNNING)

    def _beat(self) -> None:
        """Keeps the heartbeat. A database that is away for a while is waited for: the claim is lost only when another takes it."""
        try:
            while not self._ended.wait(HEARTBEAT_SECONDS):
                try:
                    told = {"done": self.job.done, "total": self.job.total, "unit": self.job.unit}
                    beats = self._fenced().update(heartbeat_at=timezone.now(), **told)
                    asked = beats and self._fenced().filter(cancel_requested_at__isnull=False).exists()
                except DatabaseError as error:
                    logger.warning("job %s: no heartbeat written: %s", self.job.pk, error)
                    with suppress(DatabaseError):
                        connection.close()
                    continue
                if not beats:
                    self._should_stop(Superseded())
                elif asked:
                    self._should_stop(Cancelled())
                elif self.leaving.is_set():
                    self._should_stop(WorkerLeaves())
        finally:
            connection.close()

    def _should_stop(self, why: JobStopped) -> None:
        with self._lock:
            if self._stop:
                return
            self._stop = why
            acts = list(self._on_stop)
        for act in acts:
            act()
