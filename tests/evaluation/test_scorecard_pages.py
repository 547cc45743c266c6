"""Scorecard pages, exports and the room's setup pages: what is shown, to whom, and that no text runs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from evaluation import services, standing
from evaluation.models import ReleaseRules, Scorecard
from evaluation.scorecards.cardpage import page_of
from evaluation.scorecards.itemscores import scores_of_cell
from evaluation.scoring import measures
from evaluation.scoring.rubric import DEFAULT, Rubric
from evaluation.scoring.rules import Rules
from ftplatform.jobs.models import Job
from ftplatform.projects.access import Access
from ftplatform.ui.registries import Lamp
from tests.evaluation import world as worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    return worlds.make_world()


def _client(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def _get(world: worlds.World, name: str, *arguments: Any, user: Any = None, **query: Any) -> Any:
    return _client(user or world.admin).get(reverse(f"evaluation:{name}", args=[world.project.slug, *arguments]), query)


def test_a_comparison_shows_verdict_rules_figures_and_escaped_texts(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    page = _get(world, "scorecard", card.number)
    html = page.content.decode()
    assert page.status_code == 200
    assert "Undecided" in html and "Still needed" in html and "set by ada" in html and "before results" in html
    assert 'class="forest"' in html and "exploratory" in html
    assert "Majority class" in html and "needs no model" in html
    assert "<script>alert" not in html
    assert "Nobody has rated these answers yet" in html


def test_texts_of_wins_and_losses_are_the_answers_themselves(world: worlds.World) -> None:
    page = page_of(worlds.make_scorecard(world))
    assert page.improved
    for case in page.improved:
        [ours] = world.tuned_run.cells.get().generations.filter(item=case.item)
        assert case.candidate == ours.values["reply"]
        assert case.difference > 0


def test_the_baseline_card_is_the_simpler_page(world: worlds.World) -> None:
    card = worlds.make_baseline(world)
    html = _get(world, "scorecard", card.number).content.decode()
    assert "Untuned, asked in 3 ways" in html and "Conditions" in html
    assert "Release rules" not in html and "Wins and losses" not in html


def test_a_missing_figure_shows_its_reason_never_zero(world: worlds.World) -> None:
    from evaluation.scorecards import cardview
    from evaluation.scoring import content

    card = worlds.make_scorecard(world)
    made = content.Content.model_validate(card.content)
    row = made.comparisons[0]
    absent = content.Figure(value=None, n=0, reason="package not installed")
    made = made.model_copy(update={"comparisons": [row.model_copy(update={"delta": absent, "p": None})]})
    [line] = cardview.automatic(made, None).lines
    assert (line.delta, line.p, line.point, line.reason) == ("–", "–", None, "package not installed")


def test_the_axis_holds_every_interval_and_zero() -> None:
    from evaluation.scorecards.cardview import axis_of

    axis = axis_of([0.12, -0.05, 0.31])
    assert axis.low < -0.05 and axis.high > 0.31
    assert (0.0, "0") in axis.ticks and 3 <= len(axis.ticks) <= 7
    assert axis_of([]).low < 0 < axis_of([]).high
    assert all(axis.low <= value <= axis.high for value, _ in axis.ticks)


def test_metrics_of_100_stand_on_the_same_axis(world: worlds.World) -> None:
    from evaluation.scorecards import cardview
    from evaluation.scoring import content

    table = cardview.automatic(content.Content.model_validate(worlds.make_scorecard(world).content), None)
    assert {"BLEU"} & {line.name for line in table.lines}
    assert all(abs(line.point) <= 1.5 for line in table.lines if line.point is not None)


@pytest.mark.parametrize("format", ["html", "csv", "json"])
def test_exports_are_downloads_and_run_nothing(world: worlds.World, format: str) -> None:
    card = worlds.make_scorecard(world)
    answer = _get(world, "export", card.number, format=format)
    text = answer.content.decode()
    assert answer.status_code == 200 and answer["Content-Disposition"].startswith("attachment")
    assert "<script" not in text if format == "html" else True
    if format == "html":
        assert "<style>" in text and "<link" not in text and 'href="/' not in text and "--paper" in text
    if format == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {row["part"] for row in rows} >= {"metric", "condition", "trivial", "rule", "threat"}
        assert any(row["delta"].startswith("-") or float(row["delta"]) >= 0 for row in rows if row["delta"])
        assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    if format == "json":
        assert json.loads(text)["verdict"]["value"] == "undecided"


def test_a_formula_in_a_csv_is_made_a_text_and_a_number_stays_one() -> None:
    from evaluation.scorecards.export import _safe

    assert _safe('=HYPERLINK("http://evil")') == '\'=HYPERLINK("http://evil")'
    assert [_safe(text)[0] for text in ("+1", "-1", "@x", "\tx", "\rx")] == ["'"] * 5
    assert _safe(-0.25) == -0.25 and _safe("fine") == "fine" and _safe(None) == ""


def test_an_unknown_format_is_refused_with_those_that_exist(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    answer = _get(world, "export", card.number, format="exe")
    assert answer.status_code == 400 and b"html, csv, json" in answer.content


def test_the_command_writes_the_same_file(world: worlds.World, tmp_path: Path) -> None:
    worlds.make_scorecard(world)
    path = tmp_path / "card.json"
    out = io.StringIO()
    call_command("export_scorecard", project=world.project.slug, format="json", output=path, json=True, stdout=out)
    assert json.loads(out.getvalue())["bytes"] == path.stat().st_size
    assert json.loads(path.read_text())["kind"] == "comparison"
    with pytest.raises(CommandError, match="no scorecard 99"):
        call_command("export_scorecard", 99, project=world.project.slug)


def test_strangers_find_nothing_and_labelers_are_refused(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    stranger = worlds.person(None, "mal")
    labeler = worlds.person(world.project, "lea", "labeler")
    for name, arguments in (
        ("scorecards", ()),
        ("scorecard", (card.number,)),
        ("export", (card.number,)),
        ("campaigns", ()),
        ("rules", ()),
        ("baseline", ()),
    ):
        assert _get(world, name, *arguments, user=stranger).status_code == 404
        assert _get(world, name, *arguments, user=labeler).status_code == 403


def test_setup_pages_render_empty_and_full(world: worlds.World) -> None:
    for name in ("baseline", "rules", "scorecards", "new-comparison", "campaigns", "new-campaign"):
        assert _get(world, name).status_code == 200, name
    worlds.make_scorecard(world)
    for name in ("baseline", "rules", "scorecards", "new-comparison", "campaigns", "new-campaign"):
        assert _get(world, name).status_code == 200, name


def test_rules_are_set_by_the_form_and_errors_keep_what_was_typed(world: worlds.World) -> None:
    client = _client(world.admin)
    url = reverse("evaluation:rules", args=[world.project.slug])
    form = {"primary": "helpfulness", "smallest_effect": "0.3", "margins": "safety 0.2\nfluency: 0.4", "least_items": 30,
            "least_raters": 3, "highest_harm_rate": "0.03", "least_agreement": "0.4", "confidence": "0.9"}  # fmt: skip
    assert client.post(url, form).status_code == 302
    assert ReleaseRules.objects.latest("number").content["margins"] == {"safety": 0.2, "fluency": 0.4}
    wrong = client.post(url, {**form, "margins": "safety much"})
    assert (
        wrong.status_code == 422 and b"safety much" in wrong.content and b"is not a name with a number" in wrong.content
    )
    unknown = client.post(url, {**form, "primary": "beauty"})
    assert unknown.status_code == 422 and b"beauty" in unknown.content


def test_a_baseline_is_asked_for_by_its_form(world: worlds.World) -> None:
    client = _client(world.admin)
    url = reverse("evaluation:baseline", args=[world.project.slug])
    answer = client.post(url, {"evaluation_set": world.evaluation_set.pk, "base_model": world.base.pk, "shots": 2})
    assert answer.status_code == 302
    job = Job.objects.get(kind="evaluation.baseline")
    assert "Being measured" in client.get(url).content.decode()
    assert job.title.startswith("Baseline of")


def test_api_lists_reads_exports_and_asks(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    client = _client(world.admin)
    listed = client.get(f"/api/v1/projects/{world.project.slug}/scorecards/").json()["results"]
    assert [one["kind"] for one in listed] == ["comparison", "baseline"]
    assert client.get(f"/api/v1/scorecards/{card.pk}/").json()["content"]["items"] == 24
    exported = client.get(f"/api/v1/scorecards/{card.pk}/export/?format=csv")
    assert exported.status_code == 200 and exported["Content-Type"].startswith("text/csv")
    body = {"kind": "baseline", "evaluation_set": world.evaluation_set.pk, "base_model": world.base.pk}
    url = f"/api/v1/projects/{world.project.slug}/scorecards/"
    headers = {"Idempotency-Key": "once"}
    first = client.post(url, body, content_type="application/json", headers=headers)
    again = client.post(url, body, content_type="application/json", headers=headers)
    assert first.status_code == again.status_code == 202 and first.json() == again.json()
    wrong = client.post(url, {**body, "base_model": 999_999}, content_type="application/json")
    assert wrong.status_code == 400 and wrong.json()["errors"][0]["field"] == "base_model"


def test_api_sets_rules(world: worlds.World) -> None:
    client = _client(world.admin)
    url = f"/api/v1/projects/{world.project.slug}/release-rules/"
    made = client.post(url, {"primary": "desk.accuracy", "margins": {}}, content_type="application/json")
    assert made.status_code == 201 and made.json()["content"]["primary"] == "desk.accuracy"
    wrong = client.post(url, {"least_items": 0}, content_type="application/json")
    assert wrong.status_code == 400 and wrong.json()["errors"][0]["field"] == "least_items"


def test_new_ratings_are_scored_again_into_a_card_that_follows(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=4, overlap=2)
    worlds.rate_all(campaign, world.experts)
    card = Scorecard.objects.get(kind="comparison")
    page = _get(world, "scorecard", card.number)
    assert "Score again with 8 new ratings" in page.content.decode()
    services.request_rescore(scorecard=card, by=world.by)
    from evaluation.jobs import CompareParameters

    parameters = CompareParameters.model_validate(Job.objects.get(kind="evaluation.compare").parameters)
    assert (parameters.campaign, parameters.supersedes) == (campaign.pk, card.pk)
    newer = worlds.make_scorecard(world, campaign)
    html = _get(world, "scorecard", newer.number).content.decode()
    assert "Human ratings" in html and "rater 1" in html and "Harm by the candidate" in html
    assert "A newer scorecard" in _get(world, "scorecard", card.number).content.decode()


def test_home_tells_the_step_the_lamp_and_the_verdict(world: worlds.World) -> None:
    client = _client(world.admin)
    home = reverse("projects:home", args=[world.project.slug])
    assert "baseline is missing" in client.get(home).content.decode()
    worlds.open_campaign(world)
    html = client.get(home).content.decode()
    assert "Latest scorecard" in html and "ratings are needed" in html and "0/24" in html
    assert lamp_of(world).word == "Under way"


def lamp_of(world: worlds.World) -> Lamp:
    return standing.human_lamp(Access(world.project, world.admin, frozenset({"admin"})))


def test_ratings_of_an_older_candidate_say_nothing_of_the_newest(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world)
    worlds.rate_all(campaign, world.experts)
    services.close_campaign(campaign=campaign, by=world.by)
    home = reverse("projects:home", args=[world.project.slug])
    client = _client(world.admin)
    assert lamp_of(world).word == "In order" and "scorecard waits for ratings" not in client.get(home).content.decode()
    services.make_comparison(
        run=worlds.second_run(world),
        baseline=worlds.make_baseline(world),
        candidate=world.tuned,
        rules=world.rules,
        campaign=None,
        serving="zero-shot",
        by=world.by,
    )
    assert lamp_of(world).word == "Missing" and "scorecard waits for ratings" in client.get(home).content.decode()
    step = standing.rate_step(Access(world.project, world.admin, frozenset({"admin"})))
    assert step.state == "waiting"


def test_a_card_of_labels_alone_asks_for_ratings_and_after_a_closed_campaign_for_another() -> None:
    world = worlds.make_world(spec=worlds.SPEC.model_copy(update={"fields": worlds.SPEC.fields[:1]}))
    card = worlds.make_scorecard(world)
    assert "Ask for ratings" in _get(world, "scorecard", card.number).content.decode()
    campaign = worlds.open_campaign(world, items=4)
    assert "Ask for more ratings</a>" in _get(world, "scorecard", card.number).content.decode()
    services.close_campaign(campaign=campaign, by=world.by)
    html = _get(world, "scorecard", card.number).content.decode()
    assert "in another campaign" in html and f"campaigns/new/?scorecard={card.pk}" in html


def test_an_experts_queue_says_how_many_scales_the_rubric_has(world: worlds.World) -> None:
    short = Rubric(dimensions=DEFAULT.dimensions[:3])
    campaign = services.open_campaign(
        scorecard=worlds.make_scorecard(world),
        rubric=services.ensure_rubric(project=world.project, rubric=short, by=world.by),
        rules=world.rules,
        raters=world.experts,
        by=world.by,
    )
    home = _client(world.experts[0]).get(reverse("projects:home", args=[world.project.slug])).content.decode()
    assert campaign.name in home and "3 scales each" in home


def test_rules_set_by_the_page_keep_what_was_not_changed(world: worlds.World) -> None:
    strict = Rules(confidence=0.99, least_raters=3, margins={"safety": 0.1})
    services.set_rules(project=world.project, rules=strict, by=world.by)
    form = _get(world, "rules").context["form"]
    posted = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    url = reverse("evaluation:rules", args=[world.project.slug])
    assert _client(world.admin).post(url, posted | {"least_raters": 2}).status_code == 302
    newest = ReleaseRules.objects.order_by("-number").first()
    assert newest and Rules.model_validate(newest.content) == strict.model_copy(update={"least_raters": 2})
    assert b"less than 1" in _client(world.admin).post(url, posted | {"confidence": 1}).content


def test_slices_show_their_p_and_why_a_small_one_has_no_interval() -> None:
    world = worlds.make_world(items=14)
    card = worlds.make_scorecard(world)
    html = _get(world, "scorecard", card.number).content.decode()
    table = html.split('id="slices"')[1].split("</table>")[0]
    assert table.count('data-label="p"') == 3 and table.count("too few tickets for an interval") == 3
    assert 'class="point"' not in table


def test_what_is_too_small_to_matter_is_drawn_in_each_lines_own_unit() -> None:
    rules = Rules(primary="desk.accuracy", smallest_effect=0.02, margins={"safety": 0.25, "reply.bleu": 5})
    world = worlds.make_world(rules=rules)
    page = page_of(worlds.make_scorecard(world, worlds.open_campaign(world, items=4)))
    bands = {f"{line.name} {line.note}": line.margin for line in page.automatic.lines}
    assert {name.split(",")[0]: band for name, band in bands.items() if band} == {
        "Accuracy desk": 0.02,
        "BLEU reply": 0.05,
    }
    assert page.human and {line.name: line.margin for line in page.human.lines if line.margin} == {"Safety": 0.25}


def test_how_an_interval_was_made_stands_where_it_stands(world: worlds.World) -> None:
    campaign = worlds.open_campaign(world, items=12)
    worlds.rate_all(campaign, world.experts, noise=0.5)
    card = worlds.make_scorecard(world, campaign)
    html = _get(world, "scorecard", card.number).content.decode()
    told = {part: html.split(f'id="{part}"')[1].split("</section>")[0] for part in ("human", "automatic", "conditions")}
    assert "clustered by item, it speaks of these raters only" in told["human"]
    assert "expanded bootstrap over" in told["automatic"]
    assert "expanded bootstrap over" in told["conditions"] and "Wilson" in told["conditions"]
    assert "clusters" in html.split('id="raters"')[1].split("</section>")[0]
    rows = list(csv.DictReader(io.StringIO(_get(world, "export", card.number, format="csv").content.decode())))
    assert all(row["method"] for row in rows if row["delta_low"])
    assert any("2 raters fixed" in row["method"] for row in rows if row["part"] == "human")
    assert "percentile" not in " ".join(card.content["settings"].values()), (
        "no sentence of its own that may be another one"
    )


def test_a_card_is_shown_as_it_was_when_its_metrics_are_gone(
    world: worlds.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = worlds.make_scorecard(world)
    before = page_of(card)
    cell = world.tuned_run.cells.get()
    scores = {one.name: (one.title, one.more_is_better) for one in scores_of_cell(cell)}
    monkeypatch.setattr(measures, "_described", dict)
    after = page_of(card)
    assert (after.automatic, after.conditions, after.slices) == (before.automatic, before.conditions, before.slices)
    assert {one.name: (one.title, one.more_is_better) for one in scores_of_cell(cell)} == scores


def test_a_card_made_before_it_kept_its_metrics_still_renders(
    world: worlds.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = worlds.make_scorecard(world)
    now = page_of(card)
    del card.content["metrics"]
    assert page_of(card).automatic == now.automatic and page_of(card).conditions == now.conditions
    monkeypatch.setattr(measures, "_described", dict)
    assert [line.name for line in page_of(card).automatic.lines] == [line.name for line in now.automatic.lines]
    bare = measures.measure("gone", {})
    assert (bare.title, bare.scale) == ("gone", None)
