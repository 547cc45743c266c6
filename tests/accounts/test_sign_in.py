"""Signing in, and the keys with which scripts act as a person."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import ApiKey
from ftplatform.accounts.services import create_api_key
from tests.factories import PASSWORD, Cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["ada", "ada@example.org", "ADA@example.org"])
def test_one_signs_in_by_name_or_e_mail(cast: Cast, name: str) -> None:
    answer = Client().post("/accounts/login/", {"login": name, "password": PASSWORD})
    assert answer.status_code == 302 and answer.headers["Location"] == "/"


def test_a_wrong_password_keeps_the_name_and_says_what_follows(cast: Cast) -> None:
    html = Client().post("/accounts/login/", {"login": "ada", "password": "wrong"}).content.decode()
    assert 'value="ada"' in html
    assert "Name and password do not match." in html


def test_an_unknown_name_is_told_like_a_wrong_password(cast: Cast) -> None:
    def told(name: str) -> list[str]:
        html = Client().post("/accounts/login/", {"login": name, "password": "wrong"}).content.decode()
        return re.findall(r'id="password-error".*?</p>', html, re.S)

    assert told("ada") == told("nobody")


def test_after_five_tries_there_is_a_pause_even_with_the_right_password(cast: Cast, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "10/m/ip,5/5m/key"}
    cache.clear()
    client = Client()
    for _ in range(5):
        client.post("/accounts/login/", {"login": "ada", "password": "wrong"})
    answer = client.post("/accounts/login/", {"login": "ada", "password": PASSWORD})
    assert answer.status_code == 200
    assert "Wait five minutes" in answer.content.decode()
    cache.clear()


def test_wrong_passwords_of_one_address_behind_the_proxy_lock_out_nobody_else(cast: Cast, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "60/m/ip", "login_failed": "3/m/ip"}
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1  # as with a FT_PUBLIC_URL of https
    cache.clear()
    mal, ada = (Client(headers={"X-Forwarded-For": f"6.6.6.6, {address}"}) for address in ("192.0.2.1", "192.0.2.2"))
    for _ in range(5):
        refused = mal.post("/accounts/login/", {"login": "nobody", "password": "wrong"})
    assert "Wait five minutes" in refused.content.decode()
    assert ada.post("/accounts/login/", {"login": "ada", "password": PASSWORD}).status_code == 302
    cache.clear()


def test_nobody_signs_up_unasked() -> None:
    answer = Client().get("/accounts/signup/")
    assert "by invitation" in answer.content.decode()
    answer = Client().post("/accounts/signup/", {"username": "zoe", "password1": PASSWORD, "email": "z@example.org"})
    assert "by invitation" in answer.content.decode()


@pytest.mark.parametrize("address", ["/accounts/email/", "/accounts/confirm-email/"])
def test_nobody_changes_the_address_by_which_an_admin_finds_them(cast: Cast, address: str) -> None:
    assert cast.client("mal").post(address, {"email": "eve@example.org"}).status_code == 404


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(cast: Cast, target: str) -> None:
    answer = Client().post("/accounts/login/", {"login": "ada", "password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/"


def test_a_new_key_is_shown_once(cast: Cast) -> None:
    client = cast.client("ada")
    html = client.post(
        "/account/keys/", {"name": "notebook", "days": "90", "project": cast.project.pk}
    ).content.decode()
    (text,) = re.findall(r"ft_[0-9a-f]{12}_[A-Za-z0-9-]{43}", html)
    assert text not in client.get("/account/keys/").content.decode()
    key = ApiKey.objects.get(user=cast.ada)
    assert key.project == cast.project
    assert text.rsplit("_", 1)[1] not in key.digest
    assert Client().get("/api/v1/projects/", headers={"authorization": f"Bearer {text}"}).status_code == 200


def test_a_key_is_for_ones_own_projects(cast: Cast) -> None:
    html = (
        cast.client("ada")
        .post("/account/keys/", {"name": "x", "days": "90", "project": cast.other.pk})
        .content.decode()
    )
    assert "ft_" not in re.sub(r"Bearer ft_…", "", html)
    assert not ApiKey.objects.exists()


def test_a_revoked_key_opens_nothing(cast: Cast) -> None:
    key, text = create_api_key(user=cast.ada, name="x", by=Actor.of(cast.ada))
    cast.client("ada").post(f"/account/keys/{key.pk}/revoke/")
    assert Client().get("/api/v1/projects/", headers={"authorization": f"Bearer {text}"}).status_code == 401


def test_what_can_be_no_key_is_not_found(cast: Cast) -> None:
    assert cast.client("ada").post("/account/keys/%00/revoke/").status_code == 404


def test_another_persons_key_is_not_revoked(cast: Cast) -> None:
    key, _ = create_api_key(user=cast.ada, name="x", by=Actor.of(cast.ada))
    assert cast.client("mal").post(f"/account/keys/{key.pk}/revoke/").status_code == 404


def test_an_expired_key_opens_nothing(cast: Cast) -> None:
    _, text = create_api_key(
        user=cast.ada, name="x", expires_at=timezone.now() - timedelta(seconds=1), by=Actor.of(cast.ada)
    )
    assert Client().get("/api/v1/projects/", headers={"authorization": f"Bearer {text}"}).status_code == 401


def test_a_lost_password_is_the_operators_to_replace_where_no_mail_is_sent(settings: Any) -> None:
    for sends, words in ((False, "manage.py changepassword NAME"), (True, "Send the link")):
        settings.FT_SENDS_MAIL = sends
        assert words in Client().get("/accounts/password/reset/").content.decode()
