"""Every address × every role × another project's objects. A new address fails here until it says in url_kwargs.py who it is for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.url_kwargs import PERSONAL, PUBLIC, RULES, Objects

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield before + str(pattern.pattern)
        else:
            yield from routes(pattern, before + str(pattern.pattern))


ALL = sorted(set(routes(get_resolver())))


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Objects:
    monkeypatch.setattr("ftplatform.jobs.supervisor._send", lambda job_id, host: None)
    return Objects(tmp_path)


def ask(client: Client, method: str, address: str) -> tuple[int, str]:
    """(status, where it redirects to) of a request that leaves nothing behind."""
    client.raise_request_exception = False
    with transaction.atomic():
        answer: Any = getattr(client, method.lower())(address)
        status, target = answer.status_code, answer.headers.get("Location", "")
        if answer.streaming:
            list(answer.streaming_content)  # read to its end, which closes it
        transaction.set_rollback(True)
    return status, target


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_every_address_says_whom_it_is_for() -> None:
    missing = [route for route in ALL if route not in PUBLIC | PERSONAL | RULES.keys()]
    assert not missing, f"say in tests/url_kwargs.py who may use: {missing}"


def test_no_rule_is_left_of_an_address_that_is_gone() -> None:
    assert not (PUBLIC | PERSONAL | RULES.keys()) - set(ALL)


def test_who_is_not_signed_in_is_asked_to_or_refused(objects: Objects) -> None:
    wrong = []
    for route in ALL:
        if route in PUBLIC:
            continue
        address = objects.address(route)
        for method in METHODS:
            status, target = ask(Client(), method, address)
            to_sign_in = status == 302 and target.startswith("/accounts/login/")
            if not (to_sign_in or status in (401, 403, 405)):
                wrong.append(f"{method} {address}: {status} {target}")
    assert not wrong, "\n".join(wrong)


def test_what_is_public_answers_everyone(objects: Objects) -> None:
    wrong = []
    for route in sorted(PUBLIC):
        for method in METHODS:
            status, _ = ask(Client(), method, objects.address(route))
            if status >= 500 and route != "readyz":  # readyz says 503 while no worker runs
                wrong.append(f"{method} {route}: {status}")
    assert not wrong, "\n".join(wrong)


def test_another_projects_objects_do_not_exist(objects: Objects) -> None:
    client, wrong = signed_in(objects.foreigner), []
    for route in RULES:
        address = objects.address(route)
        found = {method: ask(client, method, address)[0] for method in METHODS}
        if set(found.values()) - {404, 405} or 404 not in found.values():
            wrong.append(f"{address}: {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", list("alrev"))
def test_the_own_project_opens_as_far_as_the_role_goes(objects: Objects, role: str) -> None:
    client, wrong = signed_in(objects.people[role]), []
    for route, rule in RULES.items():
        address = objects.address(route)
        refusals = {403, 404, 405} if rule.is_ones_own else {403, 405}
        for method in METHODS:
            status, _ = ask(client, method, address)
            if role in rule.allowed(method):
                if status >= 500 or status in (401, 403) or (method, status) == ("GET", 404):
                    wrong.append(f"{method} {address}: {status}, though it is for this role")
            elif status not in refusals:
                wrong.append(f"{method} {address}: {status}, though it is not for this role")
    assert not wrong, "\n".join(wrong)


def test_a_persons_own_pages_open_and_none_fails(objects: Objects) -> None:
    for user in (*objects.people.values(), objects.foreigner):
        client, wrong = signed_in(user), []
        for route in sorted(PERSONAL):
            for method in METHODS:
                status, _ = ask(client, method, objects.address(route))
                if status >= 500 or status == 401:
                    wrong.append(f"{method} {route}: {status}")
        assert not wrong, "\n".join(wrong)


def test_nobody_revokes_the_key_of_somebody_else(objects: Objects) -> None:
    address = objects.address("account/keys/<str:key_id>/revoke/")
    assert ask(signed_in(objects.foreigner), "POST", address)[0] == 404
    assert ask(signed_in(objects.people["a"]), "POST", address)[0] == 302
