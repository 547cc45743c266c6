"""How several answers become one label, where fields depend on each other, are left out, or came with a file before."""

from pathlib import Path
from typing import Any

import pytest

from annotation import services
from annotation.models import Annotation, Example, HandoutSlot, Lease, ResolvedLabel
from ftplatform.accounts.actors import Actor
from ftplatform.audit.models import AuditEvent
from ftplatform.errors import Conflict, Refused
from ftplatform.projects import services as projects
from ftplatform.projects.spec import Choice, FieldCondition, InputColumn, TaskField, TaskSpec
from tests import factories

pytestmark = pytest.mark.django_db
REPLY = {"reply": "Yes"}


def conditional_task() -> TaskSpec:
    """`why` is asked for refusals only; `note` may be left out."""
    yes_no = (Choice(value="accept"), Choice(value="refuse"))
    return TaskSpec(
        inputs=(InputColumn(name="question"),),
        fields=(
            TaskField(name="verdict", kind="choice", choices=yes_no),
            TaskField(
                name="why",
                kind="choice",
                choices=(Choice(value="late"), Choice(value="unclear")),
                condition=FieldCondition(field="verdict", equals="refuse"),
            ),
            TaskField(name="note", kind="text", required=False),
        ),
        user="{question}",
        codec="json",
    )


@pytest.fixture
def example(cast: Any, run_jobs: Any, tmp_path: Path) -> Example:
    projects.revise_task(project=cast.project, spec=conditional_task(), by=cast.by)
    cast.project.refresh_from_db()
    factories.import_rows(
        cast.project, tmp_path / "t.csv", [{"question": "May I?"}], mapping={"question": "input:question"}
    )
    run_jobs()
    return Example.objects.get(project=cast.project)


def answers(cast: Any, example: Example, *given: dict[str, Any]) -> dict[str, Any]:
    """The labels after these people answered, each once, in a queue that asks all of them."""
    queue = factories.make_queue(cast.project, Example.objects.filter(pk=example.pk), overlap=len(given))
    for person, values in zip((cast.lea, cast.rev, cast.ada), given, strict=False):
        lease = services.take_lease(queue=queue, labeler=person)
        assert lease
        services.submit_annotation(lease=lease, values=values, by=Actor.of(person))
    example.refresh_from_db()
    return dict(ResolvedLabel.objects.filter(example=example).values_list("field", "value"))


def test_a_field_is_voted_on_only_where_it_is_asked(cast: Any, example: Example) -> None:
    accept, refuse = {"verdict": "accept"}, {"verdict": "refuse", "why": "late"}
    assert answers(cast, example, accept, refuse, accept) == {"verdict": "accept"}
    assert example.state == Example.State.RESOLVED


def test_reasons_that_differ_wait_for_a_person(cast: Any, example: Example) -> None:
    late, unclear = {"verdict": "refuse", "why": "late"}, {"verdict": "refuse", "why": "unclear"}
    assert answers(cast, example, late, unclear) == {}
    assert example.state == Example.State.UNRESOLVED


def test_to_leave_a_field_out_is_an_answer_too(cast: Any, example: Example) -> None:
    accept = {"verdict": "accept"}
    assert answers(cast, example, accept, accept, {**accept, "note": "odd"}) == accept
    assert example.state == Example.State.RESOLVED


def test_a_label_from_the_file_stands_until_people_settled_it(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(1))
    run_jobs()
    example = Example.objects.get(project=cast.project)
    queue = factories.make_queue(cast.project, Example.objects.filter(pk=example.pk), overlap=2)
    for person, state, basis in ((cast.lea, "resolved", "imported"), (cast.rev, "resolved", "agreed")):
        lease = services.take_lease(queue=queue, labeler=person)
        assert lease
        services.submit_annotation(lease=lease, values={"desk": "energy", **REPLY}, by=Actor.of(person))
        example.refresh_from_db()
        assert (example.state, example.resolved_labels.get(field="desk").basis) == (state, basis)
    assert Annotation.objects.filter(example=example, source="import").count() == 1


@pytest.fixture
def lease(cast: Any, run_jobs: Any, tmp_path: Path) -> Lease:
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(3, labelled=False))
    run_jobs()
    queue = factories.make_queue(cast.project, Example.objects.filter(project=cast.project).order_by("pk"))
    found = services.take_lease(queue=queue, labeler=cast.lea)
    assert found
    return found


@pytest.mark.parametrize("text", ["half \ud83d", "nul \x00"])
def test_text_that_no_database_keeps_is_told_at_its_field(cast: Any, lease: Lease, text: str) -> None:
    with pytest.raises(Refused) as refused:
        services.submit_annotation(lease=lease, values={"desk": "tax", "reply": text}, by=Actor.of(cast.lea))
    assert refused.value.errors[0].field == "reply"
    assert services.save_draft(lease=lease, draft={"reply": text}, revision=0).draft == {
        "reply": text.replace("\ud83d", "�").replace("\x00", "�")
    }
    escaped = {"desk": "tax", "reply": r"write \u0000 as it stands"}
    made = services.submit_annotation(lease=lease, values=escaped, note=text, by=Actor.of(cast.lea)).annotation
    assert made.values == escaped


def test_whoever_writes_keeps_the_ticket(cast: Any, lease: Lease) -> None:
    HandoutSlot.objects.filter(state="leased").update(leased_until="2020-01-01T00:00Z")
    services.save_draft(lease=lease, draft={"desk": "tax"}, revision=0)
    other = services.take_lease(queue=lease.queue, labeler=cast.rev)
    assert other and other.example_id != lease.example_id


def test_a_draft_after_the_submit_is_refused(cast: Any, lease: Lease) -> None:
    services.submit_annotation(lease=lease, values={"desk": "tax", **REPLY}, by=Actor.of(cast.lea))
    with pytest.raises(Conflict, match="last answers"):
        services.save_draft(lease=lease, draft={"desk": "energy"}, revision=0)


def test_what_was_given_back_does_not_count(cast: Any, lease: Lease) -> None:
    services.skip_lease(lease=lease, by=Actor.of(cast.lea))
    with pytest.raises(Conflict, match="gave this ticket back"):
        services.submit_annotation(lease=lease, values={"desk": "tax", **REPLY}, by=Actor.of(cast.lea))
    assert not Annotation.objects.exists()


def test_an_expired_ticket_far_ahead_hides_no_open_one(cast: Any, lease: Lease) -> None:
    last = HandoutSlot.objects.order_by("-position").first()
    assert last
    HandoutSlot.objects.filter(pk=last.pk).update(state="leased", leased_until="2020-01-01T00:00Z")
    expired = services.take_lease(queue=lease.queue, labeler=cast.rev)
    assert expired and expired.example_id == last.example_id
    cursor = lease.queue.cursors.get(labeler=cast.rev)
    assert cursor.position < last.position


def test_a_lease_that_was_taken_over_meanwhile_is_not_renewed(cast: Any, lease: Lease) -> None:
    HandoutSlot.objects.filter(state="leased").update(leased_until="2020-01-01T00:00Z")
    theirs = services.take_lease(queue=lease.queue, labeler=cast.rev)
    assert theirs and theirs.slot_id
    mine = services.take_lease(queue=lease.queue, labeler=cast.lea)
    assert mine and mine.pk != lease.pk and mine.example_id != theirs.example_id


def test_every_deed_of_a_labeler_is_in_the_audit_trail(cast: Any, lease: Lease) -> None:
    by = Actor.of(cast.lea)
    made = services.submit_annotation(lease=lease, values={"desk": "tax", **REPLY}, by=by).annotation
    services.submit_annotation(lease=lease, values={"desk": "tax", **REPLY}, by=by)
    following = services.take_lease(queue=lease.queue, labeler=cast.lea)
    assert following
    services.skip_lease(lease=following, by=by)
    services.revise_annotation(annotation=made, values={"desk": "energy", **REPLY}, by=by)
    verbs = AuditEvent.objects.filter(user=cast.lea).order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == ["annotation.submit", "lease.skipped", "annotation.revise"]
