"""The fields of an answer as the page shows them."""

from annotation.answers import AnswerField, fields_for
from ftplatform.projects.spec import Choice, InputColumn, TaskField, TaskSpec


def shown(*fields: TaskField) -> list[AnswerField]:
    return fields_for(TaskSpec(inputs=(InputColumn(name="q"),), fields=fields, user="{q}", codec="json"), {})


def choices(count: int) -> tuple[Choice, ...]:
    return tuple(Choice(value=f"label {at}") for at in range(count))


DESK = TaskField(name="desk", kind="choice", choices=choices(3))
TOPICS = TaskField(name="topics", kind="multi", choices=choices(11))
TONE = TaskField(name="tone", kind="rating")
REPLY = TaskField(name="reply", kind="text")


def test_each_field_has_its_own_digits_and_the_first_is_current() -> None:
    fields = {one.name: one for one in shown(REPLY, DESK, TOPICS, TONE)}
    keys = {name: "".join(option.key for option in one.options) for name, one in fields.items()}
    assert keys == {"reply": "", "desk": "123", "topics": "123456789", "tone": "12345"}
    assert [name for name, one in fields.items() if one.takes_turns] == ["desk", "topics", "tone"]
    assert [name for name, one in fields.items() if one.is_current] == ["desk"]


def test_a_field_that_has_keys_alone_takes_no_turns() -> None:
    assert not [one for one in shown(DESK, REPLY) if one.takes_turns or one.is_current]
