"""The schema is valid and complete, and its page runs under the strict policy."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema() -> Any:
    from django.urls import get_resolver

    get_resolver()
    from drf_spectacular.generators import SchemaGenerator

    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_schema_has_no_warning(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
    assert yaml.safe_load((tmp_path / "schema.yml").read_text())["openapi"].startswith("3.1")


def test_every_operation_says_how_it_refuses(schema: Any) -> None:
    for address, operations in schema["paths"].items():
        for verb, operation in operations.items():
            assert "default" in operation["responses"], f"{verb} {address}"


def test_an_api_key_is_described(schema: Any) -> None:
    assert schema["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


@pytest.mark.parametrize(
    "address",
    [
        "projects/",
        "projects/{slug}/",
        "projects/{slug}/members/",
        "projects/{slug}/task-revisions/",
        "jobs/{id}/",
        "jobs/{id}/events/",
        "jobs/{id}/cancel/",
    ],
)
def test_the_contract_is_in_the_schema(schema: Any, address: str) -> None:
    assert f"/api/v1/{address}" in schema["paths"]


def test_the_documentation_holds_nothing_inline_and_nothing_from_elsewhere() -> None:
    answer = Client().get("/api/docs/")
    html = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style\b|https?://", html)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    (script,) = re.findall(r'<script src="(/api/docs/[^"]*)"', html)
    assert Client().get(script).headers["Content-Type"].startswith("application/javascript")
