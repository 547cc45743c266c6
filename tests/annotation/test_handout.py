"""Hand-out under many hands at once: real threads on real PostgreSQL."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import selectors, services
from annotation.models import Annotation, Example, HandoutSlot, Lease, Queue
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import User
from ftplatform.audit.models import AuditEvent
from ftplatform.errors import Conflict
from ftplatform.projects import services as projects
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
ANSWER = {"desk": "tax", "reply": "Yes"}


@pytest.fixture
def tickets(cast: Any, run_jobs: Any, tmp_path: Any) -> Any:
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(60, labelled=False))
    run_jobs()
    return Example.objects.filter(project=cast.project).order_by("pk")


def people(count: int) -> list[User]:
    return User.objects.bulk_create([User(username=f"labeler{at}") for at in range(count)])


def at_once(tasks: list[Callable[[], None]]) -> None:
    """Runs all of them at the same moment. Raises what any of them raised."""
    gate, failed = threading.Barrier(len(tasks)), list[BaseException]()

    def run(task: Callable[[], None]) -> None:
        try:
            gate.wait(timeout=60)
            task()
        except BaseException as error:  # handed to the test below
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[task]) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    if failed:
        raise failed[0]


def test_a_hundred_labelers_never_hold_one_ticket_more_often_than_the_overlap(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets, overlap=3)
    labelers = people(100)

    def work(labeler: User) -> None:
        for _ in range(3):
            lease = services.take_lease(queue=queue, labeler=labeler)
            if lease is None:
                return
            services.submit_annotation(lease=lease, values=ANSWER, by=Actor.of(labeler))

    at_once([lambda labeler=labeler: work(labeler) for labeler in labelers])
    by_ticket = Counter(Annotation.objects.values_list("example_id", flat=True))
    assert max(by_ticket.values()) <= 3
    assert sum(by_ticket.values()) == 180 == HandoutSlot.objects.filter(state="done").count()
    pairs = list(Annotation.objects.values_list("example_id", "author_id"))
    assert len(pairs) == len(set(pairs))
    assert not Lease.objects.filter(state="live").exists()


def test_two_tabs_get_one_ticket(cast: Any, tickets: Any) -> None:
    queue, got = factories.make_queue(cast.project, tickets), list[Any]()
    at_once([lambda: got.append(services.take_lease(queue=queue, labeler=cast.lea))] * 8)
    assert len({lease.pk for lease in got}) == 1
    assert HandoutSlot.objects.filter(state="leased").count() == 1


def test_one_ticket_in_two_tabs_counts_once(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets)
    lease, made = services.take_lease(queue=queue, labeler=cast.lea), list[Any]()
    assert lease
    at_once([lambda: made.append(services.submit_annotation(lease=lease, values=ANSWER, by=Actor.of(cast.lea)))] * 8)
    assert (
        len({one.annotation.pk for one in made}) == 1 == sum(one.is_new for one in made) == Annotation.objects.count()
    )


def test_an_expired_ticket_goes_to_exactly_one_other_person(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1])
    lease, got = services.take_lease(queue=queue, labeler=cast.lea), list[Any]()
    assert lease
    HandoutSlot.objects.update(leased_until="2020-01-01T00:00Z")
    others = people(12)
    at_once([lambda other=other: got.append(services.take_lease(queue=queue, labeler=other)) for other in others])
    assert len([one for one in got if one]) == 1
    lease.refresh_from_db()
    assert lease.state == Lease.State.LOST


def test_after_expiry_a_submit_still_counts_if_nobody_took_the_ticket(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1])
    lease = services.take_lease(queue=queue, labeler=cast.lea)
    assert lease
    HandoutSlot.objects.update(leased_until="2020-01-01T00:00Z")
    services.submit_annotation(lease=lease, values=ANSWER, by=Actor.of(cast.lea))
    assert services.take_lease(queue=queue, labeler=cast.rev) is None


def test_submit_against_takeover_is_one_or_the_other(cast: Any, tickets: Any) -> None:
    for example in tickets[:10]:
        queue = factories.make_queue(cast.project, Example.objects.filter(pk=example.pk))
        lease = services.take_lease(queue=queue, labeler=cast.lea)
        assert lease
        HandoutSlot.objects.filter(queue=queue).update(leased_until="2020-01-01T00:00Z")
        told: dict[str, Any] = {}

        def submit(lease: Lease = lease, told: dict[str, Any] = told) -> None:
            try:
                submitted = services.submit_annotation(lease=lease, values=ANSWER, by=Actor.of(cast.lea))
                told["mine"] = submitted.annotation
            except Conflict as conflict:
                told["conflict"] = conflict.code

        def take(queue: Queue = queue, told: dict[str, Any] = told) -> None:
            told["theirs"] = services.take_lease(queue=queue, labeler=cast.rev)

        at_once([submit, take])
        assert ("mine" in told) != (told["theirs"] is not None)
        if "conflict" in told:
            lease.refresh_from_db()
            assert (told["conflict"], lease.draft) == ("ticket-taken", ANSWER)


def test_a_test_set_is_drawn_while_everybody_labels_and_no_count_is_off(
    cast: Any, run_jobs: Any, tmp_path: Any
) -> None:
    factories.import_rows(cast.project, tmp_path / "l.csv", factories.desk_rows(60))
    run_jobs()
    queue = factories.make_queue(cast.project, Example.objects.filter(project=cast.project), overlap=2)

    def work(labeler: User) -> None:
        for _ in range(6):
            lease = services.take_lease(queue=queue, labeler=labeler)
            if lease is not None:
                with suppress(Conflict):
                    services.submit_annotation(lease=lease, values=ANSWER, by=Actor.of(labeler))

    def draw() -> None:
        services.freeze_evaluation_set(project=cast.project, size=30, by=factories.SYSTEM)

    def change_the_task() -> None:
        spec = factories.desk_task().model_copy(update={"guidelines": "New."})
        projects.revise_task(project=cast.project, spec=spec, by=factories.SYSTEM)

    at_once([draw, change_the_task, *[lambda labeler=labeler: work(labeler) for labeler in people(12)]])
    queue.refresh_from_db()
    assert queue.total == queue.slots.count()
    assert not queue.slots.filter(example__split="test").exclude(state="done").exists()
    assert not Lease.objects.filter(example__split="test", state="live").exists()
    done = queue.slots.filter(state="done").count()
    assert done == Annotation.objects.filter(source="human").count() == Lease.objects.filter(state="submitted").count()


def test_a_skipped_ticket_never_comes_back_to_whoever_skipped_it(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:2])
    first = services.take_lease(queue=queue, labeler=cast.lea)
    assert first
    services.skip_lease(lease=first, reason="no idea", by=Actor.of(cast.lea))
    second = services.take_lease(queue=queue, labeler=cast.lea)
    assert second and second.example_id != first.example_id
    services.skip_lease(lease=second, by=Actor.of(cast.lea))
    assert services.take_lease(queue=queue, labeler=cast.lea) is None
    assert services.take_lease(queue=queue, labeler=cast.rev)


def test_a_released_ticket_may_come_back(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1])
    first = services.take_lease(queue=queue, labeler=cast.lea)
    assert first
    services.release_lease(lease=first, by=Actor.of(cast.lea))
    again = services.take_lease(queue=queue, labeler=cast.lea)
    assert again and again.pk == first.pk and again.state == Lease.State.LIVE


def test_one_ticket_is_prefetched_and_no_more(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets)
    first = services.take_lease(queue=queue, labeler=cast.lea)
    assert first
    ahead = [services.take_lease(queue=queue, labeler=cast.lea, after=first) for _ in range(3)]
    assert ahead[0] and len({one.pk for one in ahead if one}) == 1 and ahead[0].shown_at is None
    assert Lease.objects.filter(labeler=cast.lea, state="live").count() == 2
    services.submit_annotation(lease=first, values=ANSWER, by=Actor.of(cast.lea))
    following = services.take_lease(queue=queue, labeler=cast.lea)
    assert following and following.pk == ahead[0].pk


def test_own_finished_work_is_not_scanned_again(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets, overlap=2)
    for _ in range(59):
        lease = services.take_lease(queue=queue, labeler=cast.lea)
        assert lease
        services.submit_annotation(lease=lease, values=ANSWER, by=Actor.of(cast.lea))
    last = services.take_lease(queue=queue, labeler=cast.lea)
    assert last
    cursor = queue.cursors.get(labeler=cast.lea)
    assert last.slot and cursor.position == last.slot.position >= 117
    assert cursor.submitted == 59


def test_no_ticket_of_the_test_set_is_handed_out(cast: Any, run_jobs: Any, tmp_path: Any) -> None:
    factories.import_rows(cast.project, tmp_path / "t.csv", factories.desk_rows(20))
    run_jobs()
    services.freeze_evaluation_set(project=cast.project, size=8, by=factories.SYSTEM)
    queue = factories.make_queue(cast.project, Example.objects.filter(project=cast.project))
    assert (queue.total, queue.slots.filter(example__split="test").count()) == (12, 0)


def test_a_closed_queue_hands_out_nothing_but_takes_what_is_in_hands(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets)
    lease = services.take_lease(queue=queue, labeler=cast.lea)
    assert lease
    for _ in range(2):
        services.close_queue(queue=queue, by=cast.by)
    with pytest.raises(Conflict, match="closed"):
        services.take_lease(queue=queue, labeler=cast.rev)
    same = services.take_lease(queue=queue, labeler=cast.lea)
    assert same and same.pk == lease.pk
    services.submit_annotation(lease=lease, values=ANSWER, by=Actor.of(cast.lea))
    with pytest.raises(Conflict, match="closed"):
        services.take_lease(queue=queue, labeler=cast.lea)
    services.reopen_queue(queue=queue, by=cast.by)
    assert services.take_lease(queue=queue, labeler=cast.rev)
    verbs = list(AuditEvent.objects.filter(verb__startswith="queue.").order_by("pk").values_list("verb", flat=True))
    assert verbs == ["queue.open", "queue.close", "queue.reopen"]


def test_a_reopened_queue_asks_for_nothing_that_another_open_queue_asks_for(cast: Any, tickets: Any) -> None:
    old = factories.make_queue(cast.project, tickets[:6])
    done, late, held = (services.take_lease(queue=old, labeler=who) for who in (cast.lea, cast.rev, cast.ada))
    assert done and late and held
    services.submit_annotation(lease=done, values=ANSWER, by=Actor.of(cast.lea))
    HandoutSlot.objects.filter(pk=late.slot_id).update(leased_until="2020-01-01T00:00Z")
    services.close_queue(queue=old, by=cast.by)
    new = factories.make_queue(cast.project, tickets[:5], name="Newer")
    reopened = services.reopen_queue(queue=old, by=cast.by)
    # Of six: one is answered, one in somebody's hands, one in the older queue only. Of the others, one had run out in Rev's hands.
    assert (reopened.left_out, reopened.queue.total) == (3, 3)
    for lease, state in ((done, "submitted"), (late, "lost"), (held, "live")):
        lease.refresh_from_db()
        assert lease.state == state
    given = []
    for queue in (new, old):
        while got := services.take_lease(queue=queue, labeler=cast.lea):
            given.append(got.example_id)
            services.submit_annotation(lease=got, values=ANSWER, by=Actor.of(cast.lea))
    assert sorted(given) == sorted(one.pk for one in tickets[:6]), "each once"
    services.submit_annotation(lease=held, values=ANSWER, by=Actor.of(cast.ada))
    event = AuditEvent.objects.get(verb="queue.reopen")
    assert event.data["left_out"] == 3


def test_a_queue_that_is_open_already_loses_nothing_by_being_reopened(cast: Any, tickets: Any) -> None:
    queues = [factories.make_queue(cast.project, tickets[:4], name=name) for name in ("One", "Two")]
    reopened = services.reopen_queue(queue=queues[0], by=cast.by)
    assert (reopened.left_out, reopened.queue.total) == (0, 4)


def test_what_somebody_holds_of_a_closed_queue_is_not_put_into_a_new_one(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets)
    lease = services.take_lease(queue=queue, labeler=cast.lea)
    assert lease
    services.close_queue(queue=queue, by=cast.by)

    def free() -> set[int]:
        return set(selectors.queue_tickets(cast.project, "new", None).values_list("pk", flat=True))

    everything = {one.pk for one in tickets}
    assert free() == everything - {lease.example_id}
    HandoutSlot.objects.filter(pk=lease.slot_id).update(leased_until="2020-01-01T00:00Z")
    assert free() == everything


def test_whoever_has_done_everything_is_told_so_without_a_scan(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:2], overlap=2)
    for _ in range(2):
        lease = services.take_lease(queue=queue, labeler=cast.lea)
        assert lease
        services.submit_annotation(lease=lease, values=ANSWER, by=Actor.of(cast.lea))
    assert services.take_lease(queue=queue, labeler=cast.lea) is None
    with CaptureQueriesContext(connection) as asked:
        assert services.take_lease(queue=queue, labeler=cast.lea) is None
    assert not [one for one in asked if "s.state = 'open'" in one["sql"]]


def test_what_is_given_back_is_found_by_whoever_had_nothing_left(cast: Any, tickets: Any) -> None:
    queue = factories.make_queue(cast.project, tickets[:1])
    held = services.take_lease(queue=queue, labeler=cast.lea)
    assert held
    assert [services.take_lease(queue=queue, labeler=cast.rev) for _ in range(2)] == [None, None]
    services.release_lease(lease=held, by=Actor.of(cast.lea))
    assert services.take_lease(queue=queue, labeler=cast.rev)
