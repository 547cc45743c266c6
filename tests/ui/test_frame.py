"""The frame around every page: who sees the loop, what it costs, and that nothing inline gets in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ftplatform.jobs.models import Job
from ftplatform.ui import registries
from ftplatform.ui.context import Frame
from tests.factories import Cast

pytestmark = pytest.mark.django_db
INLINE = re.compile(r"<script(?![^>]*\ssrc=)|<style\b|<[^>]+\s(?:style|on[a-z]+)\s*=|javascript:", re.I)
PAGES = ["/projects/", "/projects/new/", "/account/keys/", "/help/keys/", "/accounts/password/change/"]
PROJECT_PAGES = ["", "members/", "task/", "task/revise/", "jobs/", "audit/", "search/?q=terrace"]


def running(cast: Cast, **values: Any) -> Job:
    now = timezone.now()
    return Job.objects.create(
        **{
            "project": cast.project,
            "kind": "test",
            "title": "Import 1",
            "state": Job.State.RUNNING,
            "created_as": "user:ada",
        }
        | {"started_at": now, "heartbeat_at": now, "attempt": 1, "done": 5, "total": 10, "unit": "rows"}
        | values
    )


@pytest.mark.parametrize("name", ["ada", "rev", "vic"])
def test_readers_see_the_ten_steps_in_order(cast: Cast, name: str) -> None:
    html = cast.client(name).get(f"/projects/{cast.project.slug}/").content.decode()
    steps = re.findall(r'<span class="name">(\d+) ([^<]+)</span>', html)
    assert steps == [(str(at), name) for at, (_, name) in enumerate(registries.LOOP, 1)]


@pytest.mark.parametrize("name", ["lea", "eve"])
def test_labelers_and_experts_see_their_queue_only(cast: Cast, name: str) -> None:
    running(cast)
    html = cast.client(name).get(f"/projects/{cast.project.slug}/").content.decode()
    assert 'class="loop"' not in html
    assert "Import 1" not in html
    assert 'class="queue' in html


def test_a_locked_step_is_no_link_and_says_why(cast: Cast, rf: Any) -> None:
    html = cast.client("ada").get(f"/projects/{cast.project.slug}/").content.decode()
    locked = re.findall(r'<li data-state="locked">\s*(.*?)</li>', html, re.S)
    assert locked
    for step in locked:
        assert "<a " not in step
        assert re.search(r'title="[^"]{10,}"', step), step


def test_the_menu_holds_own_projects_only(cast: Cast) -> None:
    html = cast.client("ada").get("/projects/").content.decode()
    assert cast.project.name in html
    assert cast.other.name not in html


def test_the_jobs_of_the_bar_cost_one_query(cast: Cast, rf: Any) -> None:
    for _ in range(3):
        running(cast)
    request = rf.get("/")
    request.user = cast.ada
    from ftplatform.projects.access import ANYONE, enter
    from ftplatform.ui.templatetags.ui import job_progress

    enter(request, cast.project.slug, ANYONE)
    frame = Frame(request)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert [job_progress(job)["right"] for job in frame.jobs]
        assert frame.jobs_count == "3"
        assert frame.jobs_percent == 50
    assert len(queries) == 1


def test_another_projects_jobs_are_not_in_the_bar(cast: Cast) -> None:
    running(cast, project=cast.other, title="Secret import")
    assert "Secret import" not in cast.client("ada").get(f"/projects/{cast.project.slug}/").content.decode()


@pytest.mark.parametrize("page", [*PAGES, *(f"project:{part}" for part in PROJECT_PAGES)])
def test_no_page_holds_anything_inline(cast: Cast, page: str) -> None:
    running(cast)
    address = page if page.startswith("/") else f"/projects/{cast.project.slug}/{page.removeprefix('project:')}"
    answer = cast.client("ada").get(address)
    assert answer.status_code == 200
    assert not INLINE.search(answer.content.decode()), address
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy


def test_the_theme_is_kept_and_rendered_by_the_server(cast: Cast) -> None:
    client = cast.client("ada")
    assert "data-theme=" not in client.get("/projects/").content.decode().split("<body")[0]
    assert client.post("/account/theme/", {"theme": "dark"}).status_code == 204
    assert '<html lang="en" data-theme="dark">' in client.get("/projects/").content.decode()


def test_an_unknown_theme_is_refused(cast: Cast) -> None:
    assert cast.client("ada").post("/account/theme/", {"theme": "neon"}).status_code == 400


def test_a_name_with_markup_is_text(cast: Cast) -> None:
    cast.project.name = "<script>alert(1)</script>"
    cast.project.save()
    html = cast.client("ada").get(f"/projects/{cast.project.slug}/").content.decode()
    assert "<script>alert" not in html


def test_a_step_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="not a step of the loop"):
        registries.register_loop_step("launch", lambda access: None)  # type: ignore[arg-type,return-value]
