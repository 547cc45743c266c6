"""Rows that a run could not train on are told before it starts, with their tokens, and left out only where somebody chose so."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from transformers import AutoTokenizer

from annotation import services as annotation
from annotation.models import DatasetItem, DatasetVersion
from ftplatform.errors import Refused
from ftplatform.jobs.models import Job
from tests.factories import SYSTEM
from tests.world import drafts
from training import preflight
from training.engine.render import Renderer
from training.models import TrainingRun
from training.preflight import check_rows
from training.services import start_training
from training.trainrows import row_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mixed(world: Any) -> Any:
    """A training set in which train rows 3 and 4 and the last validation row are far longer than the others."""
    world.baseline()
    items = [*drafts("train", 12, 0), *drafts("validation", 4, 500)]
    for at in (2, 3, 15):
        items[at].inputs["question"] += " Please tell me more about it." * 5
    return freeze(world, items)


def freeze(world: Any, items: list[Any]) -> DatasetVersion:
    return annotation.freeze_dataset(
        project=world.project,
        kind=DatasetVersion.Kind.SFT,
        task_revision=world.project.task_revision,
        items=items,
        evaluation_set=world.evaluation_set,
        by=SYSTEM,
    )


def start(world: Any, dataset: DatasetVersion, **settings: Any) -> TrainingRun:
    return start_training(dataset_version=dataset, base_version=world.base, hyperparameters=settings, by=world.cast.by)


def test_the_tokens_are_those_that_the_engine_counts(world: Any, mixed: DatasetVersion) -> None:
    renderer = Renderer(AutoTokenizer.from_pretrained(world.base.reference))
    spec = world.project.task_revision.spec
    theirs = {
        item.pk: len(
            renderer.render(
                row_of(item, spec, control_tokens=world.base.control_tokens, short_field_weight=1)
            ).input_ids
        )
        for item in mixed.items.all()
    }
    check = check_rows(mixed, world.base, max_length=1)
    assert check and {row.item: row.tokens for row in check.long} == theirs
    assert check.totals == {"train": 12, "validation": 4} and check.longest == max(theirs.values())


def test_long_rows_are_refused_before_any_job_and_named_with_what_would_fit(world: Any, mixed: DatasetVersion) -> None:
    with pytest.raises(Refused) as refused:
        start(world, mixed, max_length=100)
    error = refused.value
    longest = check_rows(mixed, world.base, 100).longest  # type: ignore[union-attr]
    assert error.code == "unfit-rows" and error.errors[0].field == "max_length"
    assert error.message.startswith("3 of 16 rows are longer than max_length 100 (rows 3 with ")
    assert f"raise max_length to {longest}, the smallest that fits all, leave them out" in error.message
    assert [row["number"] for row in error.data["rows"]] == [3, 4, 16]  # type: ignore[attr-defined]
    assert error.data["max_length_that_fits"] == longest
    assert not TrainingRun.objects.exists() and not Job.objects.filter(kind="training.train").exists()
    assert start(world, mixed, max_length=longest).left_out == []


def test_what_was_left_out_is_kept_with_the_run_and_is_what_the_engine_leaves_out(
    world: Any, mixed: DatasetVersion, run_jobs: Any
) -> None:
    run = start(world, mixed, max_length=100, overlong="skip", max_steps=2, learning_rate=1e-2)
    assert [(row["number"], row["split"], row["reason"]) for row in run.left_out] == [
        (3, "train", "too long"),
        (4, "train", "too long"),
        (16, "validation", "too long"),
    ]
    assert run.material == f"{mixed} without 3 rows"
    [job] = run_jobs()
    assert job.state == Job.State.SUCCEEDED, job.error
    run.refresh_from_db()
    assert run.result["rows"] == {
        "train": 10, "validation": 3, "skipped": [str(row["number"]) for row in run.left_out],
    }  # fmt: skip
    page = world.cast.client("ada").get(reverse("training:run", args=[world.project.slug, run.number]))
    assert f"{mixed} without 3 rows" in page.content.decode() and "Left out" in page.content.decode()


def test_rows_are_not_left_out_where_none_would_remain(world: Any, mixed: DatasetVersion) -> None:
    with pytest.raises(Refused, match=r"16 of 16 rows.*Without them no train row would remain\.") as refused:
        start(world, mixed, max_length=8, overlong="skip")
    assert "leave them out" not in refused.value.message


def test_what_the_model_cannot_read_is_no_matter_of_max_length(world: Any) -> None:
    world.baseline()
    items = drafts("train", 8, 0)
    items[5].inputs["question"] += " and so on" * 600
    with pytest.raises(Refused, match="1 of 8 rows is longer than the 512 tokens that the model reads") as refused:
        start(world, freeze(world, items), max_length=100_000)
    assert refused.value.data["max_length_that_fits"] is None
    assert "raise max_length" not in refused.value.message and "take a model that reads" in refused.value.message


def test_an_answer_with_nothing_to_train_is_refused_or_left_out(world: Any, mixed: DatasetVersion) -> None:
    """Freezing refuses an empty answer; a set that came in by another way is no reason to train on nothing."""
    DatasetItem.objects.create(
        version=mixed, position=16, split="train", content={**mixed.items.first().content, "completion": ""}, hash="-"
    )
    with pytest.raises(Refused, match=r"1 of 17 rows has no token to train \(row 17: its answer is empty\)") as refused:
        start(world, mixed)
    assert refused.value.errors[0].field == "dataset_version"
    assert [row["number"] for row in start(world, mixed, overlong="skip").left_out] == [17]


def test_a_set_too_large_to_count_while_somebody_waits_is_left_to_the_run(
    world: Any, mixed: DatasetVersion, run_jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "CHECKED_AT_ONCE", 10)
    refused, taken = (
        start(world, mixed, max_length=100),
        start(world, mixed, max_length=100, overlong="skip", max_steps=1),
    )
    assert taken.left_out == []
    first, second = run_jobs()
    assert (first.state, first.error_code) == (Job.State.FAILED, "rows_refused")
    assert second.state == Job.State.SUCCEEDED, second.error
    taken.refresh_from_db()
    assert [row["number"] for row in taken.left_out] == [3, 4, 16]
    refused.refresh_from_db()
    assert refused.model_version is None


def test_the_form_tells_what_the_run_would_find_while_it_is_filled_in(world: Any, mixed: DatasetVersion) -> None:
    client = world.cast.client("ada")
    url = reverse("training:row-check", args=[world.project.slug])

    def told(**fields: Any) -> str:
        answer = client.get(url, {"dataset_version": mixed.pk, "base_version": world.base.pk, **fields})
        assert answer.status_code == 200
        return answer.content.decode()

    assert "All 12 train and 4 validation rows fit" in told()
    long = told(max_length=100)
    assert "3 of 16 rows are longer than max_length 100" in long and "raise max_length to" in long
    assert "They are left out of this run" in told(max_length=100, overlong="skip")
    assert "far above the usual for an adapter" in told(learning_rate="0.5")
    assert "far below the usual for all weights" in told(learning_rate="1e-9", method="full")
    assert "All 12 train" in told(max_length="many", learning_rate="much")


def test_the_api_lists_the_rows_and_warns_of_a_slip(world: Any, mixed: DatasetVersion) -> None:
    client = world.cast.client("ada")
    url = f"/api/v1/projects/{world.project.slug}/training-runs/"

    def post(**settings: Any) -> Any:
        body = {"dataset_version": mixed.pk, "base_version": world.base.pk, "hyperparameters": settings}
        return client.post(url, body, content_type="application/json")

    refused = post(max_length=100)
    assert (refused.status_code, refused.json()["code"]) == (400, "unfit-rows")
    assert refused.json()["errors"][0]["field"] == "max_length"
    assert {row["number"]: row["tokens"] > 100 for row in refused.json()["rows"]} == {3: True, 4: True, 16: True}
    taken = post(max_length=100, overlong="skip", learning_rate=0.5)
    assert taken.status_code == 202
    assert len(taken.json()["left_out"]) == 3 and "far above the usual" in taken.json()["warnings"][0]
