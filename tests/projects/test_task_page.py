"""The page that revises a task: part by part or as JSON, refused beside what was typed, and carried over by renames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotation.models import ResolvedLabel
from ftplatform.accounts.models import Membership, Role
from ftplatform.projects import services
from ftplatform.projects.editing import read_renames
from ftplatform.projects.models import Project, TaskRevision
from ftplatform.projects.spec import Choice, FieldCondition, InputColumn, TaskField, TaskSpec
from tests import factories
from tests.factories import Cast

pytestmark = pytest.mark.django_db


def rich_task() -> TaskSpec:
    """What lines do not show: titles, keys, a condition, a metric; and a prompt that ends in an empty line."""
    desk = TaskField(
        name="desk",
        kind="choice",
        guidelines="The one that can close it.",
        primary_metric="accuracy",
        choices=(
            Choice(value="permits", title="Permits office", description="what may be built", hotkey="p"),
            Choice(value="Tax: income", hotkey="t"),
            Choice(value="energy"),
        ),
    )
    licence = TaskField(
        name="licence", kind="text", required=False, condition=FieldCondition(field="desk", equals="permits")
    )
    return TaskSpec(
        inputs=(InputColumn(name="question", kind="markdown"),),
        fields=(desk, licence),
        system="Two lines\nof system.",
        user="{question}\n\nAnswer as lines.\n",
        guidelines="Be *kind*.\n",
    )


@pytest.fixture
def rich() -> Cast:
    return Cast.make(rich_task())


def address(cast: Cast) -> str:
    return f"/projects/{cast.project.slug}/task/revise/"


def shown(cast: Cast) -> dict[str, str]:
    """What a browser would send if nothing were typed: CR and LF at each line's end."""
    answer = cast.client("ada").get(address(cast))
    assert answer.status_code == 200
    hidden = {"base": str(answer.context["base"].number), "replaces": str(answer.context["current"].number)}
    return hidden | {bound.html_name: (bound.value() or "").replace("\n", "\r\n") for bound in answer.context["form"]}


def post(cast: Cast, changes: dict[str, str], **more: Any) -> Any:
    return cast.client("ada").post(address(cast), shown(cast) | changes, **more)


def task_of(project: Project) -> TaskRevision:
    project.refresh_from_db()
    assert project.task_revision
    return project.task_revision


def test_an_admin_finds_it_on_the_task_page_and_others_do_not(cast: Cast) -> None:
    page = f"/projects/{cast.project.slug}/task/"
    assert address(cast) in cast.client("ada").get(page).content.decode()
    assert address(cast) not in cast.client("vic").get(page).content.decode()
    assert cast.client("vic").get(address(cast)).status_code == 403


def test_a_project_without_task_is_described_from_the_tickets_page(cast: Cast) -> None:
    bare = services.create_project(name="Bare", by=cast.by)
    client, place = cast.client("ada"), "/projects/bare/task/revise/"
    assert client.get("/projects/bare/tickets/").content.decode().count(place) == 2
    assert place in client.get("/projects/bare/task/").content.decode()
    assert client.get(place).status_code == 200
    typed = {"base": "0", "replaces": "0", "input": "question", "choice": "desk", "choices": "one", "text": ""}
    refused = client.post(place, typed)
    assert refused.status_code == 422
    assert "at least two choices" in str(refused.context["form"].errors["choices"])
    answer = client.post(place, typed | {"choices": "one\r\ntwo | the second"})
    assert answer.headers["Location"] == "/projects/bare/task/"
    assert task_of(bare).spec.field_named("desk").choices[1].description == "the second"
    late = client.post(place, typed | {"choices": "three\r\nfour"})
    assert late.status_code == 409, "somebody else described it meanwhile"
    assert "three\r\nfour" in late.content.decode() and task_of(bare).number == 1


def test_saving_what_is_shown_changes_nothing(rich: Cast) -> None:
    answer = post(rich, {}, follow=True)
    assert "Nothing was changed; the task is still revision 1." in answer.content.decode()
    assert post(rich, {"how": "json"}).status_code == 302
    assert task_of(rich.project).number == 1


def test_texts_and_labels_are_changed_and_all_else_stays(rich: Cast) -> None:
    changes = {
        "system": "",
        "guidelines-licence": "Cite the *paragraph*.",
        "labels-desk": "energy\r\n\r\npermits | what may be built\r\nTax: income | of a year\r\nfees",
    }
    answer = post(rich, changes, follow=True)
    assert answer.redirect_chain == [(f"/projects/{rich.project.slug}/task/", 302)]
    assert "The task is revision 2 now." in answer.content.decode()
    before, after = rich_task(), task_of(rich.project).spec
    permits, tax, energy = before.fields[0].choices
    assert after.fields[0].choices == (
        energy, permits, tax.model_copy(update={"description": "of a year"}), Choice(value="fees"),
    )  # fmt: skip
    assert after.fields[1] == before.fields[1].model_copy(update={"guidelines": "Cite the *paragraph*."})
    assert (after.system, after.user, after.inputs) == ("", before.user, before.inputs)


def test_a_renamed_label_keeps_its_title_and_key_and_conditions_follow_it(rich: Cast) -> None:
    labels = "licences | what may be built\r\nTax: income\r\nenergy"
    assert post(rich, {"labels-desk": labels, "renames": "permits -> licences"}).status_code == 302
    desk, licence = task_of(rich.project).spec.fields
    assert desk.choices[0] == rich_task().fields[0].choices[0].model_copy(update={"value": "licences"})
    assert licence.condition and licence.condition.equals == "licences"


def test_labels_that_lines_could_not_say_are_left_alone(cast: Cast) -> None:
    task = factories.desk_task()
    desk = task.fields[0].model_copy(update={"choices": (Choice(value="a|b"), Choice(value="c"))})
    services.revise_task(project=cast.project, spec=task.model_copy(update={"fields": (desk,)}), by=cast.by)
    assert "labels-desk" not in shown(cast)
    assert post(cast, {"guidelines": "New."}).status_code == 302
    assert task_of(cast.project).spec.fields == (desk,)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"labels-desk": "permits"}, "labels-desk"),
        ({"labels-desk": "permits\r\n | no label\r\nenergy"}, "labels-desk"),
        ({"user": "No input is named."}, "__all__"),
        ({"renames": "permits, licences"}, "renames"),
        ({"renames": "desk: permits ->"}, "renames"),
        ({"renames": "permits -> energy\r\npermits -> tax"}, "renames"),
        ({"guidelines": "changed", "renames": "fees -> energy"}, "renames"),
        ({"labels-desk": "permits\r\n<unk>"}, "__all__"),
        ({"how": "json", "task": "{"}, "task"),
        ({"how": "json", "task": "[" * 100_000}, "task"),
        ({"how": "json", "task": '{"\\ud800": 1}'}, "task"),
        ({"how": "json", "task": '{"max_new_tokens": ' + "9" * 5000 + "}"}, "task"),
    ],
)
def test_a_refusal_stands_at_its_place_and_what_was_typed_stays(
    cast: Cast, changes: dict[str, str], place: str
) -> None:
    answer = post(cast, changes)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [place]
    for name, text in changes.items():
        assert answer.context["form"][name].value() == text
    assert task_of(cast.project).number == 1


@pytest.fixture
def answered(cast: Cast, run_jobs: Any, tmp_path: Path) -> Cast:
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(30))
    run_jobs()
    return cast


LICENCES = {"labels-desk": "licences\r\ntax\r\nenergy"}


def test_what_answers_contradict_is_counted_beside_the_form(answered: Cast) -> None:
    answer = post(answered, LICENCES | {"guidelines": "Kept <so>."})
    assert answer.status_code == 409
    html = answer.content.decode()
    rows = {(one["what"], one["field"], one["label"], one["count"]) for one in answer.context["broken"]}
    assert rows == {("answers", "desk", "permits", 10), ("settled labels", "desk", "permits", 10)}
    assert html.count('data-label="How many">10</td>') == 2
    assert "Kept &lt;so&gt;.</textarea>" in html and "licences\r\ntax\r\nenergy</textarea>" in html
    assert task_of(answered.project).number == 1


def test_renames_carry_answers_over_and_the_message_says_what_is_made_anew(answered: Cast) -> None:
    factories.make_sets(answered.project)
    answer = post(answered, LICENCES | {"renames": "desk: permits → licences"}, follow=True)
    told = answer.content.decode()
    assert "The task is revision 2 now." in told and "freeze the test set again before you train" in told
    assert ResolvedLabel.objects.filter(value="licences").count() == 10


def test_anything_else_is_changed_as_json(answered: Cast) -> None:
    task = json.loads(shown(answered)["task"])
    task["fields"].append({"name": "mood", "kind": "text"})
    assert post(answered, {"how": "json", "task": json.dumps(task)}).status_code == 409, "30 answers lack it"
    task["fields"][-1]["required"] = False
    typed = {"how": "json", "task": json.dumps(task), "guidelines": "not this", "labels-desk": "nor this"}
    assert post(answered, typed).status_code == 302
    after = task_of(answered.project).spec
    assert [field.name for field in after.fields] == ["desk", "reply", "mood"]
    assert after.guidelines == factories.desk_task().guidelines


def test_the_second_of_two_admins_is_told_and_may_still_save(cast: Cast) -> None:
    Membership.objects.create(user=cast.rev, project=cast.project, role=Role.ADMIN)
    mine, client = shown(cast) | {"guidelines": "Mine."}, cast.client("ada")
    theirs = factories.desk_task().model_copy(update={"fields": factories.desk_task().fields[:1], "codec": "plain"})
    services.revise_task(project=cast.project, spec=theirs, by=cast.by)
    answer = client.post(address(cast), mine)
    assert answer.status_code == 409
    html = answer.content.decode()
    assert "it is revision 2 now" in html and "Mine.</textarea>" in html
    assert task_of(cast.project).number == 2
    assert 'name="base" value="1"' in html and 'name="replaces" value="2"' in html
    assert client.post(address(cast), mine | {"replaces": "2"}).status_code == 302
    after = task_of(cast.project)
    assert (after.number, after.spec.guidelines, len(after.spec.fields)) == (3, "Mine.", 2)


def test_going_back_is_an_earlier_revision_again(cast: Cast) -> None:
    post(cast, {"guidelines": "Second."})
    answer = post(cast, {"guidelines": factories.desk_task().guidelines}, follow=True)
    assert "The task is revision 1 now." in answer.content.decode()


def test_a_rename_line_says_its_field_where_it_is_not_plain() -> None:
    one = rich_task()
    assert read_renames("Tax: income -> fees\n\ndesk: energy → Energy: all", one) == {
        "desk": {"Tax: income": "fees", "energy": "Energy: all"}
    }
    two = one.model_copy(update={"fields": (*one.fields, one.fields[0].model_copy(update={"name": "other"}))})
    assert read_renames("other: energy->e", two) == {"other": {"energy": "e"}}
    with pytest.raises(ValueError, match="Line 2 names no field that has labels: desk, other"):
        read_renames("\nenergy -> e", two)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"choices": "permits"}, "choices"),
        ({"choices": "permits\r\n<unk>"}, "choices"),
        ({"choices": f"permits\r\n{'x' * 201}"}, "choices"),
        ({"choice": "", "text": ""}, "choice"),
        ({"name": "!!!"}, "name"),
        ({"choice": "No Name"}, "choice"),
        ({"task": '{"\\ud800": 1}'}, "task"),
    ],
)
def test_a_new_project_tells_each_refusal_at_its_field(cast: Cast, changes: dict[str, str], place: str) -> None:
    typed = {"name": "X", "input": "question", "choice": "desk", "choices": "a\r\nb", "text": "reply"}
    answer = cast.client("ada").post("/projects/new/", typed | changes)
    assert answer.status_code == 400
    assert list(answer.context["form"].errors) == [place]
    assert not Project.objects.filter(name__in=("X", "!!!")).exists()


def test_a_refused_label_in_json_is_told_at_the_json(cast: Cast) -> None:
    task = factories.desk_task().model_dump(mode="json")
    task["fields"][0]["choices"][0]["value"] = "<unk>"
    typed = {"name": "X", "input": "question", "text": "reply", "task": json.dumps(task)}
    answer = cast.client("ada").post("/projects/new/", typed)
    assert list(answer.context["form"].errors) == ["task"] and not Project.objects.filter(name="X").exists()
