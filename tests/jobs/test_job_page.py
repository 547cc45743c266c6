"""A job's own page: what its buttons and words promise is so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from ftplatform.jobs.models import STALE, Job
from tests import factories
from tests.factories import Cast

pytestmark = pytest.mark.django_db


def page_of(cast: Cast, job: Job) -> str:
    return cast.client("ada").get(f"/projects/{cast.project.slug}/jobs/{job.pk}/").content.decode()


def test_a_file_that_will_be_refused_again_is_not_offered_for_a_resume(
    cast: Cast, run_jobs: Any, tmp_path: Path
) -> None:
    factories.import_rows(cast.project, tmp_path / "t.csv", [{"question": "One?", "desk": "nowhere", "reply": "No."}])
    [job] = run_jobs()
    assert job.error_code == "rows-refused"
    page = page_of(cast, job)
    assert "Nothing of it was kept" in page and "begin anew" in page
    assert "Resume" not in page
    Job.objects.filter(pk=job.pk).update(error_code="disk")
    page = page_of(cast, job)
    assert "mend the cause, then resume" in page and "Resume" in page


def test_a_job_that_lost_its_worker_says_so_and_can_still_be_stopped(cast: Cast) -> None:
    job = Job.objects.create(
        project=cast.project, kind="annotation.import", title="An import", state="running", created_as="test", attempt=1,
        started_at=timezone.now(), heartbeat_at=timezone.now(), cancel_requested_at=timezone.now(),
    )  # fmt: skip
    page = page_of(cast, job)
    assert "stops at the next safe point" in page and " disabled" in page
    Job.objects.update(heartbeat_at=timezone.now() - STALE - timedelta(seconds=1))
    page = page_of(cast, job)
    assert "its worker is gone" in page and " disabled" not in page
    cast.client("ada").post(f"/projects/{cast.project.slug}/jobs/{job.pk}/cancel/")
    assert Job.objects.get().state == Job.State.CANCELLED
