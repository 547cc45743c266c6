"""The API's ground floor: who may, how it refuses, and its schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import ApiKey, Membership
from ftplatform.accounts.services import create_api_key
from ftplatform.jobs.models import Job, JobEvent
from ftplatform.projects.models import TaskRevision
from tests.factories import Cast, desk_task

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


def post(client: Client, address: str, body: Any, **headers: str) -> Any:
    return client.post(f"{V1}{address}", json.dumps(body), content_type="application/json", headers=headers)


def job_of(cast: Cast, **values: Any) -> Job:
    return Job.objects.create(
        **{"project": cast.project, "kind": "test", "title": "Import 1", "created_as": "user:ada"} | values
    )


def assert_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body: dict[str, Any] = answer.json()
    assert body["status"] == status and body["title"] and body["detail"]
    assert all(set(error) == {"field", "message"} for error in body["errors"])
    return body


def test_without_a_name_one_is_asked_for_it() -> None:
    answer = Client().get(f"{V1}/projects/")
    assert_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_foreign_or_missing_object_is_404_and_ones_own_without_the_role_403(cast: Cast) -> None:
    assert_problem(cast.client("ada").get(f"{V1}/projects/{cast.other.slug}/"), 404)
    assert_problem(cast.client("ada").get(f"{V1}/projects/nowhere/"), 404)
    body = assert_problem(cast.client("lea").get(f"{V1}/projects/{cast.project.slug}/members/"), 403)
    assert "needs the role admin" in body["detail"]


def test_an_address_without_a_view_answers_a_problem_too(cast: Cast) -> None:
    assert_problem(cast.client("ada").get("/api/v1/nothing/"), 404)


def test_a_session_needs_the_csrf_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ada)
    assert_problem(post(client, "/projects/", {"name": "X"}), 403)


def test_lists_are_pages(cast: Cast) -> None:
    for part in (
        "projects/",
        f"projects/{cast.project.slug}/members/",
        f"projects/{cast.project.slug}/task-revisions/",
    ):
        assert set(cast.client("ada").get(f"{V1}/{part}").json()) == {"next", "previous", "results"}


def walked(client: Client, address: str) -> list[Any]:
    """What a list holds, page by page."""
    found = []
    while address:
        page = client.get(address).json()
        found += page["results"]
        address = page["next"]
    return found


def test_members_and_task_revisions_page_by_cursor(cast: Cast) -> None:
    client = cast.client("ada")
    for number in range(2, 5):
        task = desk_task().model_dump(mode="json") | {"guidelines": f"Version {number}."}
        post(client, f"/projects/{cast.project.slug}/task-revisions/", task)
    revisions = f"{V1}/projects/{cast.project.slug}/task-revisions/"
    assert len(client.get(revisions, {"page_size": 3}).json()["results"]) == 3
    assert [one["number"] for one in walked(client, f"{revisions}?page_size=3")] == [4, 3, 2, 1]
    members = walked(client, f"{V1}/projects/{cast.project.slug}/members/?page_size=2")
    assert sorted(one["user"] for one in members) == ["ada", "eve", "lea", "rev", "vic"]


def test_a_jobs_events_page_from_the_oldest_on(cast: Cast) -> None:
    job = job_of(cast)
    events = [JobEvent.objects.create(job=job, attempt=1, kind="log", message=f"line {at}") for at in range(7)]
    address = f"{V1}/jobs/{job.pk}/events/?page_size=2&after={events[1].pk}"
    found = walked(cast.client("vic"), address)
    assert [one["message"] for one in found] == [f"line {at}" for at in range(2, 7)]


def test_more_events_than_a_page_holds_are_not_cut_off(cast: Cast) -> None:
    job = job_of(cast)
    JobEvent.objects.bulk_create(JobEvent(job=job, attempt=1, kind="log", message=str(at)) for at in range(501))
    first = cast.client("vic").get(f"{V1}/jobs/{job.pk}/events/").json()
    assert len(first["results"]) == 500
    assert [one["message"] for one in cast.client("vic").get(first["next"]).json()["results"]] == ["500"]


def test_the_list_holds_ones_own_projects(cast: Cast) -> None:
    found = cast.client("lea").get(f"{V1}/projects/").json()["results"]
    assert [project["slug"] for project in found] == [cast.project.slug]


def test_a_project_is_made_and_read_back(cast: Cast) -> None:
    made = post(cast.client("vic"), "/projects/", {"name": "Grant summaries"})
    assert made.status_code == 201
    assert cast.client("vic").get(f"{V1}/projects/grant-summaries/").json()["name"] == "Grant summaries"


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "!!!"}, {"name": "x" * 121}, {"name": "a\u0000b"}, [], "x", None]
)
def test_a_bad_project_is_a_problem(cast: Cast, body: Any) -> None:
    assert_problem(post(cast.client("ada"), "/projects/", body), 400)


@pytest.mark.parametrize("body", ["{", "[" * 100_000, '{"name": NaN}', b"\xff\xfe", ""])
def test_broken_json_is_a_problem(cast: Cast, body: str | bytes) -> None:
    answer = cast.client("ada").post(f"{V1}/projects/", body, content_type="application/json")
    assert_problem(answer, 400)


def test_a_member_is_added(cast: Cast) -> None:
    answer = post(cast.client("ada"), f"/projects/{cast.project.slug}/members/", {"user": "Mal", "role": "expert"})
    assert answer.status_code == 201
    assert Membership.objects.filter(project=cast.project, user=cast.mal, role="expert").exists()


@pytest.mark.parametrize(
    "body", [{"user": "zoe", "role": "expert"}, {"user": "mal", "role": "king"}, {"role": "expert"}]
)
def test_a_bad_member_names_its_field(cast: Cast, body: dict[str, str]) -> None:
    problem = assert_problem(post(cast.client("ada"), f"/projects/{cast.project.slug}/members/", body), 400)
    assert problem["errors"][0]["field"] in {"user", "role"}


def test_a_task_revision_is_made_and_the_same_again_is_the_same(cast: Cast) -> None:
    task = desk_task().model_dump(mode="json") | {"guidelines": "New."}
    address = f"/projects/{cast.project.slug}/task-revisions/"
    first, second = (post(cast.client("ada"), address, task) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["number"] == 2
    cast.project.refresh_from_db()
    assert cast.project.task_revision_id == first.json()["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"user": "no placeholder"},
        {"user": "{nowhere}"},
        {"fields": []},
        {"codec": "yaml"},
        {"surprise": 1},
        {"max_new_tokens": 10**9},
    ],
)
def test_a_bad_task_is_told_by_field_and_changes_nothing(cast: Cast, change: dict[str, Any]) -> None:
    task = desk_task().model_dump(mode="json") | change
    problem = assert_problem(post(cast.client("ada"), f"/projects/{cast.project.slug}/task-revisions/", task), 400)
    assert problem["errors"]
    assert TaskRevision.objects.filter(project=cast.project).count() == 1


@pytest.mark.parametrize("text", ["a\u0000b", "\ud800"])
def test_a_text_that_no_database_keeps_is_refused_with_its_place(cast: Cast, text: str) -> None:
    task = desk_task().model_dump(mode="json") | {"guidelines": text}
    problem = assert_problem(post(cast.client("ada"), f"/projects/{cast.project.slug}/task-revisions/", task), 400)
    assert problem["detail"].startswith("guidelines holds a NUL character")
    assert_problem(post(cast.client("ada"), "/projects/", {"name": "x", text: 1}), 400)
    with pytest.raises(ValueError, match="guidelines holds a NUL"):
        desk_task().model_validate(task)


def test_a_labeler_does_not_change_the_task(cast: Cast) -> None:
    task = desk_task().model_dump(mode="json")
    assert_problem(post(cast.client("lea"), f"/projects/{cast.project.slug}/task-revisions/", task), 403)


def test_a_job_is_followed_by_its_events(cast: Cast) -> None:
    job = job_of(cast)
    events = [JobEvent.objects.create(job=job, attempt=1, kind="log", message=f"line {at}") for at in range(3)]
    client = cast.client("vic")
    found = client.get(f"{V1}/jobs/{job.pk}/events/", {"after": events[0].pk}).json()["results"]
    assert [event["message"] for event in found] == ["line 1", "line 2"]
    assert_problem(client.get(f"{V1}/jobs/{job.pk}/events/", {"after": "²"}), 400)
    assert client.get(f"{V1}/jobs/{job.pk}/events/", {"after": "9" * 30}).json()["results"] == []


def test_a_job_is_cancelled_by_an_admin_and_once(cast: Cast) -> None:
    job = job_of(cast)
    assert_problem(post(cast.client("vic"), f"/jobs/{job.pk}/cancel/", {}), 403)
    assert post(cast.client("ada"), f"/jobs/{job.pk}/cancel/", {}).json()["state"] == "cancelled"
    assert_problem(post(cast.client("ada"), f"/jobs/{job.pk}/cancel/", {}), 409)


@pytest.mark.parametrize("name", ["lea", "eve"])
def test_a_rater_sees_no_jobs(cast: Cast, name: str) -> None:
    assert_problem(cast.client(name).get(f"{V1}/jobs/{job_of(cast).pk}/"), 403)


def test_another_projects_job_and_one_without_project_are_404(cast: Cast) -> None:
    for job in (job_of(cast, project=cast.other), job_of(cast, project=None)):
        assert_problem(cast.client("ada").get(f"{V1}/jobs/{job.pk}/"), 404)


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def test_a_key_bound_to_a_project_opens_that_project_only(cast: Cast) -> None:
    Membership.objects.create(user=cast.ada, project=cast.other, role="admin")
    _, text = create_api_key(user=cast.ada, name="x", project=cast.project, by=Actor.of(cast.ada))
    client = Client()
    assert client.get(f"{V1}/projects/{cast.project.slug}/", headers=bearer(text)).status_code == 200
    assert_problem(client.get(f"{V1}/projects/{cast.other.slug}/", headers=bearer(text)), 404)
    assert [one["slug"] for one in client.get(f"{V1}/projects/", headers=bearer(text)).json()["results"]] == [
        cast.project.slug
    ]


def test_a_key_bound_to_a_project_makes_no_other(cast: Cast) -> None:
    _, text = create_api_key(user=cast.ada, name="x", project=cast.project, by=Actor.of(cast.ada))
    assert_problem(post(Client(), "/projects/", {"name": "Y"}, **bearer(text)), 403)


def test_a_gateway_key_opens_no_api(cast: Cast) -> None:
    key, text = create_api_key(user=cast.ada, name="x", by=Actor.of(cast.ada))
    ApiKey.objects.filter(pk=key.pk).update(scope="gateway")
    assert_problem(Client().get(f"{V1}/projects/", headers=bearer(text)), 401)


@pytest.mark.parametrize("text", ["", "ft_", "ft_0_0", "x" * 300, "ft_000000000000_" + "a" * 43, "ft_\xff_x"])
def test_a_made_up_key_opens_nothing(cast: Cast, text: str) -> None:
    assert_problem(Client().get(f"{V1}/projects/", headers=bearer(text)), 401)


def test_a_key_of_someone_who_left_opens_nothing(cast: Cast) -> None:
    _, text = create_api_key(user=cast.ada, name="x", by=Actor.of(cast.ada))
    cast.ada.is_active = False
    cast.ada.save()
    assert_problem(Client().get(f"{V1}/projects/", headers=bearer(text)), 401)


def test_a_keys_use_is_noted(cast: Cast) -> None:
    key, text = create_api_key(user=cast.ada, name="x", by=Actor.of(cast.ada))
    Client().get(f"{V1}/projects/", headers=bearer(text))
    key.refresh_from_db()
    assert key.last_used_at is not None and key.last_used_at <= timezone.now()


def test_a_role_is_taken_away_and_the_last_admin_stays(cast: Cast) -> None:
    client = cast.client("ada")
    role = Membership.objects.get(project=cast.project, user=cast.vic)
    assert client.get(f"{V1}/members/{role.pk}/").json()["user"] == "vic"
    assert cast.client("lea").delete(f"{V1}/members/{role.pk}/").status_code == 403
    assert cast.client("mal").delete(f"{V1}/members/{role.pk}/").status_code == 404
    assert client.delete(f"{V1}/members/{role.pk}/").status_code == 204
    assert not Membership.objects.filter(project=cast.project, user=cast.vic).exists()
    own = Membership.objects.get(project=cast.project, user=cast.ada)
    assert "only admin" in assert_problem(client.delete(f"{V1}/members/{own.pk}/"), 400)["detail"]
