"""`manage.py create_user` as an operator types it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ftplatform.accounts.models import User
from ftplatform.audit.models import AuditEvent

pytestmark = pytest.mark.django_db


def create(*words: str) -> dict[str, Any]:
    said = io.StringIO()
    call_command("create_user", *words, "--json", stdout=said)
    return dict(json.loads(said.getvalue()))


def test_a_user_can_sign_in_with_the_password_that_was_printed(client: Any) -> None:
    made = create("nina", "--email", "nina@example.org")
    assert client.login(username="nina", password=made["password"])
    assert not User.objects.get(username="nina").is_superuser
    assert AuditEvent.objects.filter(verb="user.create", actor__startswith="system:create_user").exists()


def test_a_chosen_password_is_read_from_stdin_and_not_printed(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long enough sentence\n"))
    assert "password" not in create("nina", "--password-stdin")
    assert client.login(username="nina", password="a long enough sentence")


def test_a_member_with_a_key_is_made_in_one_go(cast: Any, client: Any) -> None:
    made = create("nina", "--project", cast.project.slug, "--role", "labeler", "--api-key", "script")
    assert cast.project.memberships.get(user__username="nina").role == "labeler"
    address = f"/api/v1/projects/{cast.project.slug}/"
    assert client.get(address, headers={"Authorization": f"Bearer {made['api_key']}"}).status_code == 200


@pytest.mark.parametrize(
    ("words", "told"),
    [(["ada"], "already"), (["nina", "--project", "no-such"], "no project 'no-such'")],
)
def test_a_refusal_says_why_and_makes_nobody(cast: Any, words: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        create(*words)
    assert not User.objects.filter(username="nina").exists()
