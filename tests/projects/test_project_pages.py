"""Projects as people meet them: the front door, home by role, members, the task."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from ftplatform.accounts.models import Membership, Role
from ftplatform.audit.models import AuditEvent
from ftplatform.projects.models import Project
from tests.factories import Cast, desk_task, make_user

pytestmark = pytest.mark.django_db


def test_nobody_in_particular_is_asked_to_sign_in() -> None:
    assert Client().get("/").headers["Location"] == "/accounts/login/?next=/"


def test_the_front_door_leads_to_the_only_project(cast: Cast) -> None:
    assert cast.client("lea").get("/").headers["Location"] == f"/projects/{cast.project.slug}/"


def test_the_front_door_leads_to_the_list_where_there_are_several(cast: Cast) -> None:
    Membership.objects.create(user=cast.lea, project=cast.other, role=Role.LABELER)
    assert cast.client("lea").get("/").headers["Location"] == "/projects/"


def test_a_project_is_made_with_its_task_and_its_maker_is_admin(cast: Cast) -> None:
    answer = cast.client("vic").post(
        "/projects/new/",
        {
            "name": "Grant summaries",
            "input": "question",
            "choice": "desk",
            "choices": "permits | builds\nTax: income\nTax: property",
            "text": "reply",
        },
    )
    project = Project.objects.get(slug="grant-summaries")
    assert answer.headers["Location"] == "/projects/grant-summaries/"
    assert Membership.objects.get(project=project).user == cast.vic
    assert project.task_revision is not None
    assert project.task_revision.spec.field_named("desk").labels == ["permits", "Tax: income", "Tax: property"]
    assert AuditEvent.objects.filter(project=project, verb="project.create").exists()


def test_a_name_that_is_taken_keeps_what_was_typed(cast: Cast) -> None:
    typed = {"name": cast.project.name, "description": "Mine", "input": "question", "choice": "", "text": "reply"}
    answer = cast.client("vic").post("/projects/new/", typed)
    assert answer.status_code == 400
    html = answer.content.decode()
    assert "choose another name" in html and ">Mine</textarea>" in html.replace("\n", "")


def test_a_name_whose_address_is_a_page_of_the_site_is_refused(cast: Cast) -> None:
    answer = cast.client("vic").post("/projects/new/", {"name": "New", "input": "question", "text": "reply"})
    assert answer.status_code == 400
    assert "/projects/new/ is a page of the site" in answer.content.decode()
    assert not Project.objects.filter(slug="new").exists()


@pytest.mark.parametrize("task", ["no json", "[]", '{"inputs": []}', json.dumps({"user": "\u0000"})])
def test_a_broken_task_is_told_and_nothing_is_made(cast: Cast, task: str) -> None:
    answer = cast.client("vic").post(
        "/projects/new/", {"name": "X", "input": "question", "text": "reply", "task": task}
    )
    assert answer.status_code == 400
    assert not Project.objects.filter(name="X").exists()


def test_someone_is_added_by_e_mail_and_the_trail_says_so(cast: Cast) -> None:
    make_user("nob")
    cast.client("ada").post(f"/projects/{cast.project.slug}/members/", {"who": "NOB@example.org", "role": "expert"})
    assert Membership.objects.filter(project=cast.project, user__username="nob", role="expert").exists()
    event = AuditEvent.objects.get(project=cast.project, verb="member.add", data__user="nob")
    assert (event.user, event.data) == (cast.ada, {"user": "nob", "role": "expert"})


def test_a_stranger_is_not_added(cast: Cast) -> None:
    answer = cast.client("ada").post(f"/projects/{cast.project.slug}/members/", {"who": "zoe", "role": "expert"})
    assert answer.status_code == 400
    assert "create_user" in answer.content.decode(), "it says what to do"


def test_the_last_admin_stays(cast: Cast) -> None:
    membership = Membership.objects.get(project=cast.project, user=cast.ada, role=Role.ADMIN)
    answer = cast.client("ada").post(f"/projects/{cast.project.slug}/members/{membership.pk}/remove/", follow=True)
    assert "only admin" in answer.content.decode()
    assert Membership.objects.filter(pk=membership.pk).exists()


def test_a_member_is_removed(cast: Cast) -> None:
    membership = Membership.objects.get(project=cast.project, user=cast.lea)
    cast.client("ada").post(f"/projects/{cast.project.slug}/members/{membership.pk}/remove/")
    assert cast.client("lea").get(f"/projects/{cast.project.slug}/").status_code == 404


def test_another_projects_member_is_not_removed_through_ones_own(cast: Cast) -> None:
    foreign = Membership.objects.get(project=cast.other)
    assert cast.client("ada").post(f"/projects/{cast.project.slug}/members/{foreign.pk}/remove/").status_code == 404
    assert Membership.objects.filter(pk=foreign.pk).exists()


def test_the_task_is_shown_as_it_was_frozen(cast: Cast) -> None:
    html = cast.client("vic").get(f"/projects/{cast.project.slug}/task/").content.decode()
    spec = desk_task()
    for field in spec.fields:
        assert field.heading in html
    assert "{question}" in html
    assert "<em>close</em>" in html, "guidelines are Markdown"


def test_the_trail_pages_by_key(cast: Cast) -> None:
    from ftplatform.audit.services import record

    for number in range(60):
        record(by=cast.by, verb=f"test.{number}", target=cast.project, project=cast.project)
    client = cast.client("ada")
    first = client.get(f"/projects/{cast.project.slug}/audit/")
    assert "test.59" in first.content.decode() and "test.9<" not in first.content.decode()
    second = client.get(f"/projects/{cast.project.slug}/audit/", {"before": first.context["older"]})
    assert "test.9<" in second.content.decode() and "test.59" not in second.content.decode()
