"""`parse(render(values)) == values` for whatever an annotation may hold, and what is told of output that is not so."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation import codecs
from annotation.fieldvalues import UnparsableValue
from ftplatform.projects.spec import Choice, FieldCondition, InputColumn, TaskField, TaskSpec

LABELS = ("permits", "Tax and fees", "tax", "énergie", "a: b", "say: no")


def spec(codec: str, *fields: TaskField) -> TaskSpec:
    return TaskSpec(inputs=(InputColumn(name="question"),), fields=fields, user="{question}", codec=codec)  # type: ignore[arg-type]


CHOICE = TaskField(name="desk", kind="choice", choices=tuple(Choice(value=label) for label in LABELS))
MULTI = TaskField(name="tags", kind="multi", choices=tuple(Choice(value=label) for label in LABELS), required=False)
NUMBER = TaskField(name="amount", kind="number", required=False)
RATING = TaskField(name="stars", kind="rating", required=False)
SPANS = TaskField(name="names", kind="spans", required=False)
SHORT = TaskField(name="subject", kind="text", required=False)
TEXT = TaskField(name="reply", kind="text", required=False)
WHEN_TAX = TaskField(name="rate", kind="text", required=False, condition=FieldCondition(field="desk", equals="tax"))

SPECS = [
    spec("plain", CHOICE),
    spec("plain", TEXT),
    spec("lines", CHOICE, TEXT),
    spec("lines", CHOICE, SHORT, NUMBER, RATING, MULTI, WHEN_TAX, TEXT),
    spec("lines", CHOICE, SPANS),
    spec("json", CHOICE, SHORT, MULTI, NUMBER, RATING, SPANS, WHEN_TAX, TEXT),
]

# Text that looks like a codec's own signs as often as like a person's.
PIECES = st.sampled_from(["desk: tax", "reply:", "\n", "\n\n", " ", '{"desk": "tax"}', "```", ":", ",", "Ask the desk.", "ü", "\u2028", "\t", "\x1f", "\x85"])  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=6).map("".join))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "choice": st.sampled_from(LABELS),
    "multi": st.lists(st.sampled_from(LABELS), unique=True),
    "text": TEXTS,
    "number": st.one_of(st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False)),
    "rating": st.integers(1, 5),
    "spans": st.lists(
        st.builds(
            lambda start, length, label: {"start": start, "end": start + length, "label": label},
            st.integers(0, 500), st.integers(1, 50), st.text(min_size=1, max_size=10),
        ),
        max_size=3,
    ),
}  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> tuple[TaskSpec, dict[str, Any]]:
    chosen = draw(st.sampled_from(SPECS))
    values = {field.name: draw(VALUES[field.kind]) for field in chosen.fields if field.required or draw(st.booleans())}
    return chosen, values


@settings(max_examples=1500, deadline=None)
@given(cases())
def test_what_may_be_annotated_is_read_back_as_it_is(case: tuple[TaskSpec, dict[str, Any]]) -> None:
    chosen, values = case
    try:
        written = codecs.render(chosen, values)
    except UnparsableValue as error:
        assert error.field in {field.name for field in chosen.fields}
        return
    read = codecs.parse(chosen, written)
    assert read.values == values
    assert "failed" not in {read.status[name] for name in values}


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(SPECS), st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_no_output_makes_the_reader_fall(chosen: TaskSpec, output: str) -> None:
    read = codecs.parse(chosen, output)
    for field in chosen.fields:
        if field.kind == "choice" and field.name in read.values:
            assert read.values[field.name] in LABELS  # never a class of its own
        assert (field.name in read.values) == (read.status.get(field.name, "failed") != "failed")


@settings(max_examples=500, deadline=None)
@given(cases())
def test_spans_point_at_the_values_in_the_completion(case: tuple[TaskSpec, dict[str, Any]]) -> None:
    chosen, values = case
    try:
        written = codecs.render(chosen, values)
    except UnparsableValue:
        return
    for name, (start, end) in codecs.spans_of(chosen, values).items():
        if chosen.field_named(name).kind == "choice" and chosen.codec != "json":
            assert written[start:end] == values[name]


@pytest.mark.parametrize(
    "output,desk,status",
    [
        ("desk: tax\nreply: Yes", "tax", "ok"),
        ("Desk:  TAX \nreply: Yes", "tax", "recovered"),
        ("desk: Tax and fees\nreply: Yes", "Tax and fees", "ok"),
        ("desk: taxes\nreply: Yes", None, "failed"),
        ("reply: Yes", None, "failed"),
    ],
)
def test_a_choice_is_read_exactly_or_told_as_recovered_or_failed(output: str, desk: str | None, status: str) -> None:
    read = codecs.parse(spec("lines", CHOICE, TEXT), output)
    assert (read.values.get("desk"), read.status["desk"]) == (desk, status)


def test_a_last_text_without_header_takes_what_is_left() -> None:
    read = codecs.parse(spec("lines", CHOICE, TEXT), "desk: tax\nJust ask them.\nToday.")
    assert read.values == {"desk": "tax", "reply": "Just ask them.\nToday."}
    assert read.status == {"desk": "ok", "reply": "recovered"}


@pytest.mark.parametrize(
    "values,field",
    [
        ({"desk": "tax", "reply": " leads with a space"}, "reply"),
        ({"desk": "nowhere", "reply": "Yes"}, "desk"),
        ({"desk": "tax", "subject": "two\nlines", "reply": "Yes"}, "subject"),
        ({"desk": "tax", "rate": "9 %", "stars": 6, "reply": "Yes"}, "stars"),
        ({"desk": "permits", "rate": "9 %", "reply": "Yes"}, "rate"),
        ({"reply": "Yes"}, "desk"),
        ({"desk": "tax", "other": 1}, "other"),
    ],
)
def test_what_would_not_be_read_back_is_refused_with_its_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(UnparsableValue) as refused:
        codecs.render(SPECS[3], values)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "span",
    [
        {"start": 5, "end": 2, "label": "place"},
        {"start": True, "end": 2, "label": "place"},
        {"start": 0, "end": 2, "label": 7},
        {"start": 0, "end": 2},
        "0-2",
    ],
)
def test_what_is_no_span_is_neither_taken_nor_read(span: Any) -> None:
    chosen = SPECS[4]
    with pytest.raises(UnparsableValue, match="is not a span"):
        codecs.render(chosen, {"desk": "tax", "names": [span]})
    read = codecs.parse(chosen, f"desk: tax\nnames: {json.dumps([span])}")
    assert (read.values, read.status) == ({"desk": "tax"}, {"desk": "ok", "names": "failed"})


REPLY = TaskField(name="reply", kind="text")
LAST_NUMBER = spec("lines", CHOICE, REPLY, NUMBER)


@pytest.mark.parametrize(
    "chosen,output,text",
    [
        (spec("lines", CHOICE, REPLY), "desk: tax\nreply: Yes", "Yes"),
        (spec("lines", CHOICE, REPLY), "desk: tax", ""),
        (spec("lines", REPLY, CHOICE), "Ask them.\nToday.\ndesk: tax", "Ask them.\nToday."),
        (LAST_NUMBER, "desk: tax\nAsk them.\namount: 3", "Ask them."),
        (LAST_NUMBER, "Well.\ndesk: tax\nAsk them.\namount: 3\nnot more", "Well.\nAsk them."),
        (LAST_NUMBER, "Ask them.", "Ask them."),
        (LAST_NUMBER, "desk: nowhere", "desk: nowhere"),
        (spec("lines", TEXT, CHOICE), "Sure!\ndesk: tax", ""),  # need not be given, and was not
        (spec("json", CHOICE, REPLY), '{"desk": "tax", "reply": ["Ask", "them"]}', '["Ask", "them"]'),
        (spec("json", CHOICE, REPLY), '{"desk": "tax", "reply": null}', ""),
        (spec("json", CHOICE, REPLY), '```\n{"desk": "tax"}\n```', ""),
        (spec("json", CHOICE, REPLY), '{"desk": "tax", "reply": "Ask th', '{"desk": "tax", "reply": "Ask th'),
    ],
)
def test_a_failed_text_counts_as_what_was_written_and_no_other_field_claims(
    chosen: TaskSpec, output: str, text: str
) -> None:
    assert codecs.written(chosen, "reply", codecs.parse(chosen, output).values, output) == text


def test_a_choice_after_another_field_has_nothing_fixed_before_it() -> None:
    second = CHOICE.model_copy(update={"name": "tone"})
    assert codecs.unframed_choices(spec("lines", CHOICE, second, TEXT)) == [second]
    assert codecs.unframed_choices(spec("lines", TEXT, CHOICE)) == [CHOICE]
    assert codecs.unframed_choices(spec("lines", CHOICE, TEXT)) == []
