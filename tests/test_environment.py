"""The environment as an operator writes it: used as it says, or refused with what it should say."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftplatform import environment
from ftplatform.environment import ConfigurationError, Mail


def test_artefacts_are_kept_where_the_operator_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.read().artifacts == environment.read().home / "artifacts"
    for way in ("file:/srv/kept", "file:///srv/kept"):
        monkeypatch.setenv("FT_STORAGE", way)
        assert environment.read().artifacts == Path("/srv/kept")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FT_STORAGE", "s3://bucket/prefix", "in a folder only"),
        ("FT_STORAGE", "/srv/kept", "write for example file:"),
        ("FT_STORAGE", "file:kept", "write for example file:"),
        ("FT_STORAGE", "file://host/kept", "write for example file:"),
        ("FT_POOL", "abc", "whole number"),
        ("FT_ENGINE_THREADS", "0", "whole number"),
        ("FT_EMAIL_URL", "mail.example.org", "write smtp://"),
        ("FT_EMAIL_URL", "smtp://host:many", "write smtp://"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=words) as refused:
        environment.read()
    assert name in str(refused.value)


def test_a_mail_server_is_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FT_EMAIL_URL", "smtp://us%40er:p%3Aw@mail.example.org?from=site@example.org")
    assert environment.read().mail == Mail(
        "mail.example.org", 587, "us@er", "p:w", is_tls=False, sender="site@example.org"
    )
    monkeypatch.setenv("FT_EMAIL_URL", "smtps://mail.example.org")
    assert environment.read().mail == Mail(
        "mail.example.org", 465, "", "", is_tls=True, sender="ftplatform@mail.example.org"
    )
