"""How a candidate that only chooses a label is asked: by the comparison's own trial on validation tickets, and no other run."""

from __future__ import annotations

import random

import pytest
from django.utils import timezone

from annotation.models import DatasetItem, DatasetVersion
from evaluation.jobs import COMPARE, CompareParameters
from evaluation.scorecards.candidate_condition import choose_serving
from evaluation.services import request_comparison
from ftplatform.errors import Refused
from ftplatform.jobs import services as jobs
from ftplatform.jobs.context import JobContext, JobFailed
from ftplatform.jobs.models import Job
from inference.models import Generation, GenerationCell, GenerationRun, ModelVersion, PromptCondition
from tests.evaluation import world as worlds

pytestmark = pytest.mark.django_db

LABEL_ONLY = worlds.SPEC.model_copy(update={"fields": worlds.SPEC.fields[:1]})


@pytest.fixture
def world() -> worlds.World:
    """The comparison asks freely and by likelihood."""
    world = worlds.make_world(spec=LABEL_ONLY)
    add_cell(world.tuned_run, world.tuned, "constrained")
    return world


@pytest.fixture
def validation(world: worlds.World) -> DatasetVersion:
    return validation_set(world)


def validation_set(
    world: worlds.World, items: int = 12, *, split: str = "validation", number: int = 2
) -> DatasetVersion:
    """Frozen with tickets of one split only: the test set's tickets under other numbers do for this."""
    made = DatasetVersion.objects.create(
        project=world.project, kind=DatasetVersion.Kind.SFT, number=number, hash=worlds._hash("sft", world.project.pk, number), evaluation_set=world.evaluation_set,
        task_revision=world.project.task_revision, counts={split: items}, card={},
    )  # fmt: skip
    for item in world.evaluation_set.items.order_by("position")[:items]:
        DatasetItem.objects.create(
            version=made, position=item.position, split=split, content=item.content, hash=item.hash,
            group_key=item.group_key, prompt_hash=item.prompt_hash, sources=[],
        )  # fmt: skip
    return made


def running_job(world: worlds.World) -> JobContext:
    parameters = CompareParameters(run=world.tuned_run.pk, baseline=0, candidate=world.tuned.pk, rules=world.rules.pk)
    job = jobs.enqueue(kind=COMPARE.name, parameters=parameters, project=world.project, title="Scorecard", by=world.by)
    Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, attempt=1, heartbeat_at=timezone.now())
    job.refresh_from_db()
    return JobContext(job)


def add_cell(run: GenerationRun, model: ModelVersion, name: str) -> GenerationCell:
    decoding, shots = ("free", int(name[0])) if name.endswith("-shot") and name[0].isdigit() else (name, 0)
    condition, _ = PromptCondition.objects.get_or_create(
        task_revision=run.task_revision,
        name=name,
        defaults={"decoding": "free" if name == "zero-shot" else decoding, "shots": shots},
    )
    return GenerationCell.objects.create(run=run, model_version=model, condition=condition)


def answered(
    world: worlds.World, validation: DatasetVersion, number: int, right: dict[tuple[ModelVersion, str], float]
) -> GenerationRun:
    """A complete run on the validation tickets. right: (model, condition) → share of right answers."""
    run = GenerationRun.objects.create(
        project=world.project, number=number, task_revision=validation.task_revision, dataset_version=validation,
        split="validation", sampling=world.tuned_run.sampling,
    )  # fmt: skip
    for (model, name), share in right.items():
        cell = add_cell(run, model, name)
        for item in validation.items.order_by("position"):
            worlds._generation(cell, item, LABEL_ONLY, cell.condition.decoding, share, random.Random(item.position))
    return run


def test_a_run_started_by_hand_is_not_taken_for_the_trial(world: worlds.World, validation: DatasetVersion) -> None:
    answered(world, validation, 10, {(world.tuned, "zero-shot"): 0.0, (world.tuned, "5-shot"): 1.0})
    by_hand = {(world.tuned, "zero-shot"): 0.0, (world.tuned, "constrained"): 1.0}
    answered(world, validation, 11, by_hand | {(world.base, "zero-shot"): 1.0, (world.base, "constrained"): 0.0})
    context = running_job(world)
    own = answered(world, validation, 12, {(world.tuned, "zero-shot"): 1.0, (world.tuned, "constrained"): 0.0})
    GenerationRun.objects.filter(pk=own.pk).update(job=context.job)
    assert choose_serving(context, world.tuned_run, world.tuned, validation) == "zero-shot"


def test_the_trial_asks_the_candidate_alone_in_every_way_of_the_comparison(
    world: worlds.World, validation: DatasetVersion
) -> None:
    answered(world, validation, 10, {(world.tuned, "zero-shot"): 1.0})
    context = running_job(world)
    with pytest.raises(
        JobFailed, match=r"has no config\.json"
    ):  # the world's models are empty folders: no engine can be asked
        choose_serving(context, world.tuned_run, world.tuned, validation)
    [trial] = GenerationRun.objects.filter(job=context.job)
    assert {(cell.model_version, cell.condition.name) for cell in trial.cells.all()} == {
        (world.tuned, "zero-shot"),
        (world.tuned, "constrained"),
    }
    assert trial.sampling == world.tuned_run.sampling


def test_no_trial_is_made_where_a_text_is_written_or_no_validation_ticket_is_named(world: worlds.World) -> None:
    assert choose_serving(running_job(world), world.tuned_run, world.tuned, None) == "zero-shot"
    assert not GenerationRun.objects.filter(split="validation").exists()
    assert not Generation.objects.filter(cell__run__split="validation").exists()


def test_a_validation_set_that_cannot_serve_is_refused_at_the_door(
    world: worlds.World, validation: DatasetVersion
) -> None:
    baseline = worlds.make_baseline(world)
    other = worlds.make_world("other", admin="olga", spec=LABEL_ONLY)
    for unfit, why in (
        (world.evaluation_set, "not a training set"),
        (validation_set(other), "not a training set of this project"),
        (validation_set(world, split="train", number=3), "no validation tickets"),
    ):
        with pytest.raises(Refused, match=why) as refused:
            request_comparison(baseline=baseline, candidate=world.tuned, validation_set=unfit, by=world.by)
        assert refused.value.errors[0].field == "validation_set"
    validation.task_revision = other.project.task_revision
    with pytest.raises(Refused, match="another task revision"):
        request_comparison(baseline=baseline, candidate=world.tuned, validation_set=validation, by=world.by)
    assert not Job.objects.exists()
