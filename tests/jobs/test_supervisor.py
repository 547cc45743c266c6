"""The supervisor on real PostgreSQL: one claim, the fence, stale heartbeats, slots, cancel, resume, and a broker that lies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pydantic import BaseModel

from ftplatform.accounts.actors import Actor
from ftplatform.audit.models import AuditEvent
from ftplatform.errors import Conflict, Refused
from ftplatform.jobs import context as contexts
from ftplatform.jobs import kinds, services, supervisor
from ftplatform.jobs.context import JobContext, JobFailed, Superseded
from ftplatform.jobs.models import STALE, Job, JobEvent, Slot, SlotClaim
from tests.factories import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)
BY = Actor.system("test")


class Parameters(BaseModel):
    word: str = "well"


class Nothing(BaseModel):
    """No parameters."""


class Handlers:
    """What the kinds of this file do; each test sets its own."""

    light: Callable[[JobContext, Parameters], dict[str, Any]]
    heavy: Callable[[JobContext, Parameters], dict[str, Any]]


LIGHT = kinds.register(kinds.JobKind("test.light", Parameters, lambda job, given: Handlers.light(job, given)))
HEAVY = kinds.register(
    kinds.JobKind("test.heavy", Parameters, lambda job, given: Handlers.heavy(job, given), slot=kinds.CPU)
)


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, str | None]]]:
    """The wake-ups that would have gone to the broker."""
    messages: list[tuple[int, str | None]] = []
    monkeypatch.setattr(supervisor, "_send", lambda job_id, host: messages.append((job_id, host)))
    Handlers.light = Handlers.heavy = staticmethod(lambda job, given: {"said": given.word})
    supervisor.report_slots()
    yield messages


def enqueue(kind: kinds.JobKind = LIGHT, **parameters: Any) -> Job:
    return services.enqueue(kind=kind.name, parameters=Parameters(**parameters), title="A job", by=BY)


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def age_heartbeat(job: Job) -> None:
    """As if its worker had been killed a while ago."""
    Job.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - STALE - timedelta(seconds=1))


def test_a_job_runs_to_its_result_and_says_so() -> None:
    job = enqueue(word="done")
    supervisor.run(job.pk)
    ended = fresh(job)
    assert (ended.state, ended.result, ended.attempt) == (Job.State.SUCCEEDED, {"said": "done"}, 1)
    assert ended.finished_at and ended.heartbeat_at is None
    assert [event.message for event in ended.events.order_by("pk")] == ["running, attempt 1", "succeeded"]
    assert AuditEvent.objects.filter(verb="job.enqueue").exists()


def test_a_message_that_comes_twice_runs_the_job_once() -> None:
    runs: list[int] = []
    Handlers.light = staticmethod(lambda job, given: runs.append(job.attempt) or {})
    job = enqueue()
    for _ in range(3):
        supervisor.run(job.pk)
    assert runs == [1]


def test_who_waits_for_a_job_outlives_a_database_that_is_started_again() -> None:
    job, looks = enqueue(), []

    def tell(now: Job) -> None:
        looks.append(now.state)
        if len(looks) == 1:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        elif len(looks) == 2:
            supervisor.run(job.pk)

    assert services.wait(job, timeout=30, tell=tell).state == Job.State.SUCCEEDED
    assert len(looks) > 2


def test_who_waits_for_a_job_gives_up_on_a_database_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "AWAY_SECONDS", 0.5)

    def tell(now: Job) -> None:
        raise OperationalError("the connection is lost")

    with pytest.raises(OperationalError):
        services.wait(enqueue(), timeout=30, tell=tell)


def test_two_workers_that_claim_at_once_get_one_job() -> None:
    job = enqueue()
    start, claims = threading.Barrier(4), []

    def claim() -> None:
        start.wait()
        claims.append(supervisor.claim(job.pk))
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in claims) == 1
    assert fresh(job).attempt == 1


def test_a_job_whose_worker_lives_is_not_taken_from_it() -> None:
    job = enqueue()
    assert supervisor.claim(job.pk)
    assert supervisor.claim(job.pk) is None


def test_a_job_whose_heartbeat_is_gone_is_claimed_again_and_the_old_attempt_writes_nothing_more() -> None:
    job = enqueue()
    first = supervisor.claim(job.pk)
    assert first
    age_heartbeat(job)
    supervisor.run(job.pk)
    assert (fresh(job).state, fresh(job).attempt) == (Job.State.SUCCEEDED, 2)
    thought_dead = JobContext(first)
    with pytest.raises(Superseded):
        thought_dead.write(done=99)
    with pytest.raises(Superseded), thought_dead.transaction():
        JobEvent.objects.create(job=job, attempt=1, kind="log", message="never seen")
    with pytest.raises(Superseded):
        thought_dead.log("never seen")
    with pytest.raises(Superseded):
        supervisor._end(thought_dead, Job.State.FAILED, message="too late")
    assert (fresh(job).state, fresh(job).done) == (Job.State.SUCCEEDED, 0)
    assert not JobEvent.objects.filter(message="never seen").exists()


def test_a_job_that_kills_its_worker_every_time_ends_with_the_reason() -> None:
    job = enqueue()
    for _ in range(supervisor.MOST_DEATHS + 1):
        assert supervisor.claim(job.pk)
        age_heartbeat(job)
    supervisor.run(job.pk)
    assert (fresh(job).state, fresh(job).error_code) == (Job.State.FAILED, "too-many-deaths")
    services.resume(job=fresh(job), by=SYSTEM)
    supervisor.run(job.pk)
    assert fresh(job).state == Job.State.SUCCEEDED, "what was resumed has its chances again"


def test_orderly_restarts_of_the_worker_are_no_deaths() -> None:
    job = enqueue()
    for _ in range(supervisor.MOST_DEATHS + 3):
        claimed = supervisor.claim(job.pk)
        assert claimed and claimed.deaths == 0
        supervisor._end(JobContext(claimed), Job.State.QUEUED, message="the worker shut down")
    supervisor.run(job.pk)
    assert fresh(job).state == Job.State.SUCCEEDED


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (JobFailed("full-disk", "The disk is full; free some space."), "full-disk", "free some space"),
        (Refused("no-tickets", "There are no tickets."), "no-tickets", "no tickets"),
        (LookupError("gone"), "unforeseen", "LookupError: gone"),
        (ZeroDivisionError("a \x00 in it"), "unforeseen", "ZeroDivisionError: a � in it"),
    ],
)
def test_a_failure_is_kept_with_its_code_and_words(error: Exception, code: str, told: str) -> None:
    def fail(job: JobContext, given: Parameters) -> dict[str, Any]:
        raise error

    Handlers.light = staticmethod(fail)
    job = enqueue()
    supervisor.run(job.pk)
    ended = fresh(job)
    assert (ended.state, ended.error_code) == (Job.State.FAILED, code)
    assert told in ended.error


def test_what_this_version_cannot_read_is_told_as_such() -> None:
    unknown, changed = enqueue(), enqueue()
    Job.objects.filter(pk=unknown.pk).update(kind="test.gone")
    Job.objects.filter(pk=changed.pk).update(parameters={"word": 7})
    for job in (unknown, changed):
        supervisor.run(job.pk)
        assert (fresh(job).state, fresh(job).error_code) == (Job.State.FAILED, "bad-parameters")


@pytest.mark.parametrize("fenced", [True, False])
def test_a_database_that_goes_away_fails_no_job(fenced: bool) -> None:
    def work(job: JobContext, given: Parameters) -> dict[str, Any]:
        with job.transaction() if fenced else nullcontext(), connection.cursor() as cursor:
            if job.attempt == 1:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return {"attempt": job.attempt}

    Handlers.light = staticmethod(work)
    job = enqueue()
    supervisor.run(job.pk)
    connection.close()
    assert (fresh(job).state, fresh(job).error) == (Job.State.RUNNING, "")
    age_heartbeat(job)
    supervisor.run(job.pk)
    assert (fresh(job).state, fresh(job).result) == (Job.State.SUCCEEDED, {"attempt": 2})


def test_one_heavy_job_a_host_at_a_time_and_the_oldest_goes_first(sent: list[tuple[int, str | None]]) -> None:
    first, second = enqueue(HEAVY), enqueue(HEAVY)
    assert [pk for pk, _ in sent] == [first.pk]
    assert sent[0][1] == supervisor.HOST, "the wake-up goes to the host that holds the slot"
    assert supervisor.claim(second.pk) is None, "no claim without a slot"
    supervisor.run(first.pk)
    assert fresh(first).state == Job.State.SUCCEEDED
    assert SlotClaim.objects.get().job == second, "the slot goes on to the job that waits"
    assert [pk for pk, _ in sent] == [first.pk, second.pk]
    supervisor.run(second.pk)
    assert not SlotClaim.objects.exists()


def test_light_jobs_do_not_wait_for_heavy_ones() -> None:
    assert supervisor.claim(enqueue(HEAVY).pk)
    light = enqueue(LIGHT)
    supervisor.run(light.pk)
    assert fresh(light).state == Job.State.SUCCEEDED


def test_the_slot_of_a_host_that_is_gone_is_given_to_one_that_is_here() -> None:
    job = enqueue(HEAVY)
    assert supervisor.claim(job.pk)
    long_ago = timezone.now() - supervisor.SLOT_STALE - timedelta(seconds=1)
    Slot.objects.update(host="burnt-down", reported_at=long_ago)
    age_heartbeat(job)
    assert supervisor.claim(job.pk) is None, "its slot is of another host"
    supervisor.report_slots()
    supervisor.wake_waiting()
    supervisor.run(job.pk)
    assert (fresh(job).state, fresh(job).attempt) == (Job.State.SUCCEEDED, 2)


def test_a_lost_message_is_sent_again_but_not_at_once(sent: list[tuple[int, str | None]]) -> None:
    job = enqueue()
    supervisor.wake_waiting()
    assert len(sent) == 1
    Job.objects.filter(pk=job.pk).update(woken_at=timezone.now() - supervisor.WAKE_AGAIN - timedelta(seconds=1))
    supervisor.wake_waiting()
    assert [pk for pk, _ in sent] == [job.pk, job.pk]


def test_a_waiting_job_is_cancelled_at_once_and_never_claimed() -> None:
    job = enqueue(HEAVY)
    services.cancel(job=job, by=BY)
    assert fresh(job).state == Job.State.CANCELLED
    assert not SlotClaim.objects.exists()
    assert supervisor.claim(job.pk) is None
    with pytest.raises(Conflict, match="ended already"):
        services.cancel(job=job, by=BY)


def test_a_job_that_lost_its_worker_is_stopped_at_once_and_can_be_resumed() -> None:
    job = enqueue(HEAVY)
    claimed = supervisor.claim(job.pk)
    assert claimed
    age_heartbeat(job)
    services.cancel(job=job, by=BY)
    assert (fresh(job).state, fresh(job).heartbeat_at) == (Job.State.CANCELLED, None)
    assert not SlotClaim.objects.exists()
    with pytest.raises(Superseded):
        JobContext(claimed).write(done=99)
    services.resume(job=fresh(job), by=BY)
    supervisor.run(job.pk)
    assert fresh(job).state == Job.State.SUCCEEDED


def test_a_job_that_was_to_stop_when_its_worker_died_is_not_begun_again() -> None:
    runs: list[int] = []
    Handlers.light = staticmethod(lambda job, given: runs.append(job.attempt) or {})
    job = enqueue()
    assert supervisor.claim(job.pk)
    services.cancel(job=job, by=BY)
    assert fresh(job).state == Job.State.RUNNING, "its worker lives, and will hear it"
    age_heartbeat(job)
    supervisor.run(job.pk)
    assert (fresh(job).state, runs) == (Job.State.CANCELLED, [])


def test_a_job_in_a_fenced_transaction_lives_whatever_its_heartbeat_says() -> None:
    def work(job: JobContext, given: Parameters) -> dict[str, Any]:
        with job.transaction():
            stopper = threading.Thread(target=stop, args=(job.job,))
            stopper.start()
            stopper.join()
        return {}

    def stop(job: Job) -> None:
        age_heartbeat(job)
        services.cancel(job=job, by=BY)
        states.append(fresh(job).state)
        connection.close()

    states: list[str] = []
    Handlers.light = staticmethod(work)
    supervisor.run(enqueue().pk)
    assert states == [Job.State.RUNNING]


def test_a_running_job_hears_that_it_should_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "HEARTBEAT_SECONDS", 0.05)
    stopped = threading.Event()

    def work(job: JobContext, given: Parameters) -> dict[str, Any]:
        services.cancel(job=fresh(job.job), by=BY)
        with job.on_stop(stopped.set):
            assert stopped.wait(10)
        job.check()
        return {}

    Handlers.light = staticmethod(work)
    job = enqueue()
    supervisor.run(job.pk)
    assert fresh(job).state == Job.State.CANCELLED


def test_a_worker_that_shuts_down_gives_its_job_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "HEARTBEAT_SECONDS", 0.05)
    leaving = threading.Event()
    monkeypatch.setattr(JobContext, "leaving", leaving)

    def work(job: JobContext, given: Parameters) -> dict[str, Any]:
        leaving.set()
        for done in range(200):
            job.progress(done, 200)
            time.sleep(0.05)
        return {}

    Handlers.light = staticmethod(work)
    job = enqueue()
    supervisor.run(job.pk)
    waiting = fresh(job)
    assert (waiting.state, waiting.error, waiting.finished_at) == (Job.State.QUEUED, "", None)


def test_a_failed_job_resumes_and_the_handler_sees_a_higher_attempt() -> None:
    attempts: list[int] = []

    def work(job: JobContext, given: Parameters) -> dict[str, Any]:
        attempts.append(job.attempt)
        if job.attempt == 1:
            raise JobFailed("backend-down", "The backend does not answer; resume once it does.")
        return {"attempt": job.attempt}

    Handlers.light = staticmethod(work)
    job = enqueue()
    supervisor.run(job.pk)
    services.resume(job=fresh(job), by=BY)
    supervisor.run(job.pk)
    ended = fresh(job)
    assert (attempts, ended.state, ended.error, ended.result) == ([1, 2], Job.State.SUCCEEDED, "", {"attempt": 2})
    with pytest.raises(Conflict, match="only a failed or cancelled job"):
        services.resume(job=ended, by=BY)


def test_parameters_are_checked_before_anything_is_queued() -> None:
    with pytest.raises(TypeError, match="takes Parameters"):
        services.enqueue(kind=LIGHT.name, parameters=Nothing(), title="A job", by=BY)
    with pytest.raises(LookupError, match="no job kind"):
        services.enqueue(kind="test.none", parameters=Parameters(), title="A job", by=BY)
    assert not Job.objects.exists()
