"""No page asks the database more than a dozen times, whoever looks; the strip of the loop is one question."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ftplatform.projects.access import Access
from ftplatform.projects.services import create_project
from ftplatform.ui.registries import loop_steps
from tests.evaluation.world import make_world
from tests.test_permissions import signed_in
from tests.url_kwargs import PERSONAL, RULES, Objects

pytestmark = pytest.mark.django_db

MOST = 12


def queries(client: Client, address: str) -> list[str]:
    """What a signed-in person's GET asks, the second time: what is remembered for ever is not counted. Nor is what a
    page writes when it hands out a ticket, and the savepoints that stand for its transaction while the test has one open."""
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = client.get(address)
    assert answer.status_code < 500, address
    written = ("SAVEPOINT", "RELEASE", "INSERT", "UPDATE")
    return [query["sql"] for query in captured if not query["sql"].startswith(written)]


def test_no_page_asks_more_than_a_dozen_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftplatform.jobs.supervisor._send", lambda job_id, host: None)
    objects = Objects(tmp_path)
    wrong = []
    for role, person in objects.people.items():
        client = signed_in(person)
        own = [route for route, rule in RULES.items() if role in rule.reads]
        for route in (*own, *PERSONAL):
            address = objects.address(route)
            asked = queries(client, address)
            if len(asked) > MOST:
                wrong.append(f"{role} {address}: {len(asked)} queries")
    assert not wrong, "\n".join(wrong)


def test_the_loop_is_one_question_and_three_more_where_training_was_never_begun(tmp_path: Path) -> None:
    made = make_world(items=4)
    new = create_project(name="Just begun", by=made.by)
    for project in (made.project, new):
        with CaptureQueriesContext(connection) as captured:
            steps = loop_steps(Access(project, made.admin, frozenset({"admin"})))
        assert len(steps) == 10 and len(captured) <= 4, [query["sql"] for query in captured]
