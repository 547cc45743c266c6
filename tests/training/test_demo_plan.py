"""The reader's own file as a task, and the minutes that a demo may take: whatever its labels, sizes and scripts."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation import codecs
from training.demo import plan
from training.demo.ownfile import own_file
from training.demo.plan import Load
from training.demo.source import Source, TicketsError, tokens_of


def file_of(folder: Path, rows: list[dict[str, Any]], name: str = "my tickets.jsonl") -> Path:
    path = folder / name
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def source_of(folder: Path, labels: list[Any], *, times: int = 10, kind: str | None = None, **more: Any) -> Source:
    rows = [{"text": f"ticket {at}", "label": labels[at % len(labels)]} for at in range(times * len(labels))]
    return own_file(file_of(folder, rows, **more), text="text", target="label", kind=kind)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1], ["0", "1"]),
        ([0, 1, 2], ["0", "1", "2"]),
        ([True, False], ["false", "true"]),
        ([0.0, 1.5], ["0.0", "1.5"]),
        (["a: b", 'c, "d"', "e👍"], ["a: b", 'c, "d"', "e👍"]),
        (["tax", "tax bill"], ["tax", "tax bill"]),
        (["Cafe\u0301", "bar"], ["Café", "bar"]),
        (["Spam", "Spam", "spam", "ham"], ["Spam", "ham"]),
        (["{ticket}", "b"], ["b", "{ticket}"]),
    ],
)
def test_whatever_comes_again_and_again_is_a_label(tmp_path: Path, labels: list[Any], expected: list[str]) -> None:
    source = source_of(tmp_path, labels)
    [field] = source.spec.fields
    assert field.kind == "choice" and sorted(field.labels) == sorted(expected)
    for label in field.labels:
        assert codecs.parse(source.spec, codecs.render(source.spec, {field.name: label})).values == {field.name: label}
    assert "is taken as a label to choose" in source.remarks[0]


def test_what_never_comes_again_is_a_text_and_the_reader_is_told_how_to_say_otherwise(tmp_path: Path) -> None:
    source = source_of(tmp_path, [f"Answer number {at}." for at in range(40)], times=1)
    [field] = source.spec.fields
    assert field.kind == "text" and "--kind choice" in source.remarks[0]
    assert "Write the label." in source.spec.system, "a base that is not told what to write would be a straw man"


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (["spam"], None, "holds one label only \\('spam'\\)"),
        (["spam", "SPAM"], None, "holds one label only \\('SPAM' and 'spam'\\)"),
        (["", None], None, "is empty in every row"),
        (["a\nb", "c"], "choice", "one line of at most 200 characters; the first: 'a\\\\nb'"),
        (["x" * 201, "c"], "choice", "1 values of 'label' cannot be labels"),
        ([f"label {at}" for at in range(301)], "choice", "holds 301 different labels"),
    ],
)
def test_what_cannot_be_chosen_is_told(tmp_path: Path, labels: list[Any], kind: str | None, message: str) -> None:
    with pytest.raises(TicketsError, match=message):
        source_of(tmp_path, labels, kind=kind)


def test_a_file_is_told_by_name_where_it_cannot_be_read(tmp_path: Path) -> None:
    path = file_of(tmp_path, [{"text": "a", "label": "b"}])
    with pytest.raises(TicketsError, match="no column 'body'; its columns are text, label"):
        own_file(path, text="body", target="label", kind=None)
    with pytest.raises(TicketsError, match="both name 'text'"):
        own_file(path, text="text", target="text", kind=None)
    with pytest.raises(TicketsError, match=r"gone\.csv"):
        own_file(tmp_path / "gone.csv", text="text", target="label", kind=None)


@pytest.mark.parametrize(
    ("columns", "named", "found"),
    [
        (("text", "category"), {}, ("text", "category")),  # banking77
        (("id", "Label", "Text"), {}, ("Text", "Label")),
        (("label", "answer", "question"), {}, ("question", "label")),
        (("Anfrage", "Antwort"), {"target": "Antwort"}, ("Anfrage", "Antwort")),
        (("Anfrage", "label"), {}, ("Anfrage", "label")),
        (("text", "reply", "note"), {"text": "note"}, ("note", "reply")),
    ],
)
def test_columns_are_found_by_their_names(
    tmp_path: Path, columns: tuple[str, ...], named: dict[str, str], found: tuple[str, str]
) -> None:
    rows = [{name: f"{name} {at % 2 if name == found[1] else at}" for name in columns} for at in range(40)]
    source = own_file(file_of(tmp_path, rows, "mine.csv"), **named)
    assert source.mapping[found[0]] == "input:ticket" and source.mapping[found[1]].startswith("field:")
    assert f"{found[0]!r} is taken as the ticket and {found[1]!r} as what is learnt" in source.remarks[0]


@pytest.mark.parametrize("columns", [("Anfrage", "Antwort"), ("text", "a", "b"), ("label", "a", "b"), ("text",)])
def test_columns_whose_names_do_not_tell_are_listed(tmp_path: Path, columns: tuple[str, ...]) -> None:
    path = file_of(tmp_path, [dict.fromkeys(columns, "x")], "mine.csv")
    with pytest.raises(TicketsError, match=f"name the columns.* are {', '.join(columns)}"):
        own_file(path)


def test_what_the_reader_guessed_is_told(tmp_path: Path) -> None:
    """A file of an office program: accents that are not UTF-8, and a column without a name."""
    path = tmp_path / "office.csv"
    rows = "".join(f"Maße von Köln {at},{'ab'[at % 2]},x\n" for at in range(40))
    path.write_bytes(f"text,label,\n{rows}".encode("cp1252"))
    guessed, unnamed, *rest = own_file(path, text="text", target="label", kind=None).remarks
    assert guessed.startswith("office.csv: The file is not UTF-8") and "read as cp1252, a guess" in guessed
    assert "Column 3 has no name" in unnamed
    assert len(rest) == 1 and "is taken as a label to choose" in rest[0]


def test_a_key_that_comes_late_is_a_column(tmp_path: Path) -> None:
    rows = [{"text": f"ticket {at}"} for at in range(150)] + [
        {"text": f"t {at}", "label": "ab"[at % 2]} for at in range(40)
    ]
    source = own_file(file_of(tmp_path, rows), text="text", target="label", kind=None)
    assert source.spec.fields[0].labels == ["a", "b"] and source.mapping["label"] == "field:label"


def test_another_column_or_kind_of_the_same_file_is_another_project(tmp_path: Path) -> None:
    rows = [{"text": f"ticket {at}", "a": "xy"[at % 2], "b": "xy"[at % 2], "c": f"{at}"} for at in range(40)]
    path = file_of(tmp_path, rows, "a very long name of an export of all support tickets of the year.csv")
    asked = [("text", "a", None), ("text", "b", None), ("text", "a", "text"), ("c", "a", None)]
    slugs = [own_file(path, text=text, target=target, kind=kind).slug for text, target, kind in asked]
    assert len(set(slugs)) == 4
    assert max(map(len, slugs)) + len("-seed-2147483647-limit-1000000000") <= 60, "an address has sixty characters"


@pytest.mark.parametrize(
    ("label", "tokens"),
    [
        ("Жалоба на качество обслуживания", 27),
        ("請求書の支払い方法の変更", 23),
        ("شكوى بشأن جودة الخدمة", 25),
        ("Kündigungsbestätigung", 11),
        ("Accounts > Password reset > Two-factor lost", 11),
        ("X7-99-QQ/0012", 15),
        ("👍🏽 great", 9),
    ],
)
def test_an_answer_has_the_tokens_that_its_longest_label_needs(tmp_path: Path, label: str, tokens: int) -> None:
    """tokens: what SmolLM2's own tokenizer makes of `label: …`, without the end token."""
    assert tokens + 1 <= source_of(tmp_path, [label, "b"]).spec.max_new_tokens <= 2 * tokens + 8


def test_texts_longer_than_an_answer_are_told(tmp_path: Path) -> None:
    rows = [{"text": f"ticket {at}", "label": f"{at} " + "word " * (20 if at % 3 else 400)} for at in range(60)]
    source = own_file(file_of(tmp_path, rows), text="text", target="label", kind=None)
    assert source.spec.max_new_tokens == 160
    assert (
        source.remarks[-1]
        == "Answers have at most 160 tokens; about 33 % of the targets are longer and cannot be met whole."
    )


@given(st.text(max_size=400))
def test_tokens_are_never_told_as_none(text: str) -> None:
    assert tokens_of(text) >= 1 and tokens_of(text + " and more of it") > tokens_of(text)


# ── the minutes ──

LOADS = st.builds(
    Load,
    own_tokens=st.floats(5, 8000),
    shared_tokens=st.integers(0, 2000),
    answer_tokens=st.integers(4, 160),
    label_tokens=st.integers(0, 3000),
    slowness=st.floats(1, 9),
)
SHORT, LONG, MANY = (
    Load(own_tokens=own, shared_tokens=20, answer_tokens=24, label_tokens=labels)
    for own, labels in ((60, 40), (5000, 40), (60, 1600))
)


@given(st.integers(plan.LEAST, 100_000), LOADS, st.booleans())
def test_the_sets_never_ask_for_more_tickets_than_there_are(tickets: int, load: Load, leave_some: bool) -> None:
    made = plan.sizes(tickets, load, leave_some=leave_some)
    assert made.test + made.validation + made.train + made.unlabelled == tickets
    assert min(made.test, made.validation, made.train) >= 2
    assert str(made.test) in plan.table(made, load, spent=20.0)


def test_long_tickets_and_many_labels_get_a_test_set_that_can_be_answered_in_time() -> None:
    short = plan.sizes(5000, SHORT, leave_some=False)
    long = plan.sizes(5000, LONG, leave_some=False)
    many = plan.sizes(5000, MANY, leave_some=False)
    assert short.test == plan.TEST and plan.LEAST_TEST <= long.test < 40 and many.test < 60
    assert "more could not be answered in the time of a demo" in plan.table(long, LONG, spent=20.0)
    assert "more could not" not in plan.table(short, SHORT, spent=20.0)


def test_a_machine_that_is_slow_today_gets_a_smaller_test_set_and_is_told_so() -> None:
    slow = replace(MANY, slowness=2.0)
    quick, made = plan.sizes(5000, MANY, leave_some=False), plan.sizes(5000, slow, leave_some=False)
    assert made.test == pytest.approx(quick.test / 2, abs=1)
    assert "2.0 times as slowly as planned" in plan.table(made, slow, spent=20.0)
    assert "as slowly" not in plan.table(quick, MANY, spent=20.0)


def test_training_takes_what_is_left_and_never_less_than_its_least() -> None:
    assert plan.training_budget(100, 60, 75) == 260
    assert plan.training_budget(300, 60, 75) == (
        plan.TOTAL_SECONDS - 300 - 60 - plan.MERGE_SECONDS - plan.SCORING_SECONDS
    )
    assert plan.training_budget(900, 60, 75) == 75


def test_long_tickets_have_fewer_shots_a_smaller_validation_set_and_a_training_worth_its_name() -> None:
    letters = Load(own_tokens=370, shared_tokens=30, answer_tokens=11, label_tokens=7, only_chosen=True)
    made = plan.sizes(300, letters, leave_some=False)
    assert (plan.shots_of(letters), plan.shots_of(SHORT)) == (1, 3)
    assert made.validation == made.test // 3 < plan.VALIDATION
    answers = made.test * (plan.baseline_seconds(letters) + plan.candidate_seconds(letters))
    least = plan.least_training(made.validation, letters)
    assert least > plan.TRAINING_SECONDS[0] == plan.least_training(20, SHORT)
    assert plan.PREPARING_SECONDS + answers + least <= plan.TOTAL_SECONDS


def test_too_few_tickets_are_told_with_their_number() -> None:
    with pytest.raises(plan.TooFew, match="there are 19"):
        plan.sizes(19, SHORT, leave_some=False)
