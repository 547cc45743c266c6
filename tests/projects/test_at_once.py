"""Two people who make the same thing in the same moment: one has it, the other is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from ftplatform.accounts.models import User
from ftplatform.accounts.services import create_user
from ftplatform.errors import Refused
from ftplatform.projects.models import Project
from ftplatform.projects.services import create_project
from tests.factories import PASSWORD, SYSTEM
from tests.waiting import somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


def second_while_the_first_is_not_yet_done(first: Callable[[], Any], second: Callable[[], Any]) -> Refused:
    """What the second is told. It begins before the first commits, and so finds nothing of it."""
    told: list[Refused] = []

    def run() -> None:
        try:
            second()
        except Refused as refused:
            told.append(refused)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        while thread.is_alive() and not somebody_waits():
            time.sleep(0.02)
    thread.join()
    [refused] = told
    return refused


def test_two_projects_of_one_name() -> None:
    def make() -> Project:
        return create_project(name="Grants", by=SYSTEM)

    refused = second_while_the_first_is_not_yet_done(make, make)
    assert (refused.code, refused.errors[0].field) == ("slug-taken", "name")
    assert Project.objects.filter(slug="grants").count() == 1


def test_two_users_whose_names_differ_in_case_only() -> None:
    refused = second_while_the_first_is_not_yet_done(
        lambda: create_user(username="zoe", password=PASSWORD, by=SYSTEM),
        lambda: create_user(username="Zoe", password=PASSWORD, by=SYSTEM),
    )
    assert (refused.code, refused.errors[0].field) == ("username-taken", "username")
    assert [user.username for user in User.objects.filter(username__iexact="zoe")] == ["zoe"]
