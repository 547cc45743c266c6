"""A database that goes away and comes back: nobody sees an error of ours, and nothing that was typed is lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from tests.factories import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def on_threads(count: int, act: Any) -> list[Any]:
    """The act on so many connections at once; afterwards they lie idle in the pool."""
    together, answers = threading.Barrier(count), []

    def run() -> None:
        try:
            answers.append(act(together))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def ask(together: threading.Barrier) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    together.wait()
    return pid


def test_connections_that_died_in_the_pool_are_handed_to_nobody() -> None:
    before = on_threads(5, ask)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid WHERE pid <> pg_backend_pid()", [before]
        )
    after = on_threads(5, ask)
    assert len(after) == 5
    assert len(set(before) & set(after)) <= 1, "only the one that did the killing lives"


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server ends the connection in the middle of the page."""

    def killed(*_: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr("ftplatform.projects.selectors.projects_of", killed)
    yield
    connection.close()


def test_an_outage_is_told_as_one_on_a_page_that_needs_no_database(cast: Cast, outage: Any) -> None:
    answer = cast.client("ada").get("/projects/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "The database is away for a moment" in answer.content.decode()


def test_an_outage_is_a_problem_document_to_a_script(cast: Cast, outage: Any) -> None:
    answer = cast.client("ada").get("/api/v1/projects/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert answer.json()["code"] == "database-away"
