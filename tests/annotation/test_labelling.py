"""What a submit, a draft, a revision and a review do, and how answers become the label that counts."""

import threading
import time
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from annotation import selectors, services
from annotation.models import Annotation, CurrentAnswer, Example, ExampleContent, HandoutSlot, Lease, ResolvedLabel
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import User
from ftplatform.errors import Conflict, Refused
from ftplatform.projects import counters
from tests import factories
from tests.waiting import somebody_waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tickets(cast: Any, run_jobs: Any, tmp_path: Any) -> Any:
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(6, labelled=False))
    run_jobs()
    return Example.objects.filter(project=cast.project).order_by("pk")


def answer(queue: Any, who: User, desk: str, reply: str = "Yes", **more: Any) -> Annotation:
    lease = services.take_lease(queue=queue, labeler=who)
    assert lease
    values = {"desk": desk, "reply": reply}
    return services.submit_annotation(lease=lease, values=values, by=Actor.of(who), **more).annotation


def labels(example: Example) -> dict[str, Any]:
    return {one.field: one.value for one in ResolvedLabel.objects.filter(example=example)}


def test_one_answer_resolves_a_ticket_that_asks_for_one(cast: Any, tickets: Any) -> None:
    made = answer(factories.make_queue(cast.project, tickets), cast.lea, "tax", seconds=4.5, note="  odd\x00 ")
    example = Example.objects.get(pk=made.example_id)
    assert (example.state, example.answers, labels(example)) == ("resolved", 1, {"desk": "tax", "reply": "Yes"})
    assert (made.seconds, made.note) == (4.5, "odd�")
    read = counters.read(cast.project.pk)
    assert (read["state:resolved"], read["state:new"]) == (1, 5)


def test_the_same_submit_again_is_the_same_annotation_and_other_values_are_pointed_to_a_revision(
    cast: Any, tickets: Any
) -> None:
    queue = factories.make_queue(cast.project, tickets)
    made = answer(queue, cast.lea, "tax")
    assert made.lease
    again = services.submit_annotation(lease=made.lease, values=made.values, by=Actor.of(cast.lea))
    assert (again.annotation.pk, again.is_new) == (made.pk, False)
    with pytest.raises(Conflict, match="last answers"):
        services.submit_annotation(lease=made.lease, values={"desk": "energy", "reply": "No"}, by=Actor.of(cast.lea))
    assert Annotation.objects.count() == 1 and queue.cursors.get().submitted == 1


def test_the_same_submit_again_after_a_revision_is_still_the_same_annotation(cast: Any, tickets: Any) -> None:
    made = answer(factories.make_queue(cast.project, tickets), cast.lea, "tax")
    assert made.lease
    services.revise_annotation(annotation=made, values={"desk": "energy", "reply": "No"}, by=Actor.of(cast.lea))
    again = services.submit_annotation(lease=made.lease, values=made.values, by=Actor.of(cast.lea))
    assert again.annotation.pk == made.pk


@pytest.mark.parametrize("how", ["submitted", "given back", "drawn", "taken"])
def test_an_answer_that_does_not_count_is_kept_with_its_note_and_its_doubt(cast: Any, tickets: Any, how: str) -> None:
    queue = factories.make_queue(cast.project, tickets[:1])
    lease = services.take_lease(queue=queue, labeler=cast.lea)
    assert lease
    by = Actor.of(cast.lea)
    if how == "submitted":
        services.submit_annotation(lease=lease, values={"desk": "tax", "reply": "First"}, by=by)
    elif how == "given back":
        services.skip_lease(lease=lease, by=by)
    elif how == "drawn":
        Example.objects.update(split="test")
    else:
        HandoutSlot.objects.update(leased_until="2020-01-01T00:00Z")
        assert services.take_lease(queue=queue, labeler=cast.rev)
    with pytest.raises(Conflict):
        services.submit_annotation(
            lease=lease, values={"desk": "tax", "reply": "Long work"}, note="n", is_unsure=True, by=by
        )
    lease.refresh_from_db()
    assert lease.draft == {"desk": "tax", "reply": "Long work", "~note": "n", "~unsure": True}
    assert lease.draft_revision == 1
    assert [one.pk for one in selectors.kept_drafts(queue, cast.lea)] == [lease.pk]


def test_what_is_in_the_test_set_by_now_is_not_changed_by_a_revision(cast: Any, tickets: Any) -> None:
    made = answer(factories.make_queue(cast.project, tickets), cast.lea, "tax")
    Example.objects.filter(pk=made.example_id).update(split="test")
    with pytest.raises(Conflict, match="reviewer"):
        services.revise_annotation(annotation=made, values={"desk": "energy", "reply": "No"}, by=Actor.of(cast.lea))


@pytest.mark.parametrize(
    "values,field",
    [
        ({"desk": "fees", "reply": "x"}, "desk"),
        ({"desk": "tax"}, "reply"),
        ({"desk": "tax", "reply": "x" * 20_001}, "reply"),
    ],
)
def test_a_bad_value_is_refused_and_the_ticket_stays_in_hand(cast: Any, tickets: Any, values: Any, field: str) -> None:
    lease = services.take_lease(queue=factories.make_queue(cast.project, tickets), labeler=cast.lea)
    assert lease
    with pytest.raises(Refused) as refused:
        services.submit_annotation(lease=lease, values=values, by=Actor.of(cast.lea))
    assert refused.value.errors[0].field == field
    lease.refresh_from_db()
    assert lease.state == Lease.State.LIVE and not Annotation.objects.exists()


def test_a_stale_draft_never_overwrites_a_newer_one(cast: Any, tickets: Any) -> None:
    lease = services.take_lease(queue=factories.make_queue(cast.project, tickets), labeler=cast.lea)
    assert lease
    services.save_draft(lease=lease, draft={"desk": "tax"}, revision=0)
    with pytest.raises(Conflict) as conflict:
        services.save_draft(lease=lease, draft={"desk": "energy"}, revision=0)
    assert conflict.value.data == {"draft_revision": 1}
    saved = services.save_draft(lease=lease, draft={"desk": "permits"}, revision=1)
    assert (saved.draft, saved.draft_revision) == ({"desk": "permits"}, 2)


def test_a_majority_decides_and_a_tie_waits_for_a_person(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1], overlap=3)
    answer(queue, cast.lea, "tax")
    example = Example.objects.get(pk=tickets[0].pk)
    assert example.state == "labelled" and labels(example) == {}
    answer(queue, cast.rev, "energy")
    answer(queue, cast.ada, "tax")
    example.refresh_from_db()
    assert example.state == "resolved"
    desk = ResolvedLabel.objects.get(example=example, field="desk")
    assert (desk.value, desk.basis, round(desk.confidence or 0, 2)) == ("tax", "agreed", 0.67)

    tie = factories.make_queue(cast.project, tickets[1:2], overlap=2)
    answer(tie, cast.lea, "tax")
    answer(tie, cast.rev, "energy")
    other = Example.objects.get(pk=tickets[1].pk)
    assert other.state == "unresolved" and labels(other) == {}


def test_a_revision_supersedes_and_can_settle_a_tie(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1], overlap=2)
    mine = answer(queue, cast.lea, "tax")
    answer(queue, cast.rev, "energy")
    made = services.revise_annotation(annotation=mine, values={"desk": "energy", "reply": "Yes"}, by=Actor.of(cast.lea))
    assert made.supersedes_id == mine.pk
    assert CurrentAnswer.objects.get(author=cast.lea, source="human").annotation_id == made.pk
    assert Annotation.objects.get(pk=mine.pk).values["desk"] == "tax"  # the first answer stays as it was
    assert labels(Example.objects.get(pk=mine.example_id)) == {"desk": "energy", "reply": "Yes"}
    with pytest.raises(Conflict, match="another tab"):
        services.revise_annotation(annotation=mine, values={"desk": "permits", "reply": "x"}, by=Actor.of(cast.lea))


def test_a_review_counts_alone_even_after_more_answers(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1], overlap=3)
    answer(queue, cast.lea, "tax")
    example = Example.objects.get(pk=tickets[0].pk)
    first = services.adjudicate(example=example, values={"desk": "permits", "reply": "Ours"}, by=Actor.of(cast.rev))
    answer(queue, cast.ada, "tax")
    assert labels(example) == {"desk": "permits", "reply": "Ours"}
    second = services.adjudicate(example=example, values={"desk": "energy", "reply": "Ours"}, by=Actor.of(cast.rev))
    assert second.supersedes_id == first.pk
    assert labels(example)["desk"] == "energy"
    assert set(ResolvedLabel.objects.filter(example=example).values_list("basis", flat=True)) == {"adjudicated"}


def test_another_reviewer_can_decide_anew(cast: Any, tickets: Any) -> None:
    example = tickets[0]
    services.adjudicate(example=example, values={"desk": "permits", "reply": "A"}, by=Actor.of(cast.rev))
    services.adjudicate(example=example, values={"desk": "tax", "reply": "B"}, by=Actor.of(cast.ada))
    assert labels(example) == {"desk": "tax", "reply": "B"}


def test_a_flag_is_set_once_and_audited(cast: Any, tickets: Any) -> None:
    from ftplatform.audit.models import AuditEvent

    for _ in range(2):
        services.flag_example(example=tickets[0], flagged=True, by=Actor.of(cast.lea))
    assert Example.objects.get(pk=tickets[0].pk).is_flagged
    assert AuditEvent.objects.filter(verb="example.flag").count() == 1


def test_a_skip_after_submit_is_refused_and_a_second_skip_changes_nothing(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets)
    made = answer(queue, cast.lea, "tax")
    assert made.lease
    with pytest.raises(Conflict):
        services.skip_lease(lease=made.lease, by=Actor.of(cast.lea))
    lease = services.take_lease(queue=queue, labeler=cast.lea)
    assert lease
    for _ in range(2):
        services.skip_lease(lease=lease, reason="unclear", by=Actor.of(cast.lea))
    assert queue.cursors.get().skipped == 1


def test_what_came_in_a_file_is_kept_for_ever_and_cleaning_may_change_the_inputs(cast: Any, tickets: Any) -> None:
    content = ExampleContent.objects.filter(example=tickets[0])
    for change in (lambda: content.update(raw={}), content.delete):
        with pytest.raises(IntegrityError, match="append-only"):
            change()
    assert content.update(inputs={"question": "Clean?"}, raw=content.get().raw) == 1


def test_a_queue_wants_tickets_and_a_sensible_overlap(cast: Any, tickets: Any) -> None:
    for examples, overlap in ((tickets.none(), 1), (tickets, 0), (tickets, 21)):
        with pytest.raises(Refused):
            factories.make_queue(cast.project, examples, overlap=overlap)
    assert not cast.project.queues.exists()


def test_a_revision_of_an_old_answer_names_the_newest(cast: Any, tickets: Any) -> None:
    first = answer(factories.make_queue(cast.project, tickets), cast.lea, "tax", is_unsure=True)
    by = Actor.of(cast.lea)
    second = services.revise_annotation(annotation=first, values={"desk": "energy", "reply": "No"}, by=by)
    assert second.is_unsure, "what is not said stays as it was"
    with pytest.raises(Conflict) as conflict:
        services.revise_annotation(annotation=first, values={"desk": "permits", "reply": "No"}, by=by)
    assert conflict.value.data == {"annotation": second.pk}
    third = services.revise_annotation(annotation=second, values=first.values, is_unsure=False, by=by)
    assert selectors.newest_of(first) == third and not third.is_unsure


def test_a_revision_waits_for_a_submit_of_the_same_lease_without_holding_its_ticket(cast: Any, tickets: Any) -> None:
    made = answer(factories.make_queue(cast.project, tickets), cast.lea, "tax")
    values = {"desk": "energy", "reply": "No"}
    revising = threading.Thread(
        target=lambda: (
            services.revise_annotation(annotation=made, values=values, by=Actor.of(cast.lea)),
            connection.close(),
        )
    )
    with transaction.atomic():
        Lease.objects.select_for_update().get(pk=made.lease_id)
        revising.start()
        while revising.is_alive() and not somebody_waits():
            time.sleep(0.02)
        Example.objects.select_for_update(nowait=True).get(pk=made.example_id)  # a submit takes it next
    revising.join()
    assert selectors.newest_of(made).values == values


def test_a_command_decides_no_ticket(cast: Any, tickets: Any) -> None:
    with pytest.raises(Refused, match="by a person"):
        services.adjudicate(example=tickets[0], values={"desk": "tax", "reply": "Yes"}, by=factories.SYSTEM)


def test_the_ticket_in_hand_comes_first_whatever_queue_it_is_of(cast: Any, tickets: Any) -> None:
    factories.make_queue(cast.project, tickets[:3], name="Older")
    newer = factories.make_queue(cast.project, tickets[3:], name="Newer")
    held = services.take_lease(queue=newer, labeler=cast.lea)
    assert held and services.take_any_lease(project=cast.project, labeler=cast.lea) == held
    services.close_queue(queue=newer, by=cast.by)
    assert services.take_any_lease(project=cast.project, labeler=cast.lea) == held
    services.release_lease(lease=held, by=Actor.of(cast.lea))
    other = services.take_any_lease(project=cast.project, labeler=cast.lea)
    assert other and other.queue.name == "Older"


def test_a_queue_hands_out_in_the_order_that_it_was_opened_with(cast: Any, tickets: Any) -> None:
    backwards = Example.objects.filter(project=cast.project).order_by("-pk")[:4]
    queue = factories.make_queue(cast.project, backwards, overlap=2)
    slots = list(queue.slots.order_by("position").values_list("position", "example_id", "number"))
    newest = [one.pk for one in backwards]
    assert slots == [(2 * at + number, pk, number) for at, pk in enumerate(newest) for number in range(2)]
    assert queue.total == 8
    with pytest.raises(Refused, match="No ticket is left"):
        factories.make_queue(cast.project, Example.objects.none())
