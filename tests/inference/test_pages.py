"""Pages and API of models, generation runs and the side by side: who may, what is shown, and what is kept from raters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation.models import ScorecardScores
from ftplatform.accounts.services import create_api_key
from ftplatform.jobs.models import Job
from ftplatform.projects import seals
from inference.models import Generation, GenerationCell, ModelVersion
from inference.services import Asking
from inference.sidebyside import side_by_side
from tests.factories import SYSTEM
from tests.world import DESKS, World, answer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def answered(world: World) -> World:
    """Base and tuned version have answered the test set: the base is wrong on three desks and cannot be read once."""
    base_run = world.generation_run(Asking("zero-shot"))
    tuned_run = world.generation_run(Asking("zero-shot"), versions=[world.tuned()])
    Job.objects.update(state=Job.State.SUCCEEDED, finished_at="2026-01-01T00:00:00Z")
    for run in (base_run, tuned_run):
        cell = run.cells.get()
        is_base = run == base_run
        for item in world.evaluation_set.items.order_by("position"):
            at, right = item.position, item.content["values"]["desk"]
            wrong = DESKS[(DESKS.index(right) + 1) % 3]
            if is_base and at == 3:
                answer(cell, item, None, "I cannot say <b>which</b> desk.")
            else:
                answer(
                    cell,
                    item,
                    wrong if is_base and at < 3 else right,
                    f"{'Well, the' if is_base else 'The'} answer is {at}.",
                )
    return world


def cells(world: World) -> tuple[GenerationCell, GenerationCell]:
    base, tuned = GenerationCell.objects.filter(run__project=world.project).order_by("pk")
    return base, tuned


# ── who may ──

READ = ["models", "generations", "compare"]


@pytest.mark.parametrize("name", READ)
def test_readers_see_it_labelers_and_experts_do_not_and_strangers_find_nothing(answered: World, name: str) -> None:
    url = reverse(f"inference:{name}", args=[answered.project.slug])
    codes = {who: answered.cast.client(who).get(url).status_code for who in ("ada", "rev", "vic", "lea", "eve", "mal")}
    assert codes == {"ada": 200, "rev": 200, "vic": 200, "lea": 403, "eve": 403, "mal": 404}


def test_only_admins_register_start_and_stop(answered: World) -> None:
    slug, run = answered.project.slug, 1
    forms = [
        reverse("inference:register-model", args=[slug, "embedded"]),
        reverse("inference:new-generation", args=[slug]),
        reverse("inference:stop-generation", args=[slug, run]),
        reverse("inference:resume-generation", args=[slug, run]),
    ]
    for url in forms:
        codes = {who: answered.cast.client(who).post(url, {}).status_code for who in ("vic", "lea", "mal")}
        assert codes == {"vic": 403, "lea": 403, "mal": 404}, url


def test_anothers_objects_are_not_found_under_ones_own_project(answered: World) -> None:
    client, slug = answered.cast.client("mal"), answered.cast.other.slug
    for name, number in (("model", 1), ("generation", 1)):
        assert client.get(reverse(f"inference:{name}", args=[slug, number])).status_code == 404


def test_the_pages_take_few_queries(answered: World, django_assert_max_num_queries: Any) -> None:
    client, slug = answered.cast.client("ada"), answered.project.slug
    pages = [
        reverse("inference:models", args=[slug]),
        reverse("inference:model", args=[slug, 2]),
        reverse("inference:generations", args=[slug]),
        reverse("inference:generation", args=[slug, 1]),
        reverse("inference:compare", args=[slug]),
    ]
    for url in pages:
        client.get(url)
        with django_assert_max_num_queries(45):
            assert client.get(url).status_code == 200


# ── what is shown ──


def test_a_versions_page_shows_files_lineage_and_use(answered: World) -> None:
    page = answered.cast.client("vic").get(reverse("inference:model", args=[answered.project.slug, 2])).content.decode()
    assert "model.safetensors" in page and "descends from" in page and "Generation run 2" in page


def test_a_refused_registration_stands_beside_its_field_and_keeps_what_was_typed(cast: Any) -> None:
    url = reverse("inference:register-model", args=[cast.project.slug, "folder"])
    answer_ = cast.client("ada").post(url, {"folder": "/etc", "name": "mine"})
    page = answer_.content.decode()
    assert answer_.status_code == 422
    assert "FT_MODEL_DIRS" in page and 'value="/etc"' in page and 'value="mine"' in page


def test_the_embedded_model_is_registered_by_a_job(cast: Any) -> None:
    client, slug = cast.client("ada"), cast.project.slug
    url = reverse("inference:register-model", args=[slug, "embedded"])
    assert client.post(url).headers["Location"] == reverse("inference:models", args=[slug])
    assert Job.objects.get().kind == "inference.register-embedded"
    assert "is under way" in client.get(reverse("inference:models", args=[slug])).content.decode()


def test_two_cells_are_compared_without_reading_their_texts(answered: World) -> None:
    left, right = GenerationCell.objects.order_by("pk")[:2]
    with CaptureQueriesContext(connection) as captured:
        side_by_side(left, right, by="", show="all", item=None)
    of_all = [one["sql"] for one in captured if '"inference_generation"' in one["sql"] and '"tokens_out"' in one["sql"]]
    whole = [sql for sql in of_all if '"inference_generation"."values",' in sql and '"item_id" =' not in sql]
    assert of_all and not whole


def test_a_folder_is_copied_and_registered_by_a_job(cast: Any, tiny_model: Any, settings: Any, run_jobs: Any) -> None:
    settings.FT_MODEL_DIRS = (tiny_model.parent,)
    client, slug = cast.client("ada"), cast.project.slug
    url = reverse("inference:register-model", args=[slug, "folder"])
    body = {"folder": str(tiny_model), "name": "mine", "licence": "MIT"}
    assert client.post(url, body).headers["Location"] == reverse("inference:models", args=[slug])
    assert not ModelVersion.objects.exists(), "no thread of the site copies gigabytes"
    assert "is under way" in client.get(reverse("inference:models", args=[slug])).content.decode()
    [job] = run_jobs()
    version = ModelVersion.objects.get()
    assert (job.state, job.result) == (Job.State.SUCCEEDED, {"model_version": version.pk, "number": 1})
    assert (version.name, version.licence, version.created_by) == ("mine", "MIT", cast.ada)


def test_a_folder_by_the_api_answers_with_its_job(cast: Any, tiny_model: Any, settings: Any, run_jobs: Any) -> None:
    settings.FT_MODEL_DIRS = (tiny_model.parent,)
    address = f"/api/v1/projects/{cast.project.slug}/model-versions/"
    started = cast.client("ada").post(address, {"source": "folder", "folder": str(tiny_model)})
    assert (started.status_code, started.json()["state"]) == (202, "queued")
    refused = cast.client("ada").post(address, {"source": "folder", "folder": "/etc"})
    assert (refused.status_code, refused.json()["code"]) == (400, "folder-not-allowed")
    [job] = run_jobs()
    assert (job.pk, ModelVersion.objects.get().pk) == (started.json()["job"], job.result["model_version"])


def test_a_generation_run_is_started_from_its_form(world: World) -> None:
    client, slug = world.cast.client("ada"), world.project.slug
    data = {
        "versions": [world.base.pk], "split": f"{world.evaluation_set.pk}:test", "decodings": ["zero-shot", "constrained"],
        "shots": 3, "seed": 0, "temperature": "0", "max_new_tokens": 16,
    }  # fmt: skip
    answer_ = client.post(reverse("inference:new-generation", args=[slug]), data)
    assert answer_.status_code == 302, answer_.context["form"].errors
    run = world.project.generation_runs.get()
    assert {cell.condition.name for cell in run.cells.all()} == {"zero-shot", "constrained"}
    assert run.job and run.job.state == Job.State.QUEUED


def test_errors_are_kept_apart_from_empty_answers(answered: World) -> None:
    cell, _ = cells(answered)
    first, second = Generation.objects.filter(cell=cell).order_by("pk")[:2]
    Generation.objects.filter(pk=first.pk).update(
        finish_reason="error", error="too long", output="", parse={}, values={}
    )
    Generation.objects.filter(pk=second.pk).update(output="  \n")
    client, url = answered.cast.client("ada"), reverse("inference:generation", args=[answered.project.slug, 1])
    facts = client.get(url).context["cells"][0]
    assert (facts.answers, facts.errors, facts.empty) == (18, 1, 1)
    assert facts.parse_rates["desk"] == pytest.approx(16 / 17)
    shown = {
        kind: len(client.get(url, {"show": kind}).context["rows"])
        for kind in ("errors", "empty", "not-parsed", "cut-off")
    }
    assert shown == {"errors": 1, "empty": 1, "not-parsed": 1, "cut-off": 0}


def test_answers_are_paged_by_key_without_a_gap(answered: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.views.ANSWERS_A_PAGE", 7)
    client, url = answered.cast.client("ada"), reverse("inference:generation", args=[answered.project.slug, 1])
    seen, after = [], 0
    while after is not None:
        context = client.get(url, {"after": after}).context
        seen += [row.pk for row in context["rows"]]
        after = context["more"]
    assert seen == list(Generation.objects.filter(cell__run__number=1).order_by("pk").values_list("pk", flat=True))


def test_text_of_models_is_escaped_everywhere(answered: World) -> None:
    client, slug = answered.cast.client("ada"), answered.project.slug
    item = answered.evaluation_set.items.get(position=3)
    for url in (
        reverse("inference:generation", args=[slug, 1]),
        f"{reverse('inference:compare', args=[slug])}?item={item.pk}",
    ):
        page = client.get(url).content.decode()
        assert "<b>which</b>" not in page and "which" in page


# ── side by side ──


def compare(world: World, who: str = "ada", **query: Any) -> Any:
    return world.cast.client(who).get(reverse("inference:compare", args=[world.project.slug]), query)


def test_the_tuned_version_stands_on_the_right_of_its_base(answered: World) -> None:
    context = compare(answered).context
    assert (context["left"], context["right"]) == cells(answered)


def test_worse_better_and_not_parsed_list_what_they_say(answered: World) -> None:
    listed = {
        show: [entry.item.position for entry in compare(answered, show=show, by="desk.right").context["found"].entries]
        for show in ("worse", "better", "not-parsed", "all")
    }
    assert listed == {"worse": [], "better": [0, 1, 2, 3], "not-parsed": [3], "all": list(range(18))}


def test_a_scorecards_scores_sort_the_list(answered: World) -> None:
    base, tuned = cells(answered)
    for cell in (base, tuned):
        values = [0.5] * 18
        if cell == tuned:
            values[7], values[9] = 0.1, 0.9
        own = answered.baseline(cell.run)
        ScorecardScores.objects.create(
            scorecard=own, model_version=cell.model_version, condition="zero-shot", metric="reply.rougeL", values=values
        )
    found = compare(answered, show="largest").context["found"]
    assert found.metric.title == "ROUGE-L of reply"
    assert [(entry.item.position, round(entry.difference, 2)) for entry in found.entries] == [(7, -0.4), (9, 0.4)]
    assert [entry.item.position for entry in compare(answered, show="worse").context["found"].entries] == [7]
    assert [side.score for side in found.sides] == ["ROUGE-L of reply 0.50", "ROUGE-L of reply 0.10"]


def test_words_that_differ_are_marked_and_j_leads_to_the_next(answered: World) -> None:
    page = compare(answered, show="all", mark="1").content.decode()
    assert "<del>Well, the</del>" in page and "<ins>The</ins>" in page
    assert 'data-key="j"' in page and 'data-key="k"' not in page
    assert "<del>" not in compare(answered, show="all").content.decode()


def test_hidden_names_leave_no_trace_of_who_wrote_what(answered: World) -> None:
    page = compare(answered, show="all", hide="1").content.decode()
    main = page[page.index("<main") :]
    for word in ("Tiny", "tuned", "tokens,", "zero-shot", "first after"):
        assert word not in main
    assert ">A</h2>" in main and ">B</h2>" in main


def test_a_sealed_reader_sees_neither_page_nor_api(answered: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody rates one of these versions blind, no page shows them who wrote what."""
    base, _ = cells(answered)

    def seal(access: Any, versions: frozenset[int] | None) -> str | None:
        return "You are rating blind." if versions is None or base.model_version_id in versions else None

    monkeypatch.setattr(seals, "_seals", [seal])
    client, slug = answered.cast.client("ada"), answered.project.slug
    for url in (
        reverse("inference:compare", args=[slug]),
        reverse("inference:generation", args=[slug, 1]),
        f"/api/v1/generation-runs/{base.run_id}/generations/",
    ):
        answer_ = client.get(url)
        assert answer_.status_code == 403
        assert "The answer is" not in answer_.content.decode()
    assert client.get(reverse("inference:generation", args=[slug, 2])).status_code == 200


def test_with_one_cell_the_page_says_what_will_be_here(world: World) -> None:
    assert "Nothing to compare yet" in compare(world).content.decode()


# ── API ──


@pytest.fixture
def call(world: World) -> Any:
    _, text = create_api_key(user=world.cast.ada, name="test", by=SYSTEM)

    def call(method: str, path: str, body: Any = None, **headers: str) -> Any:
        from django.test import Client

        send = getattr(Client(headers={"Authorization": f"Bearer {text}", **headers}), method)
        return send(
            f"/api/v1/{path}",
            **({"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}),
        )

    return call


def test_a_run_is_started_once_however_often_the_request_comes(world: World, call: Any) -> None:
    body = {
        "dataset_version": world.evaluation_set.pk,
        "model_versions": [world.base.pk],
        "conditions": [{"name": "zero-shot"}],
    }
    path = f"projects/{world.project.slug}/generation-runs/"
    answers = [call("post", path, body, **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json()["job"] == answers[1].json()["job"]
    assert world.project.generation_runs.count() == 1
    assert call("post", path, {**body, "split": "train"}, **{"Idempotency-Key": "one"}).status_code == 422
    assert call("get", f"generation-runs/{answers[0].json()['id']}/").json()["state"] == "queued"


def test_problems_name_their_field(world: World, call: Any) -> None:
    path = f"projects/{world.project.slug}/generation-runs/"
    good = {"dataset_version": world.evaluation_set.pk, "model_versions": [world.base.pk]}
    for change, field in (
        ({"dataset_version": 10**6}, "dataset_version"),
        ({"model_versions": [10**6]}, "model_versions"),
        ({"model_versions": []}, "model_versions"),
        ({"sampling": {"temperature": -1}}, "sampling"),
        ({"split": "exam"}, "split"),
    ):
        answer_ = call("post", path, {**good, **change})
        assert answer_.status_code == 400 and answer_.headers["Content-Type"] == "application/problem+json"
        assert answer_.json()["errors"][0]["field"].startswith(field), answer_.json()
    assert not world.project.generation_runs.exists()


@pytest.mark.parametrize("source", [None, 7, "ftp", ["folder"], {"a": 1}])
def test_an_unknown_source_is_told_not_tripped_over(world: World, call: Any, source: Any) -> None:
    answer_ = call("post", f"projects/{world.project.slug}/model-versions/", {"source": source})
    assert answer_.status_code == 400 and answer_.json()["errors"][0]["field"] == "source"


def test_generations_come_by_cursor_with_everything_that_was_measured(answered: World, call: Any) -> None:
    base, _ = cells(answered)
    first = call("get", f"generation-runs/{base.run_id}/generations/?page_size=10").json()
    rest = call("get", first["next"].split("/api/v1/")[1]).json()
    rows = first["results"] + rest["results"]
    assert len({row["id"] for row in rows}) == 18 and rest["next"] is None
    assert {"output", "values", "parse", "tokens_out", "first_token_seconds", "seconds", "concurrency"} <= set(rows[0])


def test_models_and_deployments_are_listed_and_strangers_get_404(answered: World, call: Any) -> None:
    slug = answered.project.slug
    listed = call("get", f"projects/{slug}/model-versions/").json()["results"]
    assert [one["name"] for one in listed] == ["Tiny, tuned", "Tiny"]
    assert call("get", f"projects/{slug}/deployments/").json()["results"] == []
    mal = answered.cast.client("mal")
    base = ModelVersion.objects.get(name="Tiny")
    for path in (
        f"projects/{slug}/model-versions/",
        f"model-versions/{base.pk}/",
        "generation-runs/1/",
        "generation-runs/1/generations/",
    ):
        assert mal.get(f"/api/v1/{path}").status_code == 404
