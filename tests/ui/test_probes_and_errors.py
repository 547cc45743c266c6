"""What machines ask, and what a person sees when something is refused or missing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from redis.exceptions import RedisError

from ftplatform.jobs.models import Job, Slot
from ftplatform.ui import probes
from tests.factories import Cast

pytestmark = pytest.mark.django_db


def test_healthz_answers_without_a_session() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_ready_needs_a_worker() -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "ok"
    assert answer.json()["worker"] != "ok"
    Slot.objects.create(host="here", kind="cpu", index=0, reported_at=timezone.now())
    assert Client().get("/readyz").status_code == 200


def test_who_is_away_is_told_to_all_and_why_to_the_log_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(error: Exception) -> Any:
        def ask(*_: Any) -> Any:
            raise error

        return ask

    monkeypatch.setattr(probes.connection, "cursor", gone(OperationalError("no socket in /secret/home for user ft")))
    monkeypatch.setattr(probes.cache, "get", gone(RedisError("no answer from /secret/valkey.sock")))
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "database": "away", "broker": "away", "worker": "unknown"}
    assert "/secret/home" in caplog.text and "/secret/valkey.sock" in caplog.text


def test_metrics_are_prometheus_text_and_tell_nothing_of_projects(cast: Cast) -> None:
    Job.objects.create(project=cast.project, kind="test", title="Secret", created_as="user:ada")
    answer = Client().get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.content.decode()
    assert 'ft_jobs{state="queued"} 1' in text
    assert "Secret" not in text and cast.project.slug not in text


def test_robots_are_sent_away_and_the_icon_is_there() -> None:
    assert b"Disallow: /" in Client().get("/robots.txt").content
    assert Client().get("/favicon.ico").status_code in (301, 302)


def test_a_missing_page_has_the_frame_and_a_way_on(cast: Cast) -> None:
    answer = cast.client("ada").get("/nowhere/")
    assert answer.status_code == 404
    assert "To your projects" in answer.content.decode()


def test_a_page_without_the_role_says_which_role(cast: Cast) -> None:
    answer = cast.client("lea").get(f"/projects/{cast.project.slug}/members/")
    assert answer.status_code == 403
    assert "needs the role admin" in answer.content.decode()


def test_a_fault_of_ours_leaks_no_traceback(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("ftplatform.projects.views.selectors.projects_of", broken)
    client = cast.client("ada")
    client.raise_request_exception = False
    answer = client.get("/projects/")
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()
    assert "secret of the house" not in answer.content.decode()


def test_a_refusal_of_a_service_becomes_a_page(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from ftplatform.errors import Conflict

    def refuse(*_: Any) -> Any:
        raise Conflict("taken", "Another person has taken this <ticket>.")

    monkeypatch.setattr("ftplatform.projects.views.selectors.projects_of", refuse)
    answer = cast.client("ada").get("/projects/")
    assert answer.status_code == 409
    assert "This cannot be done now" in answer.content.decode(), "not every conflict is a race"
    assert "Another person has taken this &lt;ticket&gt;." in answer.content.decode()


@pytest.mark.parametrize("before", ["²", "-1", "9" * 40, "1;drop", "\x00", "٣"])
def test_a_strange_key_of_a_page_is_no_fault(cast: Cast, before: str) -> None:
    client = cast.client("ada")
    for page in ("jobs/", "audit/"):
        assert client.get(f"/projects/{cast.project.slug}/{page}", {"before": before}).status_code == 200


def test_a_strange_search_is_no_fault(cast: Cast) -> None:
    for query in ("\x00", "%", "'", "x" * 5000, "\ud83d"):
        assert (
            cast.client("ada")
            .get(f"/projects/{cast.project.slug}/search/", {"q": query.encode("utf-8", "surrogatepass")})
            .status_code
            == 200
        )
