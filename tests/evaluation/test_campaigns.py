"""Campaigns and the bench: hand-out under threads, drafts, submits that count once, revisions, and the plain form."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation import selectors, services
from evaluation.campaigns import ratingform
from evaluation.campaigns.blinding import payload
from evaluation.models import Assignment, Campaign, Rating
from evaluation.scorecards.campaign_results import results_of
from evaluation.scoring import reach
from evaluation.scoring.rules import Rules
from ftplatform.accounts.actors import Actor
from ftplatform.errors import Conflict
from tests.evaluation import world as worlds


@pytest.fixture
def world(db: Any) -> worlds.World:
    return worlds.make_world()


@pytest.fixture
def campaign(world: worlds.World) -> Campaign:
    return worlds.open_campaign(world, items=6, overlap=2)


def _client(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def _url(world: worlds.World, name: str, *arguments: Any) -> str:
    return reverse(f"evaluation:{name}", args=[world.project.slug, *arguments])


def _form(score: int = 4, **more: Any) -> dict[str, Any]:
    names = ("relevance", "fluency", "factuality", "safety", "helpfulness")
    return {f"{low}-{name}": str(score) for low in "ab" for name in names} | more


def _live(user: Any) -> Assignment:
    return Assignment.objects.get(rater__user=user, state=Assignment.State.LIVE)


@pytest.mark.django_db(transaction=True)
def test_no_item_goes_over_its_overlap_under_threads() -> None:
    world = worlds.make_world(experts=6)
    campaign = worlds.open_campaign(world, items=5, overlap=2)
    failures: list[BaseException] = []

    def work(user: Any) -> None:
        try:
            rater = worlds.rater_of(campaign, user)
            idle = 0
            while idle < 3:
                assignment = services.next_item(rater=rater)
                if assignment is None:
                    idle += 1
                    continue
                services.submit_rating(assignment=assignment, answer=worlds.answer(assignment), by=Actor.of(user))
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(user,)) for user in world.experts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    rated = Counter(Assignment.objects.filter(state="rated").values_list("campaign_item", flat=True))
    assert set(rated.values()) == {2} and len(rated) == 5
    assert Rating.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_two_tabs_get_one_item_and_one_rating() -> None:
    world = worlds.make_world(experts=1)
    campaign = worlds.open_campaign(world, items=5, overlap=1)
    rater = worlds.rater_of(campaign, world.experts[0])
    got: list[Any] = []
    barrier = threading.Barrier(2)

    def tab() -> None:
        barrier.wait()
        try:
            assignment = services.next_item(rater=rater)
            assert assignment
            rating = services.submit_rating(assignment=assignment, answer=worlds.answer(assignment), by=world.by)
            got.append((assignment.pk, rating.pk))
        except Conflict as conflict:
            got.append(conflict.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=tab) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 2
    assert Rating.objects.count() == len({one for one in got if isinstance(one, tuple)})


def test_the_plain_form_rates_goes_on_and_ends_with_thanks(world: worlds.World, campaign: Campaign) -> None:
    expert = world.experts[0]
    client = _client(expert)
    for at in range(6):
        page = client.get(_url(world, "rate", campaign.number))
        assert f"<b>{at}</b> of 6" in page.content.decode()
        assignment = _live(expert)
        answer = client.post(
            _url(world, "item", campaign.number, assignment.pk),
            _form(4, **{"a-harm": "1", "a-harm-kind": "privacy", "seconds": "12.5"}),
        )
        assert answer.status_code == 302
    rating = Rating.objects.latest("pk")
    assert rating.scores["A"]["relevance"] == 4 and rating.harm == {"A": True, "B": False} and rating.seconds == 12.5
    assert rating.harm_category == {"A": "privacy"}
    assert "Thank you" in client.get(_url(world, "rate", campaign.number)).content.decode()


def test_an_incomplete_form_is_refused_and_keeps_what_was_entered(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.experts[0])
    client.get(_url(world, "rate", campaign.number))
    assignment = _live(world.experts[0])
    form = _form(2, comment="The rule is of last year.")
    del form["b-safety"]
    answer = client.post(_url(world, "item", campaign.number, assignment.pk), form)
    html = answer.content.decode()
    assert answer.status_code == 422 and "nothing was lost" in html
    assert html.count('value="2" data-key="2" checked') == 9 and "The rule is of last year." in html
    assert not Rating.objects.exists()


def test_cannot_judge_goes_with_its_reason(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.experts[0])
    client.get(_url(world, "rate", campaign.number))
    assignment = _live(world.experts[0])
    form = {name: value for name, value in _form(3).items() if name.startswith("a-")}
    form |= {"b-cannot": "1", "b-why": "Cut off", "comment": "Ends in the middle."}
    assert client.post(_url(world, "item", campaign.number, assignment.pk), form).status_code == 302
    rating = Rating.objects.get()
    assert set(rating.scores["B"].values()) == {None}
    assert rating.cannot == {"B": "Cut off"} and rating.reason == "Ends in the middle."
    state = ratingform.of_rating(rating)
    assert state["cannot"] == {"B": "Cut off"} and state["comment"] == "Ends in the middle."


def test_a_draft_is_kept_shown_again_and_a_stale_tab_is_told(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.experts[0])
    client.get(_url(world, "rate", campaign.number))
    assignment = _live(world.experts[0])
    url = _url(world, "draft", campaign.number, assignment.pk)
    first = client.post(url, {"a-relevance": "5", "comment": "so far", "revision": "0"})
    assert first.json() == {"draft_revision": 1}
    stale = client.post(url, {"a-relevance": "1", "revision": "0"})
    assert stale.status_code == 409
    assert stale.json() == {"detail": "You entered something else in another tab.", "draft_revision": 1}
    html = client.get(_url(world, "rate", campaign.number)).content.decode()
    assert 'name="a-relevance" value="5" data-key="5" checked' in html and "so far" in html
    assert 'name="revision" value="1"' in html
    assert client.post(url, {"a-relevance": "4", "revision": "1"}).json() == {"draft_revision": 2}
    client.post(_url(world, "item", campaign.number, assignment.pk), _form())
    late = client.post(url, {"a-relevance": "1", "revision": "2"})
    assert late.status_code == 409
    assert late.json() == {"detail": "You rated this item in another tab.", "rating": Rating.objects.get().pk}
    assignment.refresh_from_db()
    assert assignment.draft is None


def test_any_draft_of_another_client_can_be_shown(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.experts[0])
    client.get(_url(world, "rate", campaign.number))
    assignment = _live(world.experts[0])
    for draft in ({"scores": {"A": 3}}, {"scores": [1], "cannot": "x"}, {"harm": None, "comment": 7}):
        Assignment.objects.filter(pk=assignment.pk).update(draft=draft)
        assert client.get(_url(world, "rate", campaign.number)).status_code == 200


def test_a_rating_is_changed_from_the_last_items_and_the_old_one_kept(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.experts[0])
    client.get(_url(world, "rate", campaign.number))
    assignment = _live(world.experts[0])
    url = _url(world, "item", campaign.number, assignment.pk)
    client.post(url, _form(2))
    assert str(assignment.pk) in client.get(_url(world, "last-items", campaign.number)).content.decode()
    rating = Rating.objects.get()
    page = client.get(url).content.decode()
    assert f'name="supersedes" value="{rating.pk}"' in page and 'value="2" data-key="2" checked' in page
    assert client.post(url, _form(5, supersedes=str(rating.pk))).status_code == 302
    assert Rating.objects.count() == 2
    assert Rating.objects.get(supersedes=rating).scores["A"]["relevance"] == 5
    stale = client.post(url, _form(1, supersedes=str(rating.pk)), follow=True)
    assert "changed in another tab" in stale.content.decode() and Rating.objects.count() == 2


def test_what_was_entered_beside_a_newer_rating_comes_again_and_can_take_its_place(
    world: worlds.World, campaign: Campaign
) -> None:
    client = _client(world.experts[0])
    client.get(_url(world, "rate", campaign.number))
    url = _url(world, "item", campaign.number, _live(world.experts[0]).pk)
    client.post(url, _form(2))
    for entered in (_form(3, comment="seen anew"), _form(4, comment="seen anew", supersedes="1")):
        newest = Rating.objects.latest("pk")
        told = client.post(url, entered)
        html = told.content.decode()
        score = entered["a-relevance"]
        assert told.status_code == 409 and f'name="supersedes" value="{newest.pk}"' in html
        assert html.count(f'value="{score}" data-key="{score}" checked') == 10 and "seen anew" in html
        assert client.post(url, entered | {"supersedes": str(newest.pk)}).status_code == 302
        assert Rating.objects.get(supersedes=newest).scores["A"]["relevance"] == int(score)


def test_an_item_that_is_put_back_comes_again_last(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.experts[0])
    client.get(_url(world, "rate", campaign.number))
    first = _live(world.experts[0])
    assert client.post(_url(world, "release", campaign.number, first.pk)).status_code == 302
    order = []
    while "Thank you" not in client.get(_url(world, "rate", campaign.number)).content.decode():
        assignment = _live(world.experts[0])
        order.append(assignment.pk)
        client.post(_url(world, "item", campaign.number, assignment.pk), _form())
    assert len(order) == 6 and order[-1] == first.pk


def test_foreign_items_and_uninvited_people_are_turned_away(world: worlds.World, campaign: Campaign) -> None:
    eve, other = world.experts
    client = _client(eve)
    client.get(_url(world, "rate", campaign.number))
    assignment = _live(eve)
    for url in (
        _url(world, "item", campaign.number, assignment.pk),
        _url(world, "draft", campaign.number, assignment.pk),
    ):
        assert _client(other).post(url, _form()).status_code == 404
    assert (
        _client(other).post(f"/api/v1/items/{assignment.pk}/ratings/", {}, content_type="application/json").status_code
        == 404
    )
    uninvited = worlds.person(world.project, "late", "expert")
    assert _client(uninvited).get(_url(world, "rate", campaign.number)).status_code == 403
    assert _client(worlds.person(None, "mal")).get(_url(world, "rate", campaign.number)).status_code == 404
    assert (
        _client(worlds.person(world.project, "lea", "labeler")).get(_url(world, "rate", campaign.number)).status_code
        == 403
    )


def test_a_closed_campaign_thanks_and_takes_nothing(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.experts[0])
    client.get(_url(world, "rate", campaign.number))
    assignment = _live(world.experts[0])
    services.close_campaign(campaign=campaign, by=world.by)
    answer = client.post(_url(world, "item", campaign.number, assignment.pk), _form(), follow=True)
    assert "is closed" in answer.content.decode() and not Rating.objects.exists()


def test_api_hands_out_counts_once_and_ends_with_204(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.experts[0])
    next_url = f"/api/v1/campaigns/{campaign.pk}/items/next/"
    first = client.post(next_url)
    assert first.status_code == 201 and client.post(next_url).json()["id"] == first.json()["id"]
    for _ in range(6):
        shown = client.post(next_url).json()
        body = worlds.answer(Assignment.objects.get(pk=shown["id"]))
        url = f"/api/v1/items/{shown['id']}/ratings/"
        assert client.post(url, body, content_type="application/json").status_code == 201
        assert client.post(url, body, content_type="application/json").status_code == 200
    other = client.post(url, body | {"reason": "changed"}, content_type="application/json")
    assert other.status_code == 409 and other.json()["code"] == "rated-already"
    revised = client.post(
        url, body | {"reason": "changed", "supersedes": other.json()["rating"]}, content_type="application/json"
    )
    assert revised.status_code == 201
    assert client.post(next_url).status_code == 204
    assert Rating.objects.count() == 7


def test_api_refuses_cell_by_cell(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.experts[0])
    shown = client.post(f"/api/v1/campaigns/{campaign.pk}/items/next/").json()
    url = f"/api/v1/items/{shown['id']}/ratings/"
    answer = client.post(url, {"scores": {"A": {"relevance": 6}}}, content_type="application/json")
    assert answer.status_code == 400 and answer["Content-Type"].startswith("application/problem+json")
    assert {"scores.A.relevance", "scores.B.safety"} <= {one["field"] for one in answer.json()["errors"]}
    for body in ([1], "x", {"supersedes": "x"}):
        assert client.post(url, body, content_type="application/json").status_code == 400
    draft = f"/api/v1/items/{shown['id']}/draft/"
    assert client.post(draft, {"draft": {"scores": {}}, "revision": 0}, content_type="application/json").json() == {
        "draft_revision": 1
    }
    assert client.post(draft, {"draft": {}, "revision": 0}, content_type="application/json").status_code == 409
    assert client.post(f"/api/v1/items/{shown['id']}/release/").status_code == 204


def test_api_opens_a_campaign_with_raters_and_gives_results(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    client = _client(world.admin)
    body = {"scorecard": card.pk, "items": 3, "raters": [user.username for user in world.experts]}
    made = client.post(f"/api/v1/projects/{world.project.slug}/campaigns/", body, content_type="application/json")
    assert made.status_code == 201 and (made.json()["items"], made.json()["raters"]) == (3, 2)
    campaign = Campaign.objects.get(pk=made.json()["id"])
    worlds.rate_all(campaign, world.experts, noise=0.3)
    results = client.get(f"/api/v1/campaigns/{campaign.pk}/results/").json()
    assert (results["ratings"], results["items"]) == (6, 3)
    agreement = client.get(f"/api/v1/campaigns/{campaign.pk}/agreement/").json()
    assert agreement["dimensions"][0]["dimension"] == "relevance"
    listed = client.get(f"/api/v1/projects/{world.project.slug}/campaigns/").json()["results"]
    assert listed[0]["ratings"] == 6


def test_an_expert_lists_the_open_campaigns_that_ask_them_and_nothing_of_what_is_compared(
    world: worlds.World, campaign: Campaign
) -> None:
    eve, other = world.experts
    address = f"/api/v1/projects/{world.project.slug}/campaigns/"
    shown = {"id": campaign.pk, "number": campaign.number, "name": "Blind round", "done": 0, "left": 6}
    assert _client(eve).get(address).json() == {"next": None, "previous": None, "results": [shown]}
    for _ in range(2):
        item = _client(eve).post(f"/api/v1/campaigns/{campaign.pk}/items/next/").json()  # where the list's id leads
        answer = worlds.answer(_live(eve))
        rated = _client(eve).post(f"/api/v1/items/{item['id']}/ratings/", answer, content_type="application/json")
        assert rated.status_code == 201
    assert _client(eve).get(address).json()["results"] == [shown | {"done": 2, "left": 4}]
    uninvited = worlds.person(world.project, "zoe", "expert")
    assert _client(uninvited).get(address).json()["results"] == []
    assert "evaluation_set" in _client(world.admin).get(address).json()["results"][0], "readers see what they saw"
    services.close_campaign(campaign=campaign, by=world.by)
    assert _client(other).get(address).json()["results"] == []


def test_api_finds_a_rater_whatever_the_case_of_the_name(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    client = _client(world.admin)
    body = {"scorecard": card.pk, "items": 3, "raters": ["EVE", "eve"]}
    made = client.post(f"/api/v1/projects/{world.project.slug}/campaigns/", body, content_type="application/json")
    assert (made.status_code, made.json()["raters"]) == (201, 1)
    raters = f"/api/v1/campaigns/{made.json()['id']}/raters/"
    invited = client.post(raters, {"user": "Expert1"}, content_type="application/json")
    assert (invited.status_code, invited.json()["raters"]) == (200, 2)


def test_api_invites_more_raters_and_closes(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.admin)
    worlds.person(world.project, "zoe", "expert")
    worlds.person(world.project, "vic", "viewer")
    raters, close = (f"/api/v1/campaigns/{campaign.pk}/{deed}/" for deed in ("raters", "close"))
    for _ in range(2):
        invited = client.post(raters, {"user": "zoe"}, content_type="application/json")
        assert (invited.status_code, invited.json()["raters"]) == (200, 3)
    for nobody in ({"user": "vic"}, {"user": "no one"}, {}):
        refused = client.post(raters, nobody, content_type="application/json")
        assert refused.status_code == 400 and refused.json()["errors"][0]["field"] == "user"
    for _ in range(2):
        closed = client.post(close)
        assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert client.post(raters, {"user": "zoe"}, content_type="application/json").status_code == 409


def test_a_campaign_with_a_rater_who_may_not_rate_is_not_opened_at_all(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    worlds.person(world.project, "vic", "viewer")
    url = f"/api/v1/projects/{world.project.slug}/campaigns/"
    body = {"scorecard": card.pk, "items": 3, "raters": ["eve", "vic"]}
    refused = _client(world.admin).post(url, body, content_type="application/json")
    assert refused.status_code == 400 and refused.json()["errors"][0]["field"] == "raters"
    assert not Campaign.objects.exists()


def test_an_admin_opens_invites_watches_and_closes(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    client = _client(world.admin)
    form = {"scorecard": card.pk, "items": 4, "overlap": 2, "rules": world.rules.pk, "name": "Round one"}
    opened = client.post(_url(world, "new-campaign"), form)
    assert opened.status_code == 302
    campaign = Campaign.objects.get()
    page = _url(world, "campaign", campaign.number)
    assert "Nobody is invited yet" in client.get(page).content.decode()
    for expert in world.experts:
        assert client.post(_url(world, "invite", campaign.number), {"user": expert.pk}).status_code == 302
    stranger = worlds.person(None, "mal")
    assert client.post(_url(world, "invite", campaign.number), {"user": stranger.pk}).status_code == 422
    worlds.rate_all(campaign, world.experts)
    html = client.get(page).content.decode()
    assert "4 of 4" in html and "Score again with 8 new ratings" in html and "+1.00" in html
    assert client.post(_url(world, "close-campaign", campaign.number)).status_code == 302
    assert Campaign.objects.get().state == "closed"
    viewer = worlds.person(world.project, "vic", "viewer")
    assert _client(viewer).get(page).status_code == 200
    assert _client(viewer).post(_url(world, "invite", campaign.number), {"user": viewer.pk}).status_code == 403


def test_results_are_counted_once_for_each_newest_rating(world: worlds.World, campaign: Campaign) -> None:
    first, second = world.experts
    worlds.rate_all(campaign, [first])

    def asked() -> tuple[int, list[str], int]:
        with CaptureQueriesContext(connection) as captured:
            found = results_of(Campaign.objects.select_related("rules", "rubric").get(pk=campaign.pk))
        return found.ratings, [rater.name for rater in found.raters], len(captured)

    assert asked()[:2] == (6, ["rater 1"])
    assert asked() == (6, ["rater 1"], 2), "the campaign and its newest rating"
    worlds.rate_all(campaign, [second])
    assert asked()[0] == 12
    assignment = Assignment.objects.filter(rater__user=first).first()
    assert assignment
    services.revise_rating(
        assignment=assignment,
        answer=worlds.answer(assignment, {"A": 5}),
        supersedes=assignment.ratings.get().pk,
        by=Actor.of(first),
    )
    assert asked()[2] > 2, "a revision is counted too"
    services.close_campaign(campaign=campaign, by=world.by)
    assert asked()[1] == [user.username for user in world.experts], "names are told when it is closed"


def test_progress_counts_only_what_this_rater_can_still_have(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=5, overlap=1)
    first, second = (worlds.rater_of(campaign, user) for user in world.experts)
    for _ in range(2):
        assignment = services.next_item(rater=first)
        assert assignment
        services.submit_rating(assignment=assignment, answer=worlds.answer(assignment), by=world.by)
    assert (selectors.progress_of(first).done, selectors.progress_of(first).left) == (2, 3)
    assert (selectors.progress_of(second).done, selectors.progress_of(second).left) == (0, 3)
    services.next_item(rater=second)
    assert selectors.progress_of(first).left == 2


def test_a_preference_is_asked_where_the_campaign_asks(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=2, overlap=1, asks_preference=True)
    client = _client(world.experts[0])
    html = client.get(_url(world, "rate", campaign.number)).content.decode()
    assert "A is better" in html
    assignment = _live(world.experts[0])
    url = _url(world, "item", campaign.number, assignment.pk)
    assert client.post(url, _form()).status_code == 422
    assert client.post(url, _form(preference="tie")).status_code == 302
    assert Rating.objects.get().preference == "tie"


def test_a_page_of_the_bench_takes_few_queries(
    world: worlds.World, campaign: Campaign, django_assert_max_num_queries: Any
) -> None:
    assignment = services.next_item(rater=worlds.rater_of(campaign, world.experts[0]))
    assert assignment
    shown = selectors.shown_assignments().get(pk=assignment.pk)
    with django_assert_max_num_queries(0):
        ratingform.bench(payload(shown), None)


def test_rules_that_a_campaign_cannot_meet_are_told_when_it_is_opened(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    client = _client(world.admin)
    body = {"scorecard": card.pk, "items": 4, "overlap": 1}
    url = f"/api/v1/projects/{world.project.slug}/campaigns/"
    made = client.post(url, body, content_type="application/json")
    assert made.status_code == 201, "told, not refused"
    few, gate, alone = made.json()["warnings"]
    assert "20 rated items" in few and "59 items without harm" in gate and "one rater" in alone
    html = client.get(_url(world, "campaign", made.json()["number"])).content.decode()
    assert all(warning in html for warning in (few, gate, alone))


def test_a_campaign_that_can_meet_its_rules_is_opened_without_a_warning() -> None:
    assert reach.shortfalls(Rules(), 60, 2) == []
    assert reach.shortfalls(Rules(primary="desk.accuracy", margins={}), 1, 1) == [], "no rule looks at ratings"
