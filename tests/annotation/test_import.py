"""Imports through the job that runs them: what is refused, what is kept, and that nothing is ever half in."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from annotation import locks, services
from annotation.models import Annotation, Example, ExampleContent, Import, ImportRowError
from ftplatform.artifacts.services import store_file
from ftplatform.errors import Conflict, Refused
from ftplatform.jobs.context import JobContext
from ftplatform.jobs.models import Job
from ftplatform.projects import counters
from ftplatform.projects import services as projects
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def start(project: Any, path: Path, data: bytes, **options: Any) -> Import:
    path.write_bytes(data)
    options.setdefault("mapping", factories.DESK_MAPPING)
    return services.start_import(
        project=project, file_name=path.name, file=store_file(path), by=factories.SYSTEM, **options
    )


HEAD = b"question,desk,reply\n"
GOOD = b"Good?,tax,Yes\n"


@pytest.mark.parametrize(
    "row,reason",
    [
        (b"a\x00b,tax,Yes\n", "NUL"),
        (b"a,tax\n", "columns"),
        (b"a,tax,Yes,more\n", "columns"),
        (b",tax,Yes\n", "question is required"),
        (b"a,fees,Yes\n", "not a choice"),
        (b'"a,tax,Yes\n', "quote"),
        (b"a" * 100_001 + b",tax,Yes\n", "characters"),
        (b'a,tax,"two\ndesk: tax"\n', ""),
    ],
)
def test_a_bad_row_is_kept_with_its_reason_and_the_good_ones_come_in(
    cast: Any, run_jobs: Any, tmp_path: Path, row: bytes, reason: str
) -> None:
    source = start(cast.project, tmp_path / "t.csv", HEAD + GOOD + row, keep_good_rows=True)
    run_jobs()
    source.refresh_from_db()
    if not reason:  # several lines in the last field are no fault
        assert source.rows_imported == 2
        return
    assert (source.rows_imported, source.rows_rejected) == (1, 1)
    error = ImportRowError.objects.get(source=source)
    assert error.row == 3 and reason in error.message
    assert error.raw


def test_all_or_nothing_leaves_no_trace_but_the_reasons(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    source = start(cast.project, tmp_path / "t.csv", HEAD + GOOD * 3 + b"x,fees,no\n")
    [job] = run_jobs()
    assert job.state == Job.State.FAILED and "keep the good rows" in job.error
    for model in (Example, ExampleContent, Annotation):
        assert not model.objects.exists()
    assert counters.read(cast.project.pk) == {}
    source.refresh_from_db()
    assert (source.rows_total, source.rows_rejected, source.finished_at) == (4, 1, None)


def test_duplicates_in_the_file_and_of_what_is_here_are_skipped_or_kept(
    cast: Any, run_jobs: Any, tmp_path: Path
) -> None:
    start(cast.project, tmp_path / "a.csv", HEAD + GOOD + b"Other?,tax,Yes\n")
    run_jobs()
    again = start(cast.project, tmp_path / "b.csv", HEAD + GOOD + b"New?,tax,A\nNew?,tax,B\n")
    run_jobs()
    again.refresh_from_db()
    assert (again.rows_imported, again.rows_duplicate) == (1, 2)
    kept = start(cast.project, tmp_path / "c.csv", HEAD + GOOD * 2, duplicates="keep")
    run_jobs()
    kept.refresh_from_db()
    assert kept.rows_imported == 2
    assert counters.read(cast.project.pk)["tickets"] == Example.objects.count() == 5


def test_two_imports_of_one_file_at_once_import_it_once(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    from ftplatform.jobs import supervisor

    data = HEAD + b"".join(b"Question %d?,tax,Yes\n" % at for at in range(300))
    jobs = [start(cast.project, tmp_path / f"{at}.csv", data).job_id for at in range(2)]

    def work(job: int) -> None:
        supervisor.run(job)
        connection.close()

    threads = [threading.Thread(target=work, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Example.objects.count() == 300
    assert sorted(Import.objects.values_list("rows_duplicate", flat=True)) == [0, 300]


def test_a_job_that_is_run_again_after_it_ended_imports_nothing_twice(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    source = start(cast.project, tmp_path / "t.csv", HEAD + GOOD)
    run_jobs()
    Job.objects.filter(pk=source.job_id).update(state=Job.State.QUEUED, finished_at=None)
    [job] = run_jobs()
    assert job.state == Job.State.SUCCEEDED and Example.objects.count() == 1


def test_a_sample_keeps_the_shares_and_its_seed_draws_the_same(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    drawn = []
    for project in (cast.project, cast.other):
        factories.import_rows(project, tmp_path / "t.csv", factories.desk_rows(90), limit=30, seed=7)
        run_jobs()
        drawn.append(
            sorted(ExampleContent.objects.filter(example__project=project).values_list("inputs__question", flat=True))
        )
    assert drawn[0] == drawn[1] and len(drawn[0]) == 30
    desks = [
        one["desk"] for one in Annotation.objects.filter(example__project=cast.project).values_list("values", flat=True)
    ]
    assert {desk: desks.count(desk) for desk in set(desks)} == {"permits": 10, "tax": 10, "energy": 10}


def test_group_date_and_raw_columns(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    data = (
        "id;Frage;wann;wer\n1;Darf ich?;2026-03-02T14:07;M\n1;Und jetzt?;2026-03-03;J\n2;Aha?;31.02.2026;J\n"
    ).encode("utf-8-sig")
    mapping = {"id": "group", "Frage": "input:question", "wann": "occurred_at", "wer": "raw"}
    start(cast.project, tmp_path / "t.csv", data, mapping=mapping, keep_good_rows=True)
    run_jobs()
    first, second = Example.objects.order_by("pk")
    assert first.group_key == second.group_key != first.prompt_hash
    assert first.occurred_at and first.occurred_at.hour == 14
    assert first.content.raw == {"id": "1", "Frage": "Darf ich?", "wann": "2026-03-02T14:07", "wer": "M"}
    assert ImportRowError.objects.get().field == "wann"
    assert first.state == Example.State.NEW


def test_a_half_labelled_row_waits_for_a_person(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    start(cast.project, tmp_path / "t.csv", HEAD + b"One?, TAX ,\nTwo?,,\n")
    run_jobs()
    states = list(Example.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["labelled", "new"]
    assert Annotation.objects.get().values == {"desk": "tax"}


@pytest.mark.parametrize("name,data", [
    ("t.jsonl", b'{"question": "One?", "desk": "tax", "reply": "Yes"}\n'),
    ("t.json", b'[{"question": "One?", "desk": "tax", "reply": "Yes"}]'),
    ("t.csv", "question;desk;reply\nOne?;tax;Yes\n".encode("utf-16")),
])  # fmt: skip
def test_other_formats_come_in_the_same(cast: Any, run_jobs: Any, tmp_path: Path, name: str, data: bytes) -> None:
    start(cast.project, tmp_path / name, data)
    run_jobs()
    assert Example.objects.get().content.inputs == {"question": "One?"}


def test_mappings_that_cannot_be_used_are_refused_before_any_work(cast: Any, tmp_path: Path) -> None:
    for mapping, field in (
        ({"desk": "field:desk"}, "input:question"),
        ({"a": "input:question", "b": "input:question"}, "b"),
        ({"a": "input:question", "b": "field:fee"}, "b"),
        ({"a": "input:question", "b": "nonsense"}, "b"),
    ):
        with pytest.raises(Refused) as refused:
            start(cast.project, tmp_path / "t.csv", HEAD + GOOD, mapping=mapping)
        assert field in [error.field for error in refused.value.errors]
    assert not Job.objects.exists()


def test_a_column_that_the_file_lacks_stops_the_import_with_its_name(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    start(cast.project, tmp_path / "t.csv", HEAD + GOOD, mapping={"query": "input:question"})
    [job] = run_jobs()
    assert job.error_code == "missing-column" and "'query'" in job.error and "desk" in job.error


def test_the_command_starts_the_same_import(cast: Any, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"ask,desk,reply\nOne?,tax,Yes\n")
    call_command("import_tickets", cast.project.slug, str(path), "--map", "ask=input:question", "--no-wait", "--json")
    told = json.loads(capsys.readouterr().out)
    source = Import.objects.get()
    assert told["id"] == source.pk
    assert source.mapping == {"ask": "input:question", "desk": "field:desk", "reply": "field:reply"}
    for arguments, message in (
        ((cast.project.slug, "/nowhere.csv"), "not there"),
        (("no-project", str(path)), "building-questions"),
        ((cast.project.slug, str(path), "--map", "x=raw"), "ask, desk, reply"),
    ):
        with pytest.raises(CommandError, match=message):
            call_command("import_tickets", *arguments)


def test_the_project_is_free_while_a_file_is_read(
    cast: Any, run_jobs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    tell = JobContext.progress

    def held_now() -> int:
        """On a connection of its own: the import's is in the middle of a COPY."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database AND datname = current_database() "
                    "WHERE locktype = 'advisory' AND classid = ANY(%s)",
                    [[locks.TICKETS, locks.TASK]],
                )
                return int(cursor.fetchone()[0])
        finally:
            connection.close()

    def looked(context: JobContext, *told: Any, **more: Any) -> None:
        with ThreadPoolExecutor(1) as beside:
            held.append(beside.submit(held_now).result())
        tell(context, *told, **more)

    monkeypatch.setattr(JobContext, "progress", looked)
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(2500))
    run_jobs()
    assert held == [0, 0] and Example.objects.count() == 2500


def test_who_would_wait_for_an_import_is_told_instead(cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE_MS", 50)
    told: list[Conflict] = []

    def ask() -> None:
        spec = factories.desk_task().model_copy(update={"guidelines": "New."})
        for change in (
            lambda: projects.revise_task(project=cast.project, spec=spec, by=cast.by),
            lambda: factories.make_queue(cast.project, Example.objects.filter(project=cast.project)),
        ):
            try:
                change()
            except Conflict as conflict:
                told.append(conflict)
        connection.close()

    with transaction.atomic():
        locks.share_task(cast.project.pk)
        locks.wait_for_tickets(cast.project.pk)
        waiting = threading.Thread(target=ask)
        waiting.start()
        waiting.join()
    assert [one.code for one in told] == ["project-busy"] * 2


def test_a_task_that_changed_while_the_file_was_read_refuses_the_import(
    cast: Any, run_jobs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = JobContext.progress

    def changed(context: JobContext, *told: Any, **more: Any) -> None:
        def revise() -> None:
            spec = factories.desk_task().model_copy(update={"guidelines": "New."})
            projects.revise_task(project=cast.project, spec=spec, by=cast.by)
            connection.close()

        thread = threading.Thread(target=revise)
        thread.start()
        thread.join()
        tell(context, *told, **more)

    monkeypatch.setattr(JobContext, "progress", changed)
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(1000))
    [job] = run_jobs()
    assert job.error_code == "other-task" and not Example.objects.exists()
