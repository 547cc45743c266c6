"""What a task may be, as plain values."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ftplatform.projects import services
from ftplatform.projects.models import TaskRevision
from ftplatform.projects.spec import RESERVED_KEYS, STORED, Choice, TaskField, TaskSpec
from tests.factories import Cast, desk_task

DESKS = ("permits", "tax", "energy")


def with_keys(*keys: str, kind: str = "choice") -> dict[str, Any]:
    """The task of a desk whose labels have these hotkeys, as JSON."""
    choices = [{"value": desk, "hotkey": key} for desk, key in zip(DESKS, keys, strict=True)]
    return {
        "inputs": [{"name": "question"}],
        "fields": [{"name": "desk", "kind": kind, "choices": choices}],
        "user": "{question}",
    }


@pytest.mark.parametrize("kind", ["choice", "multi"])
@pytest.mark.parametrize("key", sorted(RESERVED_KEYS))
def test_a_key_of_the_labelling_page_is_no_labels_hotkey(kind: str, key: str) -> None:
    with pytest.raises(ValidationError, match="labelling page itself") as refused:
        TaskSpec.model_validate(with_keys("", key, "", kind=kind))
    told = refused.value.errors()[0]["msg"]
    assert "field desk" in told and f"“{key}” of the label “tax”" in told, "it says which label"
    assert " ".join(sorted(RESERVED_KEYS)) in told, "and which keys are no good either"


def test_two_labels_of_a_field_do_not_share_a_hotkey_and_those_of_two_fields_may() -> None:
    with pytest.raises(ValidationError, match="“x” of the label “energy” is that of the label “permits” already"):
        TaskSpec.model_validate(with_keys("x", "", "x"))
    task = with_keys("x", "y", "")
    task["fields"].append({**task["fields"][0], "name": "other"})
    assert len(TaskSpec.model_validate(task).fields) == 2


def test_a_hotkey_can_be_printed_on_a_button() -> None:
    with pytest.raises(ValidationError, match="one could print"):
        TaskSpec.model_validate(with_keys(" ", "", ""))


def test_an_old_task_with_such_hotkeys_loads_and_its_labels_get_digits() -> None:
    task = TaskSpec.model_validate(with_keys("u", "x", "x"), context=STORED)
    assert task.fields[0].hotkeys() == {"permits": "1", "tax": "x", "energy": "2"}
    assert [choice.hotkey for choice in task.fields[0].choices] == ["u", "x", "x"], "what is frozen stays as it is"


@pytest.mark.django_db
def test_a_stored_revision_loads_and_its_texts_can_still_be_revised(cast: Cast) -> None:
    content = with_keys("u", "x", "x")
    stored = TaskSpec.model_validate(content, context=STORED)
    revision = services.revise_task(project=cast.project, spec=stored, by=cast.by)
    assert TaskRevision.objects.get(pk=revision.pk).spec == stored
    address = f"/projects/{cast.project.slug}/task/revise/"
    shown = {bound.html_name: bound.value() or "" for bound in cast.client("ada").get(address).context["form"]}
    asked = shown | {"base": str(revision.number), "replaces": str(revision.number), "guidelines": "Be kind."}
    assert cast.client("ada").post(address, asked).status_code == 302
    cast.project.refresh_from_db()
    assert cast.project.task_revision and cast.project.task_revision.spec.guidelines == "Be kind."
    current = str(cast.project.task_revision.number)
    refused = cast.client("ada").post(address, asked | {"replaces": current, "how": "json"})
    assert refused.status_code == 422 and "“u” of the label “permits”" in refused.content.decode()


def test_digits_go_to_labels_without_a_key_of_their_own() -> None:
    field = TaskField(name="desk", kind="choice", choices=(Choice(value="a", hotkey="2"), *map(_choice, "bcd")))
    assert field.hotkeys() == {"a": "2", "b": "1", "c": "3", "d": "4"}
    assert TaskField(name="mark", kind="rating").hotkeys() == {str(step): str(step) for step in range(1, 6)}
    assert desk_task().text_fields[0].hotkeys() == {}


def _choice(value: str) -> Choice:
    return Choice(value=value)
