"""The schema is valid and complete, and its page runs under the strict policy."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import EndpointEnumerator

from ftplatform.api.idempotency import HEADER
from ftplatform.api.reference import type_text

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


def test_every_body_says_what_is_in_it(schema: Any) -> None:
    """An object without a key tells a client nothing."""
    parts = schema["components"]["schemas"]
    bare = []
    for address, operations in schema["paths"].items():
        for verb, operation in operations.items():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for body in bodies:
                for media, content in body.get("content", {}).items():
                    found = content["schema"]
                    found = parts[found["$ref"].rpartition("/")[2]] if "$ref" in found else found
                    is_file = found.get("format") == "binary"
                    if not (is_file or any(found.get(key) for key in ("properties", "items", "oneOf", "anyOf"))):
                        bare.append(f"{verb} {address} {media}: {found}")
    assert not bare, "\n".join(bare)


def test_what_takes_a_key_for_work_that_starts_once_says_so(schema: Any) -> None:
    def place(verb: str, address: str) -> tuple[str, str]:
        return verb.lower(), re.sub(r"\{\w+\}", "{}", address)

    takes = {
        place(verb, address)
        for address, _, verb, view in EndpointEnumerator().get_api_endpoints()  # type: ignore[no-untyped-call]
        if "once(request" in inspect.getsource(getattr(view.cls, verb.lower()))
    }
    says = {
        place(verb, address)
        for address, operations in schema["paths"].items()
        for verb, operation in operations.items()
        if any(one["name"] == HEADER and one["in"] == "header" for one in operation.get("parameters", ()))
    }
    assert says == takes
    assert ("post", "/api/v1/scorecards/{}/rescore/") in says and ("post", "/api/v1/projects/{}/imports/") in says


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


def test_the_documentation_names_every_operation_and_every_link_in_it_leads_somewhere(schema: Any) -> None:
    html = Client().get("/api/docs/").content.decode()
    for address, operations in schema["paths"].items():
        for verb, operation in operations.items():
            assert f'id="{operation["operationId"]}"' in html and address in html, f"{verb} {address}"
    anchors = set(re.findall(r'id="([^"]+)"', html))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= anchors


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"$ref": "#/components/schemas/Lease"}, "Lease"),
        ({"type": "array", "items": {"$ref": "#/x/Job"}}, "list of Job"),
        ({"type": ["string", "null"], "format": "date-time"}, "string or null (date-time)"),
        ({"oneOf": [{"type": "null"}, {"type": "integer"}]}, "integer or null"),
        ({"enum": ["skip", "keep", None]}, "one of skip, keep"),
        ({"enum": list(range(20))}, "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 …"),
        ({"const": "folder"}, "folder"),
        ({}, "any value"),
    ],
)
def test_a_type_in_words(schema: Any, text: str) -> None:
    assert type_text(schema) == text


def test_every_setting_of_a_run_stands_in_the_schema_and_on_its_page(schema: Any) -> None:
    from ftplatform.api.reference import reference_of
    from training.plan import RunPlan

    settings = schema["components"]["schemas"]["TrainingRunRequest"]["properties"]["hyperparameters"]
    assert settings["properties"].keys() == RunPlan.model_fields.keys()
    [shape] = [one for one in reference_of(schema).shapes if one.name == "TrainingRunRequest"]
    named = {field.name: field for field in shape.fields}
    assert named["hyperparameters.learning_rate"].description == RunPlan.model_fields["learning_rate"].description
