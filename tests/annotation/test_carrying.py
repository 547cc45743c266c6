"""A new task revision under answers that stand already: refused with counts, or carried over by renames."""

from pathlib import Path
from typing import Any

import pytest

from annotation import selectors, services
from annotation.models import Annotation, CurrentAnswer, DatasetVersion, Example, ResolvedLabel, Suggestion
from ftplatform.accounts.actors import Actor
from ftplatform.audit.models import AuditEvent
from ftplatform.errors import Conflict, Refused
from ftplatform.projects import services as projects
from ftplatform.projects.models import TaskRevision
from ftplatform.projects.spec import Choice, TaskField, TaskSpec
from tests import factories

pytestmark = pytest.mark.django_db


def with_desks(*desks: str, **more: Any) -> TaskSpec:
    task = factories.desk_task()
    desk = task.fields[0].model_copy(update={"choices": tuple(Choice(value=one) for one in desks)})
    return task.model_copy(update={"fields": (desk, *task.fields[1:]), **more})


LICENCES = with_desks("licences", "tax", "energy")


def revise(cast: Any, spec: TaskSpec, **more: Any) -> TaskRevision:
    made = projects.revise_task(project=cast.project, spec=spec, by=cast.by, **more)
    cast.project.refresh_from_db()
    return made


@pytest.fixture
def tickets(cast: Any, run_jobs: Any, tmp_path: Path) -> Any:
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(12))
    run_jobs()
    return Example.objects.filter(project=cast.project).order_by("pk")


def test_a_task_that_drops_a_label_is_refused_with_counts(cast: Any, tickets: Any) -> None:
    with pytest.raises(Conflict, match="permits") as conflict:
        revise(cast, LICENCES)
    assert conflict.value.data["broken"] == [
        {"what": what, "field": "desk", "label": "permits", "count": 4} for what in ("answers", "settled labels")
    ]
    assert TaskRevision.objects.filter(project=cast.project).count() == 1


def test_renames_carry_answers_and_labels_over(cast: Any, tickets: Any) -> None:
    before = Annotation.objects.count()
    Suggestion.objects.create(example=tickets[0], field="desk", value="permits", source="model-version:1")
    revision = revise(cast, LICENCES, renames={"desk": {"permits": "licences"}})
    assert Annotation.objects.count() == before + 4
    for one in Annotation.objects.filter(task_revision=revision):
        assert one.supersedes and one.supersedes.values["desk"] == "permits" and one.values["desk"] == "licences"
        assert (one.author, one.source) == (one.supersedes.author, one.supersedes.source)
        assert one.current_answer
        label = ResolvedLabel.objects.get(example=one.example, field="desk")
        assert (label.value, label.task_revision, label.annotation) == ("licences", revision, one)
    assert not ResolvedLabel.objects.filter(value="permits").exists()
    assert not CurrentAnswer.objects.filter(annotation__values__desk="permits").exists()
    assert Suggestion.objects.get().value == "licences"
    event = AuditEvent.objects.filter(verb="task.revise").latest("pk")
    assert event.data["carried"] == {"answers": 4, "labels": 4}
    version = services.freeze_evaluation_set(project=cast.project, size=12, stratify="desk", by=cast.by)
    assert set(version.card["labels"]["desk"]) == {"licences", "tax", "energy"}


def test_two_labels_can_change_places_and_two_become_one(cast: Any, tickets: Any) -> None:
    desks = [label.value for label in ResolvedLabel.objects.filter(field="desk").order_by("example")]
    swap = {"permits": "tax", "tax": "permits"}
    revise(cast, with_desks("tax", "permits", "energy", system="Swapped."), renames={"desk": swap})
    now = [label.value for label in ResolvedLabel.objects.filter(field="desk").order_by("example")]
    assert now == [swap.get(desk, desk) for desk in desks]
    revise(cast, with_desks("office", "energy"), renames={"desk": {"permits": "office", "tax": "office"}})
    assert ResolvedLabel.objects.filter(value="office").count() == 8


def test_people_who_differed_agree_once_their_labels_are_one(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(1, labelled=False))
    run_jobs()
    queue = factories.make_queue(cast.project, Example.objects.filter(project=cast.project), overlap=2)
    for who, desk in ((cast.lea, "tax"), (cast.rev, "permits")):
        lease = services.take_lease(queue=queue, labeler=who)
        assert lease
        services.submit_annotation(lease=lease, values={"desk": desk, "reply": "Same"}, by=Actor.of(who))
    assert Example.objects.get().state == "unresolved"
    revise(cast, with_desks("office", "energy"), renames={"desk": {"permits": "office", "tax": "office"}})
    assert Example.objects.get().state == "resolved"
    assert ResolvedLabel.objects.get(field="desk").value == "office"


@pytest.mark.parametrize("renames", [{"desk": {"fees": "tax"}}, {"desk": {"permits": "fees"}}, {"nothing": {"a": "b"}}])
def test_renames_that_name_no_label_are_refused_at_their_place(cast: Any, tickets: Any, renames: Any) -> None:
    with pytest.raises(Refused, match="nothing was changed") as refused:
        revise(cast, LICENCES, renames=renames)
    assert refused.value.errors[0].field.startswith("renames.")


def test_fields_that_answers_have_stay_and_new_ones_may_be_left_out(cast: Any, tickets: Any) -> None:
    task = factories.desk_task()
    with pytest.raises(Conflict, match=r"reply"):
        revise(cast, task.model_copy(update={"fields": task.fields[:1]}))
    mood = TaskField(name="mood", kind="text")
    with pytest.raises(Conflict, match=r"12 answers \(mood\)"):
        revise(cast, task.model_copy(update={"fields": (*task.fields, mood)}))
    optional = mood.model_copy(update={"required": False})
    revise(cast, task.model_copy(update={"fields": (task.fields[0], optional, task.fields[1])}))


def test_a_new_prompt_moves_queues_and_leases_to_the_new_task(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets)
    lease, later = (
        services.take_lease(queue=queue, labeler=cast.lea),
        services.take_lease(queue=queue, labeler=cast.rev),
    )
    assert lease and later
    first = services.submit_annotation(
        lease=lease, values={"desk": "tax", "reply": "a"}, by=Actor.of(cast.lea)
    ).annotation
    revision = revise(cast, LICENCES, renames={"desk": {"permits": "licences"}})
    with pytest.raises(Refused, match="not a choice"):
        services.submit_annotation(lease=later, values={"desk": "permits", "reply": "b"}, by=Actor.of(cast.rev))
    made = services.submit_annotation(
        lease=later, values={"desk": "licences", "reply": "b"}, by=Actor.of(cast.rev)
    ).annotation
    changed = services.revise_annotation(
        annotation=first, values={"desk": "licences", "reply": "c"}, by=Actor.of(cast.lea)
    )
    assert made.task_revision == changed.task_revision == revision


@pytest.mark.parametrize("label", ["<unk>", "a <|im_end|> b"])
def test_a_label_that_no_model_could_answer_is_refused_in_the_task(cast: Any, label: str) -> None:
    with pytest.raises(Refused, match="control token"):
        revise(cast, with_desks(label, "tax"))


def test_a_reference_is_what_the_model_is_taught(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    rows = [{"question": f"Q {word}?", "desk": "tax", "reply": f"Use </s> to end {word}."} for word in ("this", "that")]
    factories.import_rows(cast.project, tmp_path / "t.csv", rows)
    run_jobs()
    version: DatasetVersion = services.freeze_evaluation_set(project=cast.project, size=2, by=cast.by)
    for item in version.items.all():
        assert item.content["values"]["reply"].startswith("Use < /s> to end")
        assert item.content["completion"] == f"desk: tax\nreply: {item.content['values']['reply']}"
    assert version.card["neutralised"] == 2
    assert selectors.changed_labels(version) == 0
    annotation = services.adjudicate(
        example=version.items.all()[0].example, values={"desk": "tax", "reply": "</s>"}, by=cast.by
    )
    assert annotation.pk and selectors.changed_labels(version) == 1


def test_the_api_takes_renames_and_tells_what_they_miss(cast: Any, tickets: Any) -> None:
    address = f"/api/v1/projects/{cast.project.slug}/task-revisions/"
    client, task = cast.client("ada"), LICENCES.model_dump(mode="json")
    refused = client.post(address, {"content": task}, content_type="application/json")
    assert refused.status_code == 409 and refused.json()["broken"][0]["count"] == 4
    bad = client.post(address, {"content": task, "renames": {"desk": 3}}, content_type="application/json")
    assert bad.status_code == 400
    body = {"content": task, "renames": {"desk": {"permits": "licences"}}}
    assert client.post(address, body, content_type="application/json").status_code == 201


def test_a_label_with_a_comma_wants_the_json_codec(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    parts = TaskField(name="parts", kind="multi", choices=(Choice(value="Roof, facade"), Choice(value="Cellar")))
    task = factories.desk_task().model_copy(update={"fields": (parts,)})
    with pytest.raises(Refused, match="comma"):
        revise(cast, task)
    revise(cast, task.model_copy(update={"codec": "json"}))
    rows = [{"question": "What is damp?", "parts": '["Roof, facade", "Cellar"]'}]
    mapping = {"question": "input:question", "parts": "field:parts"}
    factories.import_rows(cast.project, tmp_path / "t.csv", rows, mapping=mapping)
    [job] = run_jobs()
    assert job.error == "" and Annotation.objects.get().values == {"parts": ["Roof, facade", "Cellar"]}


@pytest.mark.parametrize("metric,accepted", [("nonsense", False), ("rougeL", False), ("mcc", True)])
def test_a_metric_that_cannot_score_the_field_is_refused_with_the_task(cast: Any, metric: str, accepted: bool) -> None:
    task = factories.desk_task()
    desk = task.fields[0].model_copy(update={"primary_metric": metric})
    changed = task.model_copy(update={"fields": (desk, *task.fields[1:])})
    if accepted:
        assert revise(cast, changed).spec.field_named("desk").primary_metric == metric
        return
    with pytest.raises(Refused, match=f"cannot be scored by '{metric}'") as refused:
        revise(cast, changed)
    assert "accuracy" in refused.value.message


# ── inputs ──


@pytest.fixture
def two_inputs(cast: Any, run_jobs: Any, tmp_path: Path) -> Any:
    """Twelve tickets of two products with the same four questions, asked with product and question."""
    task = factories.desk_task()
    product = task.inputs[0].model_copy(update={"name": "product", "title": ""})
    revise(cast, task.model_copy(update={"inputs": (product, *task.inputs), "user": "{product}: {question}"}))
    rows = [
        {**row, "product": product, "question": f"Question {at}?"}
        for product in ("roof", "floor")
        for at, row in enumerate(factories.desk_rows(4))
    ]
    factories.import_rows(
        cast.project, tmp_path / "t.csv", rows, mapping={**factories.DESK_MAPPING, "product": "input:product"}
    )
    run_jobs()
    return Example.objects.filter(project=cast.project).order_by("pk")


def test_an_input_that_the_tickets_lack_is_refused_with_their_number(cast: Any, two_inputs: Any) -> None:
    task = cast.project.task_revision.spec
    renamed = task.inputs[1].model_copy(update={"name": "ticket"})
    spec = task.model_copy(update={"inputs": (task.inputs[0], renamed), "user": "{product}: {ticket}"})
    with pytest.raises(Conflict, match="8 tickets without this input") as conflict:
        revise(cast, spec)
    assert conflict.value.data["broken"][0] == {
        "what": "tickets without this input", "field": "ticket", "label": "", "count": 8,
    }  # fmt: skip


def test_tickets_that_ask_the_same_under_the_new_prompt_are_told_by_the_same_hash(cast: Any, two_inputs: Any) -> None:
    assert len(set(two_inputs.values_list("prompt_hash", flat=True))) == 8
    groups = dict(two_inputs.values_list("pk", "group_key"))
    revision = revise(cast, cast.project.task_revision.spec.model_copy(update={"user": "{question}"}))
    assert len(set(two_inputs.values_list("prompt_hash", flat=True))) == 4
    assert all(row.group_key == row.prompt_hash for row in two_inputs)
    event = AuditEvent.objects.get(verb="task.revise", object_id=str(revision.pk))
    assert event.data["carried"] == {"prompts": 8}
    revise(cast, cast.project.task_revision.spec.model_copy(update={"user": "{product}: {question}"}))
    assert dict(two_inputs.values_list("pk", "group_key")) == groups
