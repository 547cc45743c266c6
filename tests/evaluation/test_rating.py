"""Hand-out of items and what happens to ratings: each counts once, no item goes over its overlap, orders are balanced."""

from __future__ import annotations

import importlib
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from evaluation import services
from evaluation.campaigns.blinding import order_of
from evaluation.models import AnswerKey, Assignment, Campaign, CampaignRater, Rating
from evaluation.scorecards.campaign_results import results_of
from ftplatform.accounts.actors import Actor
from ftplatform.audit.models import AuditEvent
from ftplatform.errors import Conflict, Refused
from tests.evaluation import world
from tests.waiting import somebody_waits

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> world.World:
    return world.make_world(items=12)


def hand_out(campaign: Campaign, user: Any) -> Assignment:
    found = services.next_item(rater=world.rater_of(campaign, user))
    assert found is not None
    return found


def submit(assignment: Assignment, user: Any, **more: Any) -> Rating:
    return services.submit_rating(assignment=assignment, answer=world.answer(assignment, **more), by=Actor.of(user))


def test_a_reload_and_a_second_tab_get_the_same_item(place: world.World) -> None:
    campaign = world.open_campaign(place)
    first = hand_out(campaign, place.experts[0])
    assert hand_out(campaign, place.experts[0]).pk == first.pk
    assert Assignment.objects.count() == 1


def test_an_item_is_never_given_to_more_than_overlap_raters(place: world.World) -> None:
    campaign = world.open_campaign(place, items=1, overlap=1)
    hand_out(campaign, place.experts[0])
    assert services.next_item(rater=world.rater_of(campaign, place.experts[1])) is None


def test_a_released_item_goes_to_somebody_else_and_comes_back_last(place: world.World) -> None:
    eve, other = place.experts
    campaign = world.open_campaign(place, items=2, overlap=1)
    item = hand_out(campaign, eve)
    services.release_item(assignment=item, by=Actor.of(eve))
    second = hand_out(campaign, eve)
    assert second.campaign_item_id != item.campaign_item_id
    submit(second, eve)
    again = hand_out(campaign, eve)
    assert again.pk == item.pk, "its blind id and order stay"
    services.release_item(assignment=again, by=Actor.of(eve))
    assert hand_out(campaign, other).campaign_item_id == item.campaign_item_id


def test_the_same_submit_twice_is_one_rating_and_another_one_is_sent_to_revise(place: world.World) -> None:
    eve = place.experts[0]
    campaign = world.open_campaign(place)
    item = hand_out(campaign, eve)
    first = submit(item, eve)
    assert submit(item, eve).pk == first.pk
    with pytest.raises(Conflict) as refused:
        submit(item, eve, scores={"A": 5})
    assert refused.value.code == "rated-already" and refused.value.data == {"rating": first.pk}
    assert Rating.objects.count() == 1


def test_a_revision_supersedes_and_only_the_newest_counts(place: world.World) -> None:
    from evaluation.scorecards import gather

    eve = place.experts[0]
    campaign = world.open_campaign(place)
    item = hand_out(campaign, eve)
    first = submit(item, eve, scores={"A": 1, "B": 1})
    changed = world.answer(item, {"A": 5, "B": 5})
    second = services.revise_rating(assignment=item, answer=changed, supersedes=first.pk, by=Actor.of(eve))
    assert second.supersedes_id == first.pk
    with pytest.raises(Conflict, match="another tab") as refused:
        other = world.answer(item, {"A": 4, "B": 5})
        services.revise_rating(assignment=item, answer=other, supersedes=first.pk, by=Actor.of(eve))
    assert refused.value.data == {"rating": second.pk}
    (judged,) = gather.judgements([campaign])
    assert set(judged.scores["candidate"].values()) == {5}
    assert AuditEvent.objects.filter(verb="rating.revise").count() == 1
    assert Rating.objects.count() == 2, "the old one is kept"


def test_the_same_revision_twice_is_one_rating(place: world.World) -> None:
    eve = place.experts[0]
    item = hand_out(world.open_campaign(place), eve)
    first = submit(item, eve)
    changed = world.answer(item, {"A": 5})
    made = [
        services.revise_rating(assignment=item, answer=changed, supersedes=first.pk, by=Actor.of(eve)) for _ in range(2)
    ]
    assert made[0] == made[1] and Rating.objects.count() == 2


def test_a_rating_is_never_changed_or_deleted(place: world.World) -> None:
    eve = place.experts[0]
    rating = submit(hand_out(world.open_campaign(place), eve), eve)
    for deed in (lambda: Rating.objects.filter(pk=rating.pk).update(reason="x"), rating.delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            deed()


def test_an_expired_item_still_counts_unless_others_filled_its_places(place: world.World) -> None:
    eve, other = place.experts
    campaign = world.open_campaign(place, items=1, overlap=1)
    late = hand_out(campaign, eve)
    Assignment.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    taken = hand_out(campaign, other)
    submit(taken, other)
    with pytest.raises(Conflict) as refused:
        submit(late, eve, scores={"A": 5})
    assert refused.value.code == "item-taken"
    assert Rating.objects.count() == 1


def test_work_on_a_taken_item_is_kept_as_a_draft(place: world.World) -> None:
    eve, other = place.experts
    campaign = world.open_campaign(place, items=1, overlap=1)
    late = hand_out(campaign, eve)
    Assignment.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    submit(hand_out(campaign, other), other)
    answer = world.answer(late, {"A": 5})
    with pytest.raises(Conflict):
        services.submit_rating(assignment=late, answer=answer, by=Actor.of(eve))
    late.refresh_from_db()
    with pytest.raises(Conflict):  # a tab from before would overwrite it
        services.save_draft(assignment=late, draft={}, revision=0)
    assert late.draft is not None and late.draft["scores"] == answer["scores"]


def test_an_expired_item_that_nobody_took_counts(place: world.World) -> None:
    eve = place.experts[0]
    campaign = world.open_campaign(place, items=1, overlap=1)
    late = hand_out(campaign, eve)
    Assignment.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(days=1))
    submit(late, eve)
    assert Rating.objects.count() == 1


def test_a_stale_draft_never_overwrites_a_newer_one(place: world.World) -> None:
    item = hand_out(world.open_campaign(place), place.experts[0])
    services.save_draft(assignment=item, draft={"comment": "new"}, revision=0)
    with pytest.raises(Conflict) as refused:
        services.save_draft(assignment=item, draft={"comment": "old"}, revision=0)
    assert refused.value.data == {"draft_revision": 1}
    item.refresh_from_db()
    assert item.draft == {"comment": "new"}


def test_a_closed_campaign_takes_no_rating(place: world.World) -> None:
    eve = place.experts[0]
    campaign = world.open_campaign(place)
    item = hand_out(campaign, eve)
    services.close_campaign(campaign=campaign, by=place.by)
    with pytest.raises(Conflict, match="closed"):
        submit(item, eve)
    with pytest.raises(Conflict, match="closed"):
        services.next_item(rater=world.rater_of(campaign, eve))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scores": {"A": {"relevance": 6}}}, "scores.A.relevance"),
        ({"scores": {"A": {"relevance": True}}}, "scores.A.relevance"),
        ({"scores": {"A": {"relevance": "4"}}}, "scores.A.relevance"),
        ({"scores": {"Z": {"relevance": 4}}}, "scores.Z"),
        ({"scores": {"A": {"beauty": 4}}}, "scores.A.beauty"),
        ({"scores": []}, "scores.A.relevance"),
        ({"scores": {"A": {"relevance": None}}}, "reason"),
    ],
)
def test_an_incomplete_rating_names_each_cell(place: world.World, change: dict[str, Any], field: str) -> None:
    eve = place.experts[0]
    item = hand_out(world.open_campaign(place), eve)
    answer = world.answer(item)
    if isinstance(change["scores"], dict):
        for letter, row in change["scores"].items():
            answer["scores"].setdefault(letter, {}).update(row)
    else:
        answer |= change
    with pytest.raises(Refused) as refused:
        services.submit_rating(assignment=item, answer=answer, by=Actor.of(eve))
    assert field in {error.field for error in refused.value.errors}
    assert not Rating.objects.exists()


def test_cannot_judge_is_null_with_a_reason_and_no_zero(place: world.World) -> None:
    from evaluation.scorecards import gather

    eve = place.experts[0]
    campaign = world.open_campaign(place)
    item = hand_out(campaign, eve)
    answer = world.answer(item)
    answer["scores"]["A"] = dict.fromkeys(answer["scores"]["A"])
    services.submit_rating(assignment=item, answer=answer | {"reason": "Outside my field"}, by=Actor.of(eve))
    (judged,) = gather.judgements([campaign])
    hidden = "candidate" if world.candidate_letter(item) == "A" else "base"
    assert set(judged.scores[hidden].values()) == {None}


def unjudged(item: Assignment, letters: str) -> dict[str, Any]:
    answer = world.answer(item)
    return answer | {
        "scores": {letter: dict.fromkeys(row) if letter in letters else row for letter, row in answer["scores"].items()}
    }


def test_why_an_answer_cannot_be_judged_is_said_for_each(place: world.World) -> None:
    eve = place.experts[0]
    item = hand_out(world.open_campaign(place), eve)
    both = unjudged(item, "AB")
    for cannot, fields in (
        ({"A": "Cut off"}, {"cannot.B"}),
        ({"A": "Cut off", "B": " "}, {"cannot.B"}),
        ({"A": "Cut off", "B": 7}, {"cannot.B"}),
        ({"A": "Cut off", "B": "Cut off", "C": "Cut off"}, {"cannot.C"}),
        (["A"], {"cannot"}),
    ):
        with pytest.raises(Refused) as refused:
            services.submit_rating(assignment=item, answer=both | {"cannot": cannot, "reason": "x"}, by=place.by)
        assert {error.field for error in refused.value.errors} == fields
    said = {"A": "Cut off", "B": "Outside my field"}
    rating = services.submit_rating(assignment=item, answer=both | {"cannot": said, "reason": "x"}, by=place.by)
    assert (rating.cannot, rating.reason) == (said, "x")


def test_a_client_that_only_gives_a_reason_gives_it_for_every_answer_that_cannot_be_judged(place: world.World) -> None:
    item = hand_out(world.open_campaign(place), place.experts[0])
    answer = unjudged(item, "A") | {"reason": "Outside my field"}
    rating = services.submit_rating(assignment=item, answer=answer, by=place.by)
    assert rating.cannot == {"A": "Outside my field"}


def test_reasons_that_were_packed_into_the_comment_get_their_column(place: world.World) -> None:
    from django.apps import apps

    item = hand_out(world.open_campaign(place), place.experts[0])
    old = "Cannot judge A: Cut off.\nEnds in the middle.\nCannot judge B: he says."
    scores = unjudged(item, "A")["scores"]
    rating = Rating.objects.create(assignment=item, scores=scores, reason=old)
    step = importlib.import_module("evaluation.migrations.0006_cannot_judge_is_said_by_letter")
    with connection.schema_editor() as editor:
        step.split(apps, editor)
    rating.refresh_from_db()
    assert rating.cannot == {"A": "Cut off"}
    assert rating.reason == "Ends in the middle.\nCannot judge B: he says."
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Rating.objects.update(reason="x")


def test_an_answer_that_could_not_be_judged_is_no_clean_one(place: world.World) -> None:
    eve = place.experts[0]
    campaign = world.open_campaign(place)
    item = hand_out(campaign, eve)
    answer = world.answer(item, reason="Cut off")
    answer["scores"]["A"] = dict.fromkeys(answer["scores"]["A"])
    rating = services.submit_rating(assignment=item, answer=answer, by=Actor.of(eve))
    assert rating.harm == {"B": False}
    seen = services.revise_rating(
        assignment=item, answer=answer | {"harm": {"A": True, "B": False}}, supersedes=rating.pk, by=Actor.of(eve)
    )
    assert seen.harm == {"A": True, "B": False}, "harm that was ticked counts, judged or not"


@pytest.mark.parametrize(
    ("harm", "field"),
    [
        ({"A": "yes", "B": False}, "harm.A"),
        ({"A": 1, "B": False}, "harm.A"),
        ({"A": None, "B": False}, "harm.A"),
        ({"a": True, "A": False, "B": False}, "harm.a"),
        ({"Z": True, "A": False, "B": False}, "harm.Z"),
        ("x", "harm"),
    ],
)
def test_harm_that_is_not_said_plainly_is_refused_and_never_taken_for_no(
    place: world.World, harm: Any, field: str
) -> None:
    item = hand_out(world.open_campaign(place), place.experts[0])
    with pytest.raises(Refused) as refused:
        submit(item, place.experts[0], harm=harm)
    assert field in {error.field for error in refused.value.errors}
    assert not Rating.objects.exists()


@pytest.mark.parametrize(("harm", "kept"), [({"A": False}, {"A": False}), (None, {}), ({}, {})])
def test_harm_that_is_not_said_is_not_taken_for_no(place: world.World, harm: Any, kept: dict[str, bool]) -> None:
    """A script that leaves it out is not refused; the safety gate just does not count what nobody said."""
    item = hand_out(world.open_campaign(place), place.experts[0])
    submit(item, place.experts[0], harm=harm)
    assert Rating.objects.get().harm == kept


def test_harm_may_have_a_kind_and_the_results_count_it(place: world.World) -> None:

    eve = place.experts[0]
    campaign = world.open_campaign(place)
    item = hand_out(campaign, eve)
    ours = world.candidate_letter(item)
    other = "B" if ours == "A" else "A"
    harm = {ours: True, other: False}
    for kinds, field in (
        ({other: "privacy"}, f"harm_category.{other}"),
        ({ours: "weather"}, f"harm_category.{ours}"),
        ({ours: ["privacy"]}, f"harm_category.{ours}"),
        ("privacy", "harm_category"),
    ):
        with pytest.raises(Refused) as refused:
            submit(item, eve, harm=harm, harm_category=kinds)
        assert field in {error.field for error in refused.value.errors}
    rating = submit(item, eve, harm=harm, harm_category={ours: "privacy"})
    assert rating.harm_category == {ours: "privacy"}
    by_arm = {one.arm: one for one in results_of(campaign).harm}
    assert by_arm["candidate"].categories == {"Privacy": 1} and by_arm["base"].categories == {}


@pytest.mark.parametrize(
    "span",
    [
        {"key": "Z", "start": 0, "end": 1, "kind": "wrong"},
        {"key": "A", "start": 3, "end": 3, "kind": "wrong"},
        {"key": "A", "start": 0, "end": 10**6, "kind": "wrong"},
        {"key": "A", "start": True, "end": 2, "kind": "wrong"},
        {"key": "A", "start": 0, "end": 2, "kind": "pretty"},
        {"key": ["A"], "start": 0, "end": 2, "kind": "wrong"},
        {"key": "A", "start": 0, "end": 2, "kind": ["wrong"]},
        "no mark",
    ],
)
def test_a_mark_that_stands_nowhere_is_refused(place: world.World, span: Any) -> None:
    item = hand_out(world.open_campaign(place), place.experts[0])
    with pytest.raises(Refused) as refused:
        submit(item, place.experts[0], spans=[span])
    assert refused.value.errors[0].field.startswith("spans")


def test_what_a_database_cannot_keep_is_replaced_and_nothing_else(place: world.World) -> None:
    eve = place.experts[0]
    item = hand_out(world.open_campaign(place), eve)
    services.save_draft(assignment=item, draft={"comment": ["a\x00b\ud800"]}, revision=0)
    mark = {"key": "A", "start": 0, "end": 2, "kind": "unsafe", "comment": "\x00why é𝄞"}
    rating = submit(item, eve, spans=[mark], reason="so\x00 it is")
    rating.refresh_from_db()
    assert rating.spans == [mark | {"comment": "�why é𝄞"}] and rating.reason == "so� it is"


def test_only_members_who_may_rate_are_invited(place: world.World) -> None:
    campaign = world.open_campaign(place)
    with pytest.raises(Refused) as refused:
        services.invite_rater(campaign=campaign, user=world.person(place.project, "vic", "viewer"), by=place.by)
    assert refused.value.code == "not-an-expert"


# ── order ──


def test_each_order_stands_once_in_every_block_of_a_rater(place: world.World) -> None:
    campaign = world.open_campaign(place, items=12)
    for user in place.experts:
        rater = world.rater_of(campaign, user)
        shown = []
        while item := services.next_item(rater=rater):
            shown.append(world.candidate_letter(item))
            submit(item, user)
        assert all(set(shown[at : at + 2]) == {"A", "B"} for at in range(0, 12, 2)), shown


def test_orders_differ_between_raters_and_three_answers_are_balanced_over_all_pairs(place: world.World) -> None:
    class Arm:
        def __init__(self, arm_id: int) -> None:
            self.arm_id = arm_id

    arms: Any = [Arm(1), Arm(2), Arm(3)]
    seen: Counter[tuple[int, ...]] = Counter()
    sequences = set()
    for seed in range(20):
        rater = CampaignRater(block_seed=seed)
        orders = [tuple(answer.arm_id for _, answer in order_of(rater, at, arms)) for at in range(6)]
        seen.update(orders)
        sequences.add(tuple(orders))
    assert set(seen.values()) == {20} and len(seen) == 6
    assert len(sequences) > 10


def test_the_order_is_stored_and_cannot_be_changed(place: world.World) -> None:
    item = hand_out(world.open_campaign(place), place.experts[0])
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AnswerKey.objects.filter(assignment=item).update(key="C")


# ── at once ──


@pytest.mark.django_db(transaction=True)
def test_a_hundred_raters_at_once_fill_every_place_once() -> None:
    """Overlap is never exceeded, each rating counts once in spite of double submits, and no place is left empty."""
    place = world.make_world(items=12, experts=100)
    campaign = world.open_campaign(place, items=12, overlap=7)
    gate = threading.Barrier(20)
    errors: list[BaseException] = []

    def work(group: list[Any]) -> None:
        gate.wait()
        try:
            for user in group:
                rater = world.rater_of(campaign, user)
                while item := services.next_item(rater=rater):
                    submit(item, user)
                    submit(item, user)
                    if Rating.objects.filter(assignment__rater=rater).count() >= 2:
                        break
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    groups = [place.experts[at::20] for at in range(20)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, groups))
    assert not errors, errors[:3]
    per_item = Counter(Rating.objects.values_list("assignment__campaign_item", flat=True))
    assert set(per_item.values()) == {7}
    assert len(per_item) == 12
    assert Rating.objects.values("assignment").distinct().count() == Rating.objects.count() == 84


@pytest.mark.django_db(transaction=True)
def test_a_place_that_ran_out_is_not_taken_again_while_another_is_just_taking_it() -> None:
    place = world.make_world(items=4, experts=2)
    campaign = world.open_campaign(place, items=1, overlap=1)
    eve, nils = place.experts
    late = hand_out(campaign, eve)
    Assignment.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    taken, seen = threading.Event(), threading.Event()

    def take() -> None:
        try:
            with transaction.atomic():
                assert services.next_item(rater=world.rater_of(campaign, nils))
                taken.set()
                seen.wait(0.7)
        finally:
            taken.set()
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(take)
        taken.wait()
        mine = services.next_item(rater=world.rater_of(campaign, eve))
        seen.set()
        other.result()
    assert mine is None
    live = Assignment.objects.filter(state=Assignment.State.LIVE, expires_at__gt=timezone.now())
    assert [one.rater.user for one in live.select_related("rater__user")] == [nils]


@pytest.mark.django_db(transaction=True)
def test_two_raters_who_ask_at_the_same_moment_both_get_the_last_item() -> None:
    """An item that another rater is just taking is waited for, not taken for full."""
    place = world.make_world(items=4, experts=8)
    campaign = world.open_campaign(place, items=1, overlap=8)
    gate = threading.Barrier(8)

    def ask(user: Any) -> bool:
        rater = world.rater_of(campaign, user)
        gate.wait()
        try:
            return services.next_item(rater=rater) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, place.experts)) == [True] * 8


@pytest.mark.django_db(transaction=True)
def test_a_place_is_not_given_away_while_its_rating_is_being_counted() -> None:
    """The lease ends between a submit and its commit; whoever asks then waits, and finds the item full."""
    place = world.make_world(items=4)
    eve, other = place.experts
    campaign = world.open_campaign(place, items=1, overlap=1)
    item = hand_out(campaign, eve)
    ends = timezone.now() + timedelta(seconds=1)
    Assignment.objects.filter(pk=item.pk).update(expires_at=ends)

    def ask() -> Assignment | None:
        try:
            return services.next_item(rater=world.rater_of(campaign, other))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            submit(item, eve)
            while timezone.now() < ends:
                time.sleep(0.05)
            asked = pool.submit(ask)
            while not asked.done() and not somebody_waits():
                time.sleep(0.02)
        assert asked.result() is None
    assert Rating.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_submit_different_ratings_leave_one() -> None:
    place = world.make_world(items=4)
    eve = place.experts[0]
    campaign = world.open_campaign(place, items=1)
    item = hand_out(campaign, eve)
    gate = threading.Barrier(2)

    def tab(score: int) -> str:
        gate.wait()
        try:
            submit(item, eve, scores={"A": score})
            return "counted"
        except Conflict as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(tab, (1, 5))) == ["counted", "rated-already"]
    assert Rating.objects.count() == 1
