"""A rater learns of no answer who wrote it: pages, API answers, headers, order, and the seal on everything else."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import DatasetItem, DatasetVersion
from evaluation import services
from evaluation.campaigns.blinding import order_of, self_naming
from evaluation.models import Assignment, Campaign, CampaignRater, ItemAnswer, Scorecard
from ftplatform.accounts.models import Membership
from ftplatform.audit.models import AuditEvent
from ftplatform.jobs.models import Job
from inference.models import Generation
from tests.evaluation import world as worlds
from training.models import RunSample, TrainingRun
from training.plan import RunPlan

pytestmark = pytest.mark.django_db

TELLTALES = (
    worlds.BASE_NAME, worlds.TUNED_NAME, "lora", "EPYC-TESTCPU", "transformers", "zero-shot", "3-shot", "baseline", "candidate",
    "0.123457", "1.654321", "4711", "tokens", "generation", "latency",
)  # fmt: skip


@pytest.fixture
def world() -> worlds.World:
    return worlds.make_world()


@pytest.fixture
def campaign(world: worlds.World) -> Campaign:
    return worlds.open_campaign(world, items=8, overlap=2)


def _client(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def _assert_blind(answer: Any) -> None:
    text = answer.content.decode() + str(answer.headers)
    found = [word for word in TELLTALES if word.lower() in text.lower()]
    assert not found, f"{answer.request['PATH_INFO']} tells {found}"


def test_the_bench_and_its_neighbours_tell_nothing(world: worlds.World, campaign: Campaign) -> None:
    expert = world.experts[0]
    client = _client(expert)
    bench = reverse("evaluation:rate", args=[world.project.slug, campaign.number])
    for _ in range(3):
        page = client.get(bench)
        assert page.status_code == 200
        _assert_blind(page)
        assignment = Assignment.objects.get(rater__user=expert, state="live")
        for url in (f"{bench}{assignment.pk}/", f"{bench}last/", reverse("projects:home", args=[world.project.slug])):
            _assert_blind(client.get(url))
        services.submit_rating(assignment=assignment, answer=worlds.answer(assignment), by=world.by)
        _assert_blind(client.get(f"{bench}{assignment.pk}/"))


def test_api_answers_tell_nothing_and_no_id_joins(world: worlds.World, campaign: Campaign) -> None:
    expert = world.experts[0]
    client = _client(expert)
    answer = client.post(f"/api/v1/campaigns/{campaign.pk}/items/next/")
    assert answer.status_code == 201
    _assert_blind(answer)
    shown = answer.json()
    assert set(shown) == {
        "id",
        "expires_at",
        "prompt",
        "reference",
        "answers",
        "dimensions",
        "harm_categories",
        "asks_preference",
        "draft",
        "draft_revision",
    }
    assert [set(one) for one in shown["answers"]] == [{"key", "text"}] * 2
    assignment = Assignment.objects.get(pk=shown["id"])
    rated = client.post(
        f"/api/v1/items/{shown['id']}/ratings/", worlds.answer(assignment), content_type="application/json"
    )
    assert rated.status_code == 201
    _assert_blind(rated)
    secret = {str(pk) for pk in Generation.objects.values_list("pk", flat=True) if pk > 1000}
    numbers = set(re.findall(r"\b\d{4,}\b", json.dumps([shown["answers"], shown["dimensions"]])))
    assert not numbers & secret


def test_the_same_item_has_another_id_for_each_rater(world: worlds.World, campaign: Campaign) -> None:
    first, second = (services.next_item(rater=worlds.rater_of(campaign, expert)) for expert in world.experts)
    assert first and second
    assert first.campaign_item_id == second.campaign_item_id and first.pk != second.pk


@pytest.mark.parametrize("arms", [2, 3])
def test_every_order_stands_once_in_each_block(arms: int) -> None:
    answers = [ItemAnswer(arm_id=at, text=str(at)) for at in range(1, arms + 1)]
    size = len(list(itertools.permutations(answers)))
    for seed in range(20):
        rater = CampaignRater(block_seed=seed)
        orders = [tuple(answer.arm_id for _, answer in order_of(rater, at, answers)) for at in range(4 * size)]
        assert set(Counter(orders).values()) == {4}
        for block in range(4):
            assert len(set(orders[block * size : (block + 1) * size])) == size


def test_orders_differ_between_raters_and_are_kept(world: worlds.World, campaign: Campaign) -> None:
    answers = [ItemAnswer(arm_id=at) for at in (1, 2)]
    seen = {
        tuple(order_of(CampaignRater(block_seed=seed), at, answers)[0][1].arm_id for at in range(8))
        for seed in range(30)
    }
    assert len(seen) > 5
    rater = worlds.rater_of(campaign, world.experts[0])
    first = services.next_item(rater=rater)
    again = services.next_item(rater=rater)
    assert first and again and first.pk == again.pk
    assert [key.answer_id for key in first.keys.order_by("key")] == [
        key.answer_id for key in again.keys.order_by("key")
    ]


def _sealed_urls(world: worlds.World, campaign: Campaign) -> list[str]:
    card, baseline = Scorecard.objects.get(kind="comparison"), Scorecard.objects.get(kind="baseline")
    slug = world.project.slug
    return [
        reverse("evaluation:scorecard", args=[slug, card.number]),
        reverse("evaluation:scorecard", args=[slug, baseline.number]),
        reverse("evaluation:export", args=[slug, card.number]) + "?format=csv",
        f"/api/v1/scorecards/{card.pk}/",
        f"/api/v1/scorecards/{card.pk}/export/?format=json",
        f"/api/v1/campaigns/{campaign.pk}/results/",
        f"/api/v1/campaigns/{campaign.pk}/agreement/",
        reverse("inference:generation", args=[slug, world.tuned_run.number]),
        reverse("inference:compare", args=[slug]),
    ]


def test_an_admin_who_rates_is_sealed_until_an_audited_override(world: worlds.World, campaign: Campaign) -> None:
    client = _client(world.admin)
    urls = _sealed_urls(world, campaign)
    assert all(client.get(url).status_code == 200 for url in urls)
    services.invite_rater(campaign=campaign, user=world.admin, by=world.by)
    assert {client.get(url).status_code for url in urls} == {403}
    page = reverse("evaluation:campaign", args=[world.project.slug, campaign.number])
    html = client.get(page).content.decode()
    assert "Results are sealed for you" in html and worlds.TUNED_NAME not in html
    assert "Latest scorecard" not in client.get(reverse("projects:home", args=[world.project.slug])).content.decode()
    override = reverse("evaluation:override", args=[world.project.slug, campaign.number])
    assert client.post(override, {"reason": "  "}).status_code == 422
    assert client.post(override, {"reason": "A rater reported a broken text."}).status_code == 302
    assert AuditEvent.objects.filter(verb="campaign.override-blindness", user=world.admin).count() == 1
    assert all(client.get(url).status_code == 200 for url in urls)


def test_a_sealed_rater_meets_the_verdict_nowhere(world: worlds.World, campaign: Campaign) -> None:
    slug, card = world.project.slug, Scorecard.objects.get(kind="comparison")
    assert card.verdict == "undecided"
    pages = [
        reverse("projects:home", args=[slug]),
        reverse("evaluation:scorecards", args=[slug]),
        reverse("evaluation:campaigns", args=[slug]),
        reverse("inference:model", args=[slug, world.tuned.number]),
    ]
    listed = f"/api/v1/projects/{slug}/scorecards/"
    trail = reverse("audit", args=[slug])
    client = _client(world.admin)

    def told() -> list[bool]:
        return ["undecided" in client.get(page).content.decode().lower() for page in (*pages, listed)]

    assert told() == [True] * 5
    services.invite_rater(campaign=campaign, user=world.admin, by=world.by)
    assert told() == [False] * 5 and "undecided" not in client.get(trail).content.decode()
    assert {one["verdict"] for one in client.get(listed).json()["results"]} == {None}
    services.override_blindness(campaign=campaign, reason="a look", by=world.by)
    assert told() == [True] * 5


def test_the_seal_ends_with_the_campaign(world: worlds.World, campaign: Campaign) -> None:
    services.invite_rater(campaign=campaign, user=world.admin, by=world.by)
    services.close_campaign(campaign=campaign, by=world.by)
    client = _client(world.admin)
    assert all(client.get(url).status_code == 200 for url in _sealed_urls(world, campaign))


def test_a_reader_who_is_a_rater_too_is_sealed(world: worlds.World, campaign: Campaign) -> None:
    expert = world.experts[0]
    client = _client(expert)
    urls = _sealed_urls(world, campaign)
    assert {client.get(url).status_code for url in urls} == {403}, "an expert reads none of these"
    Membership.objects.create(user=expert, project=world.project, role="viewer")
    assert {client.get(url).status_code for url in urls} == {403}


def test_a_training_run_keeps_its_answers_from_who_rates_its_model(world: worlds.World, campaign: Campaign) -> None:
    tickets = DatasetVersion.objects.create(
        project=world.project,
        kind="sft",
        number=1,
        hash="0" * 64,
        task_revision=world.project.task_revision,
        evaluation_set=world.evaluation_set,
        counts={"train": 0, "validation": 1},
        card={},
    )
    held_out = world.evaluation_set.items.order_by("position").first()
    item = DatasetItem.objects.create(
        version=tickets,
        position=0,
        split="validation",
        content=held_out.content,
        hash="1" * 64,
        group_key="2" * 64,
        prompt_hash="3" * 64,
        sources=[],
    )
    run = TrainingRun.objects.create(
        project=world.project,
        number=1,
        task_revision=world.project.task_revision,
        dataset_version=tickets,
        base_version=world.base,
        baseline=Scorecard.objects.get(kind="baseline"),
        hyperparameters=RunPlan().model_dump(mode="json"),
        model_version=world.tuned,
        job=Job.objects.create(kind="training.run", project=world.project, title="Run 1", parameters={}),
        result={"best_step": 8, "smoke": [{"row": 1, "text": "desk: Tax\nSAVED STYLE", "stopped": True}]},
    )
    RunSample.objects.create(run=run, item=item, step=4, text="TRAINING STYLE", ended=True)
    slug = world.project.slug
    urls = [
        reverse("training:run", args=[slug, 1]),
        f"/api/v1/training-runs/{run.pk}/",
        f"/api/v1/projects/{slug}/training-runs/",
    ]
    client = _client(world.admin)
    open_to_all = [client.get(url) for url in urls]
    assert all("SAVED STYLE" in page.content.decode() for page in open_to_all)
    services.invite_rater(campaign=campaign, user=world.admin, by=world.by)
    for url in urls:
        page = client.get(url)
        assert page.status_code == 200 and "STYLE" not in page.content.decode(), url
        assert "You are rating blind" in page.content.decode()


def test_raters_are_numbered_while_the_campaign_is_open(world: worlds.World, campaign: Campaign) -> None:
    worlds.rate_all(campaign, world.experts)
    client = _client(world.admin)
    results = f"/api/v1/campaigns/{campaign.pk}/results/"
    assert [one["name"] for one in client.get(results).json()["raters"]] == ["rater 1", "rater 2"]
    services.close_campaign(campaign=campaign, by=world.by)
    assert {one["name"] for one in client.get(results).json()["raters"]} == {user.username for user in world.experts}


def test_texts_cannot_run_on_the_bench(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=24, overlap=1)
    client = _client(world.experts[0])
    url = reverse("evaluation:rate", args=[world.project.slug, campaign.number])
    met = False
    while True:
        page = client.get(url).content.decode()
        assert "<script>alert" not in page
        met = met or "&lt;script&gt;alert" in page
        assignment = Assignment.objects.filter(rater__user=world.experts[0], state="live").first()
        if assignment is None:
            break
        services.submit_rating(assignment=assignment, answer=worlds.answer(assignment), by=world.by)
    assert met


def test_an_answer_that_names_its_author_is_marked() -> None:
    assert self_naming("I am SmolLM2, as an AI language model.")
    assert not self_naming("File form 7 with the tax desk.")
