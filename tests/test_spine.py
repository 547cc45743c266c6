"""The spine of the product through its services, on real PostgreSQL: import, sets, freeze, hand-out, the lock."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from annotation import services as annotation
from annotation.models import Annotation, DatasetVersion, Example, ImportRowError, Lease
from ftplatform.accounts.actors import Actor
from ftplatform.errors import Conflict, Refused
from ftplatform.jobs.models import Job
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_import_becomes_tickets_with_their_labels(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    source = factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(30))
    [job] = run_jobs()
    source.refresh_from_db()
    assert (job.state, source.rows_imported, source.rows_rejected) == (Job.State.SUCCEEDED, 30, 0)
    example = Example.objects.filter(project=cast.project).earliest("pk")
    assert example.state == Example.State.RESOLVED
    assert {label.field: label.value for label in example.resolved_labels.all()}["desk"] == "permits"


def test_nothing_is_imported_while_a_row_has_an_error(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    rows = factories.desk_rows(10)
    rows[4]["desk"] = "fees"
    source = factories.import_rows(cast.project, tmp_path / "tickets.csv", rows)
    [job] = run_jobs()
    assert job.state == Job.State.FAILED
    assert "row 6" in job.error and "fees" in job.error
    assert not Example.objects.filter(project=cast.project).exists()
    error = ImportRowError.objects.get(source=source)
    assert (error.row, error.field) == (6, "desk")
    assert error.raw["desk"] == "fees"


def test_good_rows_are_kept_when_asked_and_duplicates_skipped(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    rows = factories.desk_rows(10)
    rows[4]["desk"] = "fees"
    rows.append(dict(rows[0]))
    source = factories.import_rows(cast.project, tmp_path / "tickets.csv", rows, keep_good_rows=True)
    run_jobs()
    source.refresh_from_db()
    assert (source.rows_total, source.rows_imported, source.rows_rejected, source.rows_duplicate) == (11, 9, 1, 1)


def test_no_ticket_of_the_test_set_or_its_groups_is_trained_on(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(60))
    run_jobs()
    evaluation_set, training_set = factories.make_sets(cast.project)
    held = set(evaluation_set.items.values_list("prompt_hash", flat=True))
    assert not held & set(training_set.items.values_list("prompt_hash", flat=True))
    items = [
        annotation.ItemDraft(
            split="train",
            inputs=one.content["inputs"],
            values=one.content["values"],
            group_key="another",
            prompt_hash=one.prompt_hash,
        )
        for one in evaluation_set.items.all()[:1]
    ]
    with pytest.raises(Refused, match="the same question"):
        annotation.freeze_dataset(
            project=cast.project,
            kind=DatasetVersion.Kind.SFT,
            task_revision=cast.project.task_revision,
            items=items,
            evaluation_set=evaluation_set,
            by=cast.by,
        )


def test_the_same_content_is_the_same_version(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(60))
    run_jobs()
    evaluation_set, training_set = factories.make_sets(cast.project)
    again = annotation.freeze_training_set(project=cast.project, evaluation_set=evaluation_set, by=cast.by)
    assert again == training_set


def test_two_tabs_share_a_ticket_and_two_submits_count_once(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(5, labelled=False))
    run_jobs()
    queue = annotation.open_queue(project=cast.project, name="q", examples=Example.objects.order_by("pk"), by=cast.by)
    lease, same = (annotation.take_lease(queue=queue, labeler=cast.lea) for _ in range(2))
    assert lease and same and lease.pk == same.pk
    by = Actor.of(cast.lea)
    values = {"desk": "tax", "reply": "Yes."}
    first = annotation.submit_annotation(lease=lease, values=values, by=by).annotation
    assert annotation.submit_annotation(lease=lease, values=values, by=by).annotation == first
    with pytest.raises(Conflict, match="already"):
        annotation.submit_annotation(lease=lease, values={**values, "desk": "energy"}, by=by)
    assert Annotation.objects.filter(source="human").count() == 1
    following = annotation.take_lease(queue=queue, labeler=cast.lea)
    assert following and following.example_id != lease.example_id


def test_a_skipped_ticket_goes_to_somebody_else(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(1, labelled=False))
    run_jobs()
    queue = annotation.open_queue(project=cast.project, name="q", examples=Example.objects.all(), by=cast.by)
    lease = annotation.take_lease(queue=queue, labeler=cast.lea)
    assert lease
    annotation.skip_lease(lease=lease, reason="not mine", by=Actor.of(cast.lea))
    assert annotation.take_lease(queue=queue, labeler=cast.lea) is None
    other = annotation.take_lease(queue=queue, labeler=cast.rev)
    assert other and other.example_id == lease.example_id


def test_work_on_a_ticket_that_went_to_another_is_kept_as_a_draft(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(1, labelled=False))
    run_jobs()
    queue = annotation.open_queue(project=cast.project, name="q", examples=Example.objects.all(), by=cast.by)
    lease = annotation.take_lease(queue=queue, labeler=cast.lea)
    assert lease and lease.slot
    type(lease.slot).objects.update(leased_until="2020-01-01T00:00:00Z")
    taken = annotation.take_lease(queue=queue, labeler=cast.rev)
    assert taken and taken.example_id == lease.example_id
    with pytest.raises(Conflict, match="kept as a draft"):
        annotation.submit_annotation(lease=lease, values={"desk": "tax", "reply": "Mine."}, by=Actor.of(cast.lea))
    lease.refresh_from_db()
    assert lease.state == Lease.State.LOST
    assert lease.draft == {"desk": "tax", "reply": "Mine."}


def test_annotations_cannot_be_changed_in_place(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    factories.import_rows(cast.project, tmp_path / "tickets.csv", factories.desk_rows(3))
    run_jobs()
    for statement in ("UPDATE annotation_annotation SET values = '{}'", "DELETE FROM annotation_annotation"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
