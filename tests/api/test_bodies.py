"""What the API answers is what its schema says: real answers, checked by a peer that knows JSON Schema."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from annotation.models import Example
from ftplatform.jobs.models import JobEvent
from tests import factories
from tests.evaluation import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema() -> Any:
    """With every object closed: a key that the schema does not name is a fault too."""
    made = deepcopy(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]
    _close(made)
    return made


def _close(part: Any) -> None:
    if isinstance(part, dict):
        if part.get("properties") and isinstance(part["properties"], dict) and part.get("type") == "object":
            part.setdefault("additionalProperties", False)
        for inner in part.values():
            _close(inner)
    elif isinstance(part, list):
        for inner in part:
            _close(inner)


def _faults(schema: Any, part: Any, value: Any) -> list[str]:
    validator = Draft202012Validator({**part, "components": schema["components"]})
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]


def assert_as_said(schema: Any, verb: str, address: str, answer: Any) -> Any:
    """address: as the schema has it, below /api/v1/. Returns the answer's body."""
    operation = schema["paths"][f"/api/v1/{address}"][verb]
    said = operation["responses"].get(str(answer.status_code))
    assert said, (
        f"{verb} {address} answers {answer.status_code}, which the schema does not name: {answer.content[:500]}"
    )
    faults = _faults(schema, said["content"]["application/json"]["schema"], answer.json())
    assert not faults, "\n".join([f"{verb} {address}", *faults])
    return answer.json()


def assert_may_be_sent(schema: Any, address: str, body: Any) -> None:
    content = schema["paths"][f"/api/v1/{address}"]["post"]["requestBody"]["content"]
    assert not (faults := _faults(schema, content["application/json"]["schema"], body)), "\n".join(faults)


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def world() -> worlds.World:
    return worlds.make_world()


def test_a_campaign_from_its_list_to_its_results(schema: Any, world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=4, asks_preference=True)
    expert, admin = client_of(world.experts[0]), client_of(world.admin)
    listed = f"/api/v1/projects/{world.project.slug}/campaigns/"
    for client in (expert, admin):
        assert assert_as_said(schema, "get", "projects/{slug}/campaigns/", client.get(listed))["results"]
    for score, more in ((4, {"harm": {"A": True}, "harm_category": {"A": "privacy"}}), (None, {"reason": "Cut off"})):
        item = expert.post(f"/api/v1/campaigns/{campaign.pk}/items/next/")
        shown = assert_as_said(schema, "post", "campaigns/{id}/items/next/", item)
        draft = {"draft": {"scores": {"A": 3}}, "revision": shown["draft_revision"]}
        assert_may_be_sent(schema, "items/{id}/draft/", draft)
        kept = expert.post(f"/api/v1/items/{shown['id']}/draft/", draft, content_type="application/json")
        assert_as_said(schema, "post", "items/{id}/draft/", kept)
        again = expert.post(f"/api/v1/campaigns/{campaign.pk}/items/next/")
        assert assert_as_said(schema, "post", "campaigns/{id}/items/next/", again)["draft"]
        names = [one["name"] for one in shown["dimensions"]]
        mark = {"key": "A", "start": 0, "end": 1, "kind": "wrong", "comment": "Why?"}
        rating = {
            "scores": {one["key"]: dict.fromkeys(names, score) for one in shown["answers"]},
            "preference": "tie",
            "spans": [mark],
            **more,
        }
        for status in (201, 200):
            assert_may_be_sent(schema, "items/{id}/ratings/", rating)
            rated = expert.post(f"/api/v1/items/{shown['id']}/ratings/", rating, content_type="application/json")
            assert rated.status_code == status
            assert_as_said(schema, "post", "items/{id}/ratings/", rated)
        revised = rating | {"preference": "A", "supersedes": rated.json()["id"]}
        assert_may_be_sent(schema, "items/{id}/ratings/", revised)
        changed = expert.post(f"/api/v1/items/{shown['id']}/ratings/", revised, content_type="application/json")
        assert assert_as_said(schema, "post", "items/{id}/ratings/", changed)["supersedes"] == rated.json()["id"]
    for part in ("results", "agreement"):
        found = admin.get(f"/api/v1/campaigns/{campaign.pk}/{part}/")
        assert assert_as_said(schema, "get", f"campaigns/{{id}}/{part}/", found)["dimensions"]


def test_a_body_that_cannot_be_a_rating_is_none_in_the_schema_either(schema: Any) -> None:
    for wrong in ({}, {"scores": {"A": {"fluency": 6}}}, {"scores": {}, "preference": "C"}):
        with pytest.raises(AssertionError):
            assert_may_be_sent(schema, "items/{id}/ratings/", wrong)


def test_scorecards_with_and_without_a_verdict(schema: Any, world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=6)
    worlds.rate_all(campaign, world.experts, noise=0.3)
    card = worlds.make_scorecard(world, campaign)
    admin = client_of(world.admin)
    for one, kind in ((card, "comparison"), (card.baseline, "baseline")):
        assert one
        said = assert_as_said(schema, "get", "scorecards/{id}/", admin.get(f"/api/v1/scorecards/{one.pk}/"))
        assert said["kind"] == kind and said["content"]["conditions"][0]["metrics"]
    found = admin.get(f"/api/v1/projects/{world.project.slug}/scorecards/")
    assert assert_as_said(schema, "get", "projects/{slug}/scorecards/", found)["results"]


def test_a_ticket_in_hand_and_the_lists_of_the_room(
    schema: Any, cast: factories.Cast, tmp_path: Any, run_jobs: Any
) -> None:
    source = factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(6))
    run_jobs()
    queue = factories.make_queue(cast.project, Example.objects.filter(project=cast.project))
    address = f"/api/v1/projects/{cast.project.slug}"
    lea, ada = cast.client("lea"), cast.client("ada")
    lease = lea.post(f"{address}/leases/", {"queue": queue.pk}, content_type="application/json")
    shown = assert_as_said(schema, "post", "projects/{slug}/leases/", lease)
    values = {"values": {"desk": "tax", "reply": "Ask the tax desk."}}
    answer = lea.post(f"/api/v1/leases/{shown['id']}/submit/", values, content_type="application/json")
    assert_as_said(schema, "post", "leases/{id}/submit/", answer)
    assert_as_said(schema, "get", "imports/{id}/", ada.get(f"/api/v1/imports/{source.pk}/"))
    JobEvent.objects.create(job_id=source.job_id, attempt=1, kind="log", message="Read.")
    events = ada.get(f"/api/v1/jobs/{source.job_id}/events/")
    assert assert_as_said(schema, "get", "jobs/{id}/events/", events)["results"]
    for part in ("imports", "examples", "annotations", "queues", "members", "task-revisions"):
        listed = ada.get(f"{address}/{part}/")
        assert assert_as_said(schema, "get", f"projects/{{slug}}/{part}/", listed)["results"], part
