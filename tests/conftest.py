"""Fixtures for all tests. The servers come from tests/servers.py."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _settings(settings: Any) -> None:
    """Fast passwords, and no login limits between tests."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ACCOUNT_RATE_LIMITS = False


@pytest.fixture
def cast(db: Any) -> Any:
    """ada the admin, lea the labeler, eve the expert, vic the viewer, mal from another project who must be refused."""
    from tests.factories import Cast

    return Cast.make()


@pytest.fixture
def run_jobs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs waiting jobs in this process, through the real supervisor; only the broker is left out."""
    from ftplatform.jobs import supervisor
    from ftplatform.jobs.models import Job

    monkeypatch.setattr(supervisor, "_send", lambda job_id, host: None)

    def run() -> list[Job]:
        supervisor.report_slots()
        done = []
        while True:
            supervisor.wake_waiting()
            job = Job.objects.filter(state=Job.State.QUEUED).order_by("pk").first()
            if job is None:
                return done
            supervisor.run(job.pk)
            job.refresh_from_db()
            done.append(job)

    return run
