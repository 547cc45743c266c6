"""From a row to a ticket, without a database: every value a file can hold, and every reason why a row cannot be one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from annotation.formats import Row
from annotation.numbers import read_number
from annotation.rows import BadRow, ColumnMapping
from annotation.services.imports import _holds_labels, _look
from ftplatform.projects.spec import Choice, InputColumn, TaskField, TaskSpec


def task(*fields: TaskField) -> TaskSpec:
    return TaskSpec(inputs=(InputColumn(name="q"),), fields=fields, user="{q}", codec="json")


def read(field: TaskField, cell: Any) -> Any:
    mapping = ColumnMapping(task(field), {"q": "input:q", "v": f"field:{field.name}"})
    return mapping.ticket({"q": "One?", "v": cell}).values.get(field.name)


def choices(*labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(value=label) for label in labels)


DESKS = TaskField(name="desks", kind="multi", choices=choices("Permits", "Tax"))
SPANS = TaskField(name="places", kind="spans")
NUMBER = TaskField(name="n", kind="number")


# ── dates ──


def moment(text: str) -> datetime | None:
    field = TaskField(name="v", kind="text", required=False)
    return ColumnMapping(task(field), {"q": "input:q", "at": "occurred_at"}).ticket({"q": "a", "at": text}).occurred_at


def test_a_date_is_kept_in_utc() -> None:
    assert moment("2026-03-02T14:07:00+02:00") == datetime(2026, 3, 2, 12, 7, tzinfo=UTC)
    assert moment("2026-03-02") == datetime(2026, 3, 2, tzinfo=UTC)
    assert moment("") is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999-05:00", "9999-12-31", "1899-12-30"])  # fmt: skip
def test_a_date_that_no_database_gives_back_is_a_row_error(text: str) -> None:
    with pytest.raises(BadRow, match="1900 to 2200") as bad:
        moment(text)
    assert bad.value.field == "at"


# ── labels ──


def test_labels_that_differ_in_inner_spaces_are_refused_as_one() -> None:
    with pytest.raises(ValidationError, match="only in case or spaces"):
        TaskField(name="desk", kind="choice", choices=choices("a b", "a  B"))


def test_a_label_is_known_whatever_its_case_and_spaces() -> None:
    desk = TaskField(name="desk", kind="choice", choices=choices("a b", "c"))
    assert read(desk, " A   b ") == "a b"
    with pytest.raises(BadRow, match="not a choice"):
        read(desk, "ab")


@pytest.mark.parametrize("cell", ["permits, tax", '["Permits", "Tax"]', '["permits","TAX"]'])
def test_several_labels_come_as_a_list_or_with_commas(cell: str) -> None:
    assert read(DESKS, cell) == ["Permits", "Tax"]


def test_a_wrong_label_among_several_is_named() -> None:
    with pytest.raises(BadRow, match="'fees' is not a choice"):
        read(DESKS, "tax, fees")


def test_spans_come_as_our_own_export_writes_them() -> None:
    spans = [{"start": 0, "end": 3, "label": "place"}]
    assert read(SPANS, '[{"start": 0, "end": 3, "label": "place"}]') == spans
    with pytest.raises(BadRow, match="list of spans"):
        read(SPANS, "0-3")


@pytest.mark.parametrize("text,number", [("1,5", 1.5), (" 3.0 ", 3), ("-2e3", -2000), ("0,125", 0.125), ("0", 0), (str(2**53), 2**53)])  # fmt: skip
def test_numbers_are_read_as_they_are_written(text: str, number: float) -> None:
    assert read_number(text) == number and read(NUMBER, text) == number


@pytest.mark.parametrize("text", ["1_000", "12345678901234567890", "1,500", "nan", "inf", "1e400", "٣", "twelve", ""])
def test_numbers_that_would_become_others_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_number(text)


# ── the look at a file ──


def test_the_labels_zero_and_false_are_labels() -> None:
    rows = [Row(at, {"label": value}) for at, value in enumerate([0, 1, 0.0, False, True, None])]
    column = _look("label", rows)
    assert column.filled == 5 and column.samples == ["0", "1", "0.0"]
    assert _holds_labels(_look("label", rows[:2]), ["0", "1"], rows[:2])
    assert _holds_labels(_look("label", rows[3:]), ["true", "false"], rows[3:])
