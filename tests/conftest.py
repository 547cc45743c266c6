"""Fixtures for all tests. The servers come from tests/servers.py."""

from __future__ import annotations

from pathlib import Path
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


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny Llama; tests that change it take a copy."""
    from tests.tiny_model import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def world(cast: Any, tiny_model: Path) -> Any:
    """The cast's project with both sets frozen and the tiny model registered."""
    from tests.world import World

    return World.make(cast, tiny_model)
