"""Rows whose text is here already: left out and listed, kept, or their labels merged. And rows that share a line."""

import json
from pathlib import Path
from typing import Any

import pytest

from annotation import services
from annotation.models import (
    Annotation,
    CurrentAnswer,
    Example,
    ExampleContent,
    Import,
    ImportDuplicate,
    ImportRowError,
    ResolvedLabel,
)
from ftplatform.artifacts.services import store_file
from ftplatform.jobs.models import Job
from ftplatform.projects import counters
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

HEAD = "question,desk,reply\n"


def bring(project: Any, run_jobs: Any, path: Path, text: str, **options: Any) -> Import:
    path.write_text(text, encoding="utf-8")
    options.setdefault("mapping", factories.DESK_MAPPING)
    source = services.start_import(
        project=project, file_name=path.name, file=store_file(path), by=factories.SYSTEM, **options
    )
    run_jobs()
    source.refresh_from_db()
    return source


def counts(source: Import) -> tuple[int, int, int, int, int]:
    return (
        source.rows_total, source.rows_imported, source.rows_duplicate, source.rows_merged, source.rows_rejected
    )  # fmt: skip


def labels(example: Example) -> dict[str, Any]:
    return dict(ResolvedLabel.objects.filter(example=example).values_list("field", "value"))


def assert_counters_are_right(project: Any) -> None:
    read = {name: count for name, count in counters.read(project.pk).items() if count and not name.startswith("split:")}
    wanted = {"tickets": Example.objects.filter(project=project).count()}
    for state in Example.State.values:
        wanted[f"state:{state}"] = Example.objects.filter(project=project, state=state).count()
    assert read == {name: count for name, count in wanted.items() if count}


# ── rows that share a line ──


def test_a_json_list_on_one_line_comes_in_whole(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    rows = factories.desk_rows(5)
    source = bring(cast.project, run_jobs, tmp_path / "t.json", json.dumps(rows))
    assert counts(source) == (5, 5, 0, 0, 0)
    questions = ExampleContent.objects.order_by("example_id").values_list("inputs__question", flat=True)
    assert list(questions) == [row["question"] for row in rows]
    assert list(Example.objects.order_by("pk").values_list("row", flat=True)) == [1, 2, 3, 4, 5]
    assert source.detected["counts"] == "record"
    assert [labels(one)["reply"] for one in Example.objects.order_by("pk")] == [row["reply"] for row in rows]


def test_a_json_list_on_one_line_loses_its_duplicates_only(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    rows = factories.desk_rows(3)
    source = bring(cast.project, run_jobs, tmp_path / "t.json", json.dumps([*rows, *rows[:2]]))
    assert counts(source) == (5, 3, 2, 0, 0)


def test_a_sample_of_a_json_list_on_one_line_has_the_size_that_was_asked(
    cast: Any, run_jobs: Any, tmp_path: Path
) -> None:
    text = json.dumps(factories.desk_rows(50))
    assert counts(bring(cast.project, run_jobs, tmp_path / "t.json", text, limit=10))[1] == 10


def test_json_with_old_line_ends_comes_in_whole(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    text = json.dumps(factories.desk_rows(4), indent=1).replace("\n", "\r")
    assert counts(bring(cast.project, run_jobs, tmp_path / "t.json", text))[1] == 4
    assert list(Example.objects.order_by("pk").values_list("row", flat=True)) == [1, 2, 3, 4]


# ── what is left out ──


def test_a_skipped_row_is_listed_with_the_ticket_that_it_equals(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    bring(cast.project, run_jobs, tmp_path / "a.csv", HEAD + "Old?,tax,Yes\n")
    again = bring(cast.project, run_jobs, tmp_path / "b.csv", HEAD + "Old?,energy,No\nNew?,tax,A\nNew?,permits,B\n")
    assert counts(again) == (3, 1, 2, 0, 0)
    old, new = Example.objects.order_by("pk")
    listed = ImportDuplicate.objects.filter(source=again).order_by("row")
    assert [(one.row, one.example_id, one.labels["desk"]) for one in listed] == [
        (2, old.pk, "energy"),
        (4, new.pk, "permits"),
    ]
    assert labels(old) == {"desk": "tax", "reply": "Yes"} and labels(new) == {"desk": "tax", "reply": "A"}


# ── merging ──


def test_labels_that_come_later_are_merged_into_the_tickets(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    factories.import_rows(cast.project, tmp_path / "a.csv", factories.desk_rows(20, labelled=False))
    run_jobs()
    factories.import_rows(cast.project, tmp_path / "b.csv", factories.desk_rows(22), duplicates="merge")
    run_jobs()
    source = Import.objects.latest("pk")
    assert counts(source) == (22, 2, 20, 20, 0)
    assert Example.objects.filter(state="resolved").count() == 22
    assert Annotation.objects.filter(source="import", supersedes=None).count() == 22
    assert ResolvedLabel.objects.filter(basis="imported").count() == 44
    assert_counters_are_right(cast.project)
    factories.import_rows(cast.project, tmp_path / "c.csv", factories.desk_rows(22), duplicates="merge")
    run_jobs()
    assert counts(Import.objects.latest("pk")) == (22, 0, 22, 0, 0)  # a third time there is nothing to add
    assert Annotation.objects.count() == 22
    assert_counters_are_right(cast.project)


def test_a_merged_label_goes_on_the_chain_of_the_files_answer(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    bring(cast.project, run_jobs, tmp_path / "a.csv", HEAD + "One?,tax,\n")
    bring(cast.project, run_jobs, tmp_path / "b.csv", HEAD + "One?,,Yes\n", duplicates="merge")
    example = Example.objects.get()
    first, second = Annotation.objects.order_by("pk")
    assert second.supersedes == first and second.values == {"desk": "tax", "reply": "Yes"}
    assert CurrentAnswer.objects.get().annotation == second
    assert example.state == "resolved" and labels(example) == second.values
    assert_counters_are_right(cast.project)


def test_a_label_that_differs_is_a_row_error_that_names_ticket_and_field(
    cast: Any, run_jobs: Any, tmp_path: Path
) -> None:
    bring(cast.project, run_jobs, tmp_path / "a.csv", HEAD + "One?,tax,Yes\nTwo?,,\n")
    text = HEAD + "One?,energy,Yes\nTwo?,tax,A\n"
    refused = bring(cast.project, run_jobs, tmp_path / "b.csv", text, duplicates="merge")
    one, two = Example.objects.order_by("pk")
    assert refused.job and refused.job.state == Job.State.FAILED and refused.finished_at is None
    assert labels(two) == {}  # all or nothing
    kept = bring(cast.project, run_jobs, tmp_path / "b.csv", text, duplicates="merge", keep_good_rows=True)
    assert counts(kept) == (2, 0, 1, 1, 1)
    error = ImportRowError.objects.get(source=kept)
    assert (error.row, error.field, error.raw["desk"]) == (2, "desk", "energy")
    assert f"ticket {one.pk}" in error.message and "'tax'" in error.message and "'energy'" in error.message
    assert labels(one) == {"desk": "tax", "reply": "Yes"} and labels(two) == {"desk": "tax", "reply": "A"}
    assert_counters_are_right(cast.project)


def test_a_label_that_differs_names_the_record_of_a_json_list(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    rows = [{"question": "One?", "desk": desk, "reply": ""} for desk in ("tax", "", "energy")]
    bring(cast.project, run_jobs, tmp_path / "t.json", json.dumps(rows), duplicates="merge", keep_good_rows=True)
    error = ImportRowError.objects.get()
    assert (error.row, error.field) == (3, "desk") and "in record 1," in error.message


def test_rows_of_one_text_within_a_file_are_merged_too(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    text = HEAD + "One?,tax,\nTwo?,,\nOne?,,Yes\nTwo?,energy,\nOne?,energy,\n"
    source = bring(cast.project, run_jobs, tmp_path / "t.csv", text, duplicates="merge", keep_good_rows=True)
    assert counts(source) == (5, 2, 2, 2, 1)
    one, two = Example.objects.order_by("pk")
    assert labels(one) == {"desk": "tax", "reply": "Yes"} and one.state == "resolved"
    assert labels(two) == {"desk": "energy"} and two.state == "labelled"
    assert Annotation.objects.count() == 2
    error = ImportRowError.objects.get()
    assert (error.row, error.field) == (6, "desk") and "line 2" in error.message
    assert_counters_are_right(cast.project)


def test_merging_changes_no_label_of_the_test_set(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    factories.import_rows(cast.project, tmp_path / "a.csv", factories.desk_rows(20))
    run_jobs()
    services.freeze_evaluation_set(project=cast.project, size=6, stratify="desk", by=factories.SYSTEM)
    measured = Example.objects.filter(split="test").order_by("pk")[0]
    ResolvedLabel.objects.filter(example=measured, field="reply").delete()  # as if the field had been optional
    before = labels(measured)
    text = HEAD + f'"{measured.content.inputs["question"]}",{before["desk"]},New reply\n'
    source = bring(cast.project, run_jobs, tmp_path / "b.csv", text, duplicates="merge")
    assert source.job and source.job.state == Job.State.FAILED
    assert "test set" in ImportRowError.objects.get().message
    measured.refresh_from_db()
    assert labels(measured) == before and measured.split == "test"
    harmless = HEAD + f'"{measured.content.inputs["question"]}",{before["desk"]},\n'
    assert counts(bring(cast.project, run_jobs, tmp_path / "c.csv", harmless, duplicates="merge")) == (1, 0, 1, 0, 0)


def test_people_who_disagree_still_wait_for_a_review_after_a_merge(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    bring(cast.project, run_jobs, tmp_path / "a.csv", HEAD + "One?,,\n")
    Example.objects.update(state="unresolved")
    counters.add(cast.project.pk, "state:new", -1)
    counters.add(cast.project.pk, "state:unresolved", 1)
    bring(cast.project, run_jobs, tmp_path / "b.csv", HEAD + "One?,tax,Yes\n", duplicates="merge")
    assert Example.objects.get().state == "unresolved" and labels(Example.objects.get())["desk"] == "tax"
    assert_counters_are_right(cast.project)


def test_an_erased_ticket_is_given_no_labels(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    from django.utils import timezone

    bring(cast.project, run_jobs, tmp_path / "a.csv", HEAD + "One?,,\n")
    Example.objects.update(erased_at=timezone.now())
    source = bring(cast.project, run_jobs, tmp_path / "b.csv", HEAD + "One?,tax,Yes\n", duplicates="merge")
    assert counts(source) == (1, 0, 1, 0, 0) and not Annotation.objects.exists()


# ── nothing to import ──


def test_a_file_without_rows_fails_and_says_so(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    source = bring(cast.project, run_jobs, tmp_path / "t.csv", HEAD)
    assert source.job and (source.job.state, source.job.error_code) == (Job.State.FAILED, "no-rows")


def test_keeping_good_rows_fails_where_there_are_none(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    source = bring(cast.project, run_jobs, tmp_path / "t.csv", HEAD + "One?,fees,No\n", keep_good_rows=True)
    assert source.job and source.job.state == Job.State.FAILED and "None of 1 rows" in source.job.error
    assert ImportRowError.objects.filter(source=source).count() == 1


# ── columns that come late ──


def test_a_key_that_first_appears_in_row_121_is_a_column_all_the_same(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    rows = [{"question": f"Question {at}?"} | ({"desk": "tax"} if at >= 120 else {}) for at in range(130)]
    text = "\n".join(json.dumps(row) for row in rows)
    path = tmp_path / "t.jsonl"
    mapping = {"question": "input:question", "desk": "field:desk"}
    source = bring(cast.project, run_jobs, path, text, mapping=mapping)
    assert counts(source) == (130, 130, 0, 0, 0)
    assert Example.objects.filter(state="labelled").count() == 10
    assert cast.project.task_revision
    columns = services.inspect_file(path, cast.project.task_revision.spec).columns
    assert [(column.name, column.suggested, column.filled) for column in columns] == [
        ("question", "input:question", 130),
        ("desk", "field:desk", 10),
    ]


def test_a_mapped_key_that_no_object_has_stops_the_import(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    mapping = {"question": "input:question", "dsek": "field:desk"}
    source = bring(cast.project, run_jobs, tmp_path / "t.jsonl", '{"question": "One?"}\n', mapping=mapping)
    assert source.job and source.job.error_code == "missing-column" and "'dsek'" in source.job.error
    assert not Example.objects.exists()
