"""What a scorecard takes for evidence: which rules, which ratings, which answers, at what confidence."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from evaluation import selectors, services
from evaluation.jobs import CompareParameters
from evaluation.models import Campaign, CampaignArm, CampaignItem, ItemAnswer, ReleaseRules, Scorecard
from evaluation.scorecards import compose, export, gather
from evaluation.scoring import automatic, content
from evaluation.scoring.rubric import DEFAULT, Rubric
from evaluation.scoring.rules import Rules
from evaluation.services import scorecards
from ftplatform.accounts.actors import Actor
from ftplatform.errors import Conflict, Refused
from inference.models import Generation
from tests.evaluation import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make_world()


def fail(world: worlds.World, k: int) -> None:
    rows = Generation.objects.filter(cell__run=world.tuned_run).values_list("pk", flat=True)[:k]
    failed = {"finish_reason": "error", "output": "", "values": {}, "parse": {"desk": "failed", "reply": "failed"}}
    Generation.objects.filter(pk__in=list(rows)).update(**failed, error="The server is down.")


def test_failed_generations_are_counted_told_and_ship_nothing() -> None:
    world = worlds.make_world(rules=Rules(primary="desk.accuracy", smallest_effect=0.01, margins={}), base_right=0.1)
    fail(world, 3)
    card = worlds.make_scorecard(world)
    (failures,) = card.content["failures"]
    assert (failures["k"], failures["n"], failures["model"]) == (3, 24, worlds.TUNED_NAME)
    assert any("3 of 24 of lora of run 1" in threat for threat in card.content["threats"])
    assert card.verdict == "undecided"
    client = Client()
    client.force_login(world.admin)
    page = client.get(reverse("evaluation:scorecard", args=[world.project.slug, card.number])).content.decode()
    assert "Failed and scored as wrong" in page


def test_without_failures_nothing_is_said_of_them(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    assert card.content["failures"] == [] and "Failed generations" not in [one["rule"] for one in card.content["rules"]]


def test_intervals_of_metrics_have_the_confidence_of_the_rules() -> None:
    def delta(slug: str, confidence: float) -> Any:
        rules = Rules(confidence=confidence, primary="desk.accuracy", margins={})
        card = worlds.make_scorecard(worlds.make_world(slug, admin=f"ada-{slug}", rules=rules))
        row = next(one for one in card.content["comparisons"] if one["name"] == "desk.accuracy")
        assert card.content["confidence"] == confidence
        return row["delta"]["ci"], row["base"]["ci"], card.content["sentence"]

    wide, base_wide, _ = delta("wide", 0.99)
    narrow, base_narrow, sentence = delta("narrow", 0.8)
    assert wide[0] < narrow[0] < narrow[1] < wide[1] and base_wide[1] > base_narrow[1]
    assert "80 % interval" in sentence


def test_where_lower_is_better_the_most_improved_are_those_that_fell() -> None:
    def scored(values: list[float]) -> automatic.Scored:
        figure = content.Figure(value=sum(values) / len(values), n=len(values))
        return automatic.Scored(
            "n.error", "n", "error", figure, "lower", 1.0, (0.0, float("inf")), "", np.array(values), None, None
        )

    test = automatic.TestSet(worlds.SPEC, [1, 2, 3], [{}] * 3, [{}] * 3, ["a", "b", "c"])
    improved, worse = automatic.extremes(test, scored([0, 10, 5]), scored([10, 0, 5]))
    assert [(one.item, one.difference) for one in improved] == [(2, -10)]
    assert [(one.item, one.difference) for one in worse] == [(1, 10)]


def late_rules(world: worlds.World) -> ReleaseRules:
    rules = Rules(primary="desk.accuracy", smallest_effect=0.01, margins={})
    return services.set_rules(project=world.project, rules=rules, by=world.by)


def test_rules_fitted_to_one_run_are_late_for_a_second_run_of_the_same_candidate(world: worlds.World) -> None:
    first = worlds.make_scorecard(world)
    assert first.content["rules_note"] == "set before results"
    late = late_rules(world)
    again = worlds.second_run(world)
    card = services.make_comparison(
        run=again, baseline=first.baseline, candidate=world.tuned, rules=late, serving="zero-shot", by=world.by
    )
    assert card.content["rules_note"] == "set after results"
    assert "exploratory" in card.content["threats"][0]


def test_a_rating_in_any_campaign_makes_later_rules_late(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=4)
    Generation.objects.filter(cell__run=world.tuned_run).update(created_at=timezone.now() + timedelta(days=1))
    worlds.rate_all(campaign, world.experts)
    assert compose._rules_came_late(late_rules(world), world.evaluation_set, world.tuned)
    assert not compose._rules_came_late(world.rules, world.evaluation_set, world.tuned)


def rescored(card: Scorecard, world: worlds.World) -> Scorecard:
    """As the job of "score again" does it."""
    job = services.request_rescore(scorecard=card, by=world.by)
    named = CompareParameters.model_validate(job.parameters)
    return services.make_comparison(
        run=world.tuned_run,
        baseline=Scorecard.objects.get(pk=named.baseline),
        candidate=world.tuned,
        rules=ReleaseRules.objects.get(pk=named.rules),
        campaign=Campaign.objects.filter(pk=named.campaign).first(),
        supersedes=Scorecard.objects.get(pk=named.supersedes),
        serving=named.serving,
        by=world.by,
    )


def another_campaign(world: worlds.World, card: Scorecard, **more: Any) -> Campaign:
    options = {"rubric": services.ensure_rubric(project=world.project, by=world.by), "rules": world.rules} | more
    campaign = services.open_campaign(scorecard=card, name="Second round", by=world.by, **({"items": 24} | options))
    for expert in world.experts:
        services.invite_rater(campaign=campaign, user=expert, by=world.by)
    return campaign


def test_a_second_campaign_adds_its_ratings_to_those_of_the_first(world: worlds.World) -> None:
    first = worlds.open_campaign(world, items=5)
    worlds.rate_all(first, world.experts, candidate=4)
    services.close_campaign(campaign=first, by=world.by)
    card = Scorecard.objects.get(kind="comparison")
    second = another_campaign(world, card)
    made = rescored(card, world)
    assert made.content["human"]["ratings"] == 10 and made.content["human"]["campaigns"] == [first.pk, second.pk]
    worlds.rate_all(second, world.experts, candidate=5)
    pooled = rescored(made, world).content["human"]
    assert (pooled["ratings"], pooled["items"]) == (48, 24), "someone who rated an item in both counts once"
    helpful = next(one for one in pooled["dimensions"] if one["name"] == "helpfulness")
    assert helpful["candidate"]["value"] == pytest.approx((5 * 4 + 19 * 5) / 24), "by what was said first"
    assert any(
        "10 ratings repeat what the same rater had said" in one for one in rescored(made, world).content["threats"]
    )


def test_a_second_campaign_takes_the_tickets_that_nobody_has_rated(world: worlds.World) -> None:
    first = worlds.open_campaign(world, items=15)
    worlds.rate_all(first, world.experts)
    services.close_campaign(campaign=first, by=world.by)
    card = Scorecard.objects.get(kind="comparison")
    second = another_campaign(world, card, items=9)
    rated = set(first.items.values_list("item", flat=True))
    assert not rated & set(second.items.values_list("item", flat=True))


def test_rating_again_until_it_fits_changes_nothing_and_is_told(world: worlds.World) -> None:
    first = worlds.open_campaign(world, items=24)
    worlds.rate_all(first, world.experts, candidate=2)
    services.close_campaign(campaign=first, by=world.by)
    card = Scorecard.objects.get(kind="comparison")
    honest = rescored(card, world)
    worlds.rate_all(another_campaign(world, card), world.experts, candidate=5)
    again = rescored(honest, world)
    (before, after) = (one.content["human"]["dimensions"] for one in (honest, again))
    assert [one["delta"] for one in after] == [one["delta"] for one in before]
    assert any("48 ratings repeat what the same rater had said" in threat for threat in again.content["threats"])
    assert not any("repeat" in threat for threat in honest.content["threats"])


def test_a_rating_revised_in_its_own_campaign_counts_as_revised(world: worlds.World) -> None:
    eve = world.experts[0]
    first = worlds.open_campaign(world, items=24, overlap=1)
    item = services.next_item(rater=worlds.rater_of(first, eve))
    assert item
    given = services.submit_rating(assignment=item, answer=worlds.answer(item), by=world.by)
    second = another_campaign(world, Scorecard.objects.get(kind="comparison"))
    worlds.rate_all(second, [eve], candidate=5)
    changed = worlds.answer(item, {"A": 2, "B": 2})
    services.revise_rating(assignment=item, answer=changed, supersedes=given.pk, by=world.by)
    ticket = item.campaign_item.item_id
    (judged,) = [one for one in gather.judgements([first, second]) if one.item == ticket]
    assert {score for row in judged.scores.values() for score in row.values()} == {2}


def shown_tickets(campaign: Campaign) -> list[int]:
    return list(campaign.items.order_by("position").values_list("item", flat=True))


def test_tickets_that_wait_for_raters_in_an_open_campaign_are_not_drawn_before_free_ones(world: worlds.World) -> None:
    first = worlds.open_campaign(world, items=10)
    assert not set(shown_tickets(first)) & set(shown_tickets(worlds.open_campaign(world, items=14)))


def test_what_was_rated_by_another_rubric_is_no_reason_to_leave_a_ticket_out(world: worlds.World) -> None:
    first = worlds.open_campaign(world, items=10)
    worlds.rate_all(first, world.experts)
    other = services.ensure_rubric(project=world.project, rubric=Rubric(dimensions=DEFAULT.dimensions[:5]), by=world.by)
    second = another_campaign(world, Scorecard.objects.get(kind="comparison"), rubric=other)
    assert shown_tickets(second)[:10] == shown_tickets(first)


def test_the_form_proposes_the_tickets_that_are_left(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    client = Client()
    client.force_login(world.admin)

    def form() -> str:
        url = reverse("evaluation:new-campaign", args=[world.project.slug])
        return client.get(url, {"scorecard": card.pk}).content.decode()

    assert 'name="items" value="24"' in form()
    worlds.open_campaign(world, items=10)
    assert 'name="items" value="14"' in form() and "14 of 24" in form()
    worlds.open_campaign(world, items=14)
    assert 'name="items" value="24"' in form() and "Every ticket has ratings" in form()


def test_many_tickets_are_opened_in_no_more_questions_than_few(world: worlds.World) -> None:
    worlds.make_scorecard(world)
    asked = []
    for items in (2, 20):
        with CaptureQueriesContext(connection) as captured, transaction.atomic():
            worlds.open_campaign(world, items=items)
            transaction.set_rollback(True)
        asked.append(len(captured))
    assert asked[0] == asked[1]


def test_eyes_that_were_opened_in_one_campaign_rate_the_same_answers_in_no_other(world: worlds.World) -> None:
    first = worlds.open_campaign(world, items=4)
    second = another_campaign(world, Scorecard.objects.get(kind="comparison"))
    services.invite_rater(campaign=second, user=world.admin, by=world.by)
    held = services.next_item(rater=worlds.rater_of(second, world.admin))
    assert held
    services.override_blindness(campaign=first, reason="a look", by=world.by)
    with pytest.raises(Conflict, match="“Second round” shows the same answers") as refused:
        services.submit_rating(assignment=held, answer=worlds.answer(held), by=world.by)
    assert refused.value.code == "not-blind-any-more"
    third = another_campaign(world, Scorecard.objects.get(kind="comparison"))
    with pytest.raises(Refused) as not_invited:
        services.invite_rater(campaign=third, user=world.admin, by=world.by)
    assert not_invited.value.errors[0].field == "user"
    assert services.next_item(rater=worlds.rater_of(second, world.experts[0])), "nobody else is concerned"


def test_eyes_opened_on_other_answers_stay_blind_here(world: worlds.World) -> None:
    elsewhere = worlds.open_campaign(worlds.make_world("elsewhere", admin="ada"), items=4)
    services.override_blindness(campaign=elsewhere, reason="a look", by=world.by)
    services.invite_rater(campaign=worlds.open_campaign(world, items=4), user=world.admin, by=world.by)


def test_eyes_opened_in_one_campaign_are_open_for_the_same_answers_in_another(world: worlds.World) -> None:
    first = worlds.open_campaign(world, items=5)
    services.invite_rater(campaign=first, user=world.admin, by=world.by)
    services.override_blindness(campaign=first, reason="a look", by=Actor.of(world.admin))
    card = Scorecard.objects.get(kind="comparison")
    second = another_campaign(world, card)
    with pytest.raises(Refused, match="has seen which version wrote these answers"):
        services.invite_rater(campaign=second, user=world.admin, by=world.by)


def test_a_rater_whose_role_opened_the_pages_before_is_told_as_a_threat(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=5)
    services.invite_rater(campaign=campaign, user=world.admin, by=world.by)
    worlds.rate_all(campaign, [world.admin])
    card = Scorecard.objects.get(kind="comparison")
    assert any(
        "One rater of “Blind round” could see who wrote what before the invitation" in one
        for one in rescored(card, world).content["threats"]
    )


def test_what_raters_saw_can_be_neither_changed_nor_deleted(world: worlds.World) -> None:
    worlds.open_campaign(world, items=5)
    for model in (ItemAnswer, CampaignItem, CampaignArm):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            model.objects.order_by("pk").update(id=F("id"))


def test_ratings_by_another_rubric_are_named_and_not_mixed_in(world: worlds.World) -> None:
    first = worlds.open_campaign(world, items=5)
    worlds.rate_all(first, world.experts)
    card = Scorecard.objects.get(kind="comparison")
    other = services.ensure_rubric(project=world.project, rubric=Rubric(dimensions=DEFAULT.dimensions[:5]), by=world.by)
    another_campaign(world, card, rubric=other)
    made = rescored(card, world)
    assert made.content["human"]["ratings"] == 0
    assert any("“Blind round” rated by another rubric" in threat for threat in made.content["threats"])


def test_scoring_again_uses_the_rules_of_the_campaign_and_says_that_they_differ(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    other = services.set_rules(project=world.project, rules=Rules(primary="relevance", margins={}), by=world.by)
    another_campaign(world, card, rules=other)
    made = rescored(card, world)
    assert made.rules == other
    assert any("by Release rules 2" in one and "by Release rules 1" in one for one in made.content["threats"])


def test_two_jobs_that_score_again_make_one_chain(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=6)
    card = Scorecard.objects.get(kind="comparison")
    named = {
        "run": world.tuned_run, "baseline": card.baseline, "candidate": world.tuned, "rules": world.rules,
        "campaign": campaign, "supersedes": card, "serving": "zero-shot", "by": world.by,
    }  # fmt: skip
    worlds.rate_all(campaign, world.experts[:1])
    first = services.make_comparison(**named)
    worlds.rate_all(campaign, world.experts[1:])
    second = services.make_comparison(**named)
    assert (first.supersedes, second.supersedes) == (card, first)


def test_who_opened_the_sealed_pages_rates_no_more_and_the_card_says_so(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=6)
    services.invite_rater(campaign=campaign, user=world.admin, by=world.by)
    rater = worlds.rater_of(campaign, world.admin)
    item = services.next_item(rater=rater)
    assert item is not None
    rating = services.submit_rating(assignment=item, answer=worlds.answer(item), by=world.by)
    held = services.next_item(rater=rater)
    assert held is not None
    services.override_blindness(campaign=campaign, reason="a look", by=world.by)
    for deed in (
        lambda: services.next_item(rater=rater),
        lambda: services.submit_rating(assignment=held, answer=worlds.answer(held), by=world.by),
        lambda: services.revise_rating(assignment=item, answer=worlds.answer(item), supersedes=rating.pk, by=world.by),
    ):
        with pytest.raises(Conflict) as refused:
            deed()
        assert refused.value.code == "not-blind-any-more"
    client = Client()
    client.force_login(world.admin)
    page = client.get(reverse("evaluation:rate", args=[world.project.slug, campaign.number]))
    assert "you can no longer rate in it" in page.content.decode()
    card = worlds.make_scorecard(world, campaign)
    assert card.content["human"]["ratings"] == 1
    assert any("One rater of “Blind round” opened the sealed pages" in threat for threat in card.content["threats"])


@pytest.mark.parametrize("name", ["LoRA of run 1 against base", "Is GPT-4 better?"])
def test_a_campaign_whose_name_tells_who_wrote_what_is_refused(world: worlds.World, name: str) -> None:
    card = worlds.make_scorecard(world)
    rubric = services.ensure_rubric(project=world.project, by=world.by)
    with pytest.raises(Refused) as refused:
        services.open_campaign(scorecard=card, rubric=rubric, rules=world.rules, name=name, by=world.by)
    assert refused.value.errors[0].field == "name"


def test_answers_that_name_their_author_are_told_to_the_admin_and_among_the_threats(world: worlds.World) -> None:
    generation = world.tuned_run.cells.get().generations.order_by("item__position").first()
    Generation.objects.filter(pk=generation.pk).update(
        values={"desk": "Tax", "reply": "As an AI language model I think so."}
    )
    campaign = worlds.open_campaign(world, items=24)
    client = Client()
    client.force_login(world.admin)
    page = client.get(reverse("evaluation:campaign", args=[world.project.slug, campaign.number])).content.decode()
    assert "1 answer names its author" in page
    card = worlds.make_scorecard(world, campaign)
    assert any("One rated answer names its author" in threat for threat in card.content["threats"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"margins": {"fluency": "nan"}},
        {"margins": {"fluency": -5}},
        {"smallest_effect": "inf"},
        {"least_items": 10**30},
        {"least_raters": 10**12},
    ],
)
def test_rules_without_sense_are_refused_by_the_api(world: worlds.World, wrong: dict[str, Any]) -> None:
    client = Client()
    client.force_login(world.admin)
    url = f"/api/v1/projects/{world.project.slug}/release-rules/"
    assert client.post(url, wrong, content_type="application/json").status_code == 400


def test_the_table_for_a_spreadsheet_holds_verdict_harm_agreement_raters_and_preference(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=6, asks_preference=True)
    for expert in world.experts:
        rater = worlds.rater_of(campaign, expert)
        while item := services.next_item(rater=rater):
            ours = worlds.candidate_letter(item)
            given = worlds.answer(item, {"A": 3, "B": 3} | {ours: 4}, preference=ours, harm_category={ours: "privacy"})
            given["harm"][ours] = True
            services.submit_rating(assignment=item, answer=given, by=Actor.of(expert))
    card = worlds.make_scorecard(world, campaign)
    rows = list(csv.DictReader(io.StringIO(export.export(card, "csv").body.decode())))
    found = {(row["part"], row["name"], row["source"]): row for row in rows}
    assert found["verdict", card.verdict, ""]["reason"] == card.content["sentence"]
    assert float(found["harm", "rate", "candidate"]["value"]) == 1
    assert found["harm", "Privacy", "candidate"]["value"] == "6"
    assert float(found["agreement", "helpfulness", "alpha"]["value"]) == 1
    assert found["rater", "rater 1", "leniency"]["value_n"] == "6"
    assert found["preference", "candidate", "ratings"]["value"] == "12"


@pytest.mark.parametrize(("right", "is_told"), [(0.35, True), (0.95, False)])
def test_a_candidate_that_gained_nothing_is_told_so_plainly(right: float, is_told: bool) -> None:
    labels_only = worlds.SPEC.model_copy(update={"fields": worlds.SPEC.fields[:1]})
    made = worlds.make_world(items=40, tuned_right=right, spec=labels_only)
    card = worlds.make_scorecard(made)
    told = [one for one in card.content["threats"] if one.startswith("Nothing is shown to be gained")]
    assert bool(told) == is_told


def test_the_address_of_a_server_stands_on_no_card(world: worlds.World) -> None:
    baseline = worlds.make_baseline(world)
    for run, address in (
        (world.baseline_run, "http://one.internal:8000/v1"),
        (world.tuned_run, "http://two.internal/v1"),
    ):
        run.cells.update(backend="openai", hardware=address)
    card = worlds.make_scorecard(world)
    assert card.baseline == baseline and "internal" not in str(card.content)
    (latency, *_) = card.content["cost"]
    assert latency["place"] == "openai, a remote server, 24 at once"
    assert latency["candidate"] is None and latency["reason"] == "measured at two different addresses"


def test_a_rating_that_comes_while_a_card_is_composed_is_told_as_new(
    world: worlds.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = worlds.open_campaign(world, items=4)
    worlds.rate_all(campaign, world.experts[:1])
    read = gather.judgements

    def then_another_comes(campaigns: Any) -> Any:
        found = read(campaigns)
        worlds.rate_all(campaign, world.experts[1:])
        return found

    with monkeypatch.context() as patched:
        patched.setattr(gather, "judgements", then_another_comes)
        card = worlds.make_scorecard(world, campaign)
    assert card.content["human"]["ratings"] == 4 and selectors.new_ratings(card) == 4
    newer = worlds.make_scorecard(world, campaign)
    assert newer.content["human"]["ratings"] == 8 and selectors.new_ratings(newer) == 0


def test_a_card_made_before_it_counted_its_ratings_tells_those_since_its_time(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=4)
    worlds.rate_all(campaign, world.experts)
    card = Scorecard.objects.get(kind="comparison")
    columns = {field.attname: getattr(card, field.attname) for field in Scorecard._meta.fields if field.attname != "id"}
    old = Scorecard.objects.create(**columns | {"number": 99, "ratings_seen": None})
    given = worlds.rate_all(another_campaign(world, card), world.experts)
    assert given and selectors.new_ratings(old) == given


def test_a_slice_of_a_few_tickets_has_a_difference_and_no_interval() -> None:
    field = worlds.SPEC.fields[0]

    def scored(values: list[float]) -> automatic.Scored:
        figure = content.Figure(value=sum(values) / len(values), n=len(values))
        return automatic.Scored(
            "desk.m", "desk", "m", figure, "higher", 1.0, (0.0, 1.0), "", np.array(values), None, None
        )

    desks = [worlds.DESKS[0]] * 5 + [worlds.DESKS[1]] * 6
    test = automatic.TestSet(
        worlds.SPEC, list(range(11)), [{"desk": desk} for desk in desks], [{}] * 11, [str(at) for at in range(11)]
    )
    cut = automatic.slices(
        test, field, scored([0.0] * 11), scored([0.1, 0.2, 0.3, 0.2, 0.1] + [0.1, 0.4] * 3), "by desk"
    )
    assert cut
    few, enough = cut.rows
    assert few.delta.value and few.delta.ci is None and few.delta.reason == "too few tickets for an interval"
    assert few.p and enough.delta.ci and enough.delta.ci[0] > 0


def test_scoring_again_and_again_while_ratings_come_is_told(world: worlds.World) -> None:
    def looks(card: Scorecard) -> list[str]:
        return [threat for threat in card.content["threats"] if "while ratings came in" in threat]

    campaign = worlds.open_campaign(world, items=4)
    first = Scorecard.objects.get(kind="comparison")
    worlds.rate_all(campaign, world.experts[:1])
    once = rescored(first, world)
    assert not looks(once), "a card without ratings was no look at them"
    assert rescored(once, world) == once, "the same evidence is the same card"
    worlds.rate_all(campaign, world.experts[1:])
    (told,) = looks(rescored(once, world))
    assert "Scored 2 times" in told


def test_the_projects_row_is_free_while_a_card_is_composed(
    world: worlds.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds.make_baseline(world)
    locked: list[bool] = []

    def watched(**named: Any) -> compose.Comparison:
        made = compose.compose_comparison(**named)
        locked.append(any("FOR NO KEY UPDATE" in query["sql"] for query in captured.captured_queries))
        return made

    monkeypatch.setattr(scorecards, "compose_comparison", watched)
    with CaptureQueriesContext(connection) as captured:
        worlds.make_scorecard(world)
    assert locked == [False]
    assert any("FOR NO KEY UPDATE" in query["sql"] for query in captured.captured_queries), "and taken for the write"


def test_a_card_of_more_ratings_written_meanwhile_is_not_followed_by_one_of_fewer(
    world: worlds.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = worlds.open_campaign(world, items=4)
    worlds.rate_all(campaign, world.experts[:1])

    def overtaken(**named: Any) -> compose.Comparison:
        made = compose.compose_comparison(**named)
        monkeypatch.setattr(scorecards, "compose_comparison", compose.compose_comparison)
        worlds.rate_all(campaign, world.experts[1:])
        faster.append(worlds.make_scorecard(world, campaign))
        return made

    faster: list[Scorecard] = []
    monkeypatch.setattr(scorecards, "compose_comparison", overtaken)
    assert worlds.make_scorecard(world, campaign) == faster[0]
    assert faster[0].content["human"]["ratings"] == 8
