"""Answers that a scorecard was made of stay: a job that is tried again neither deletes nor asks them anew."""

from __future__ import annotations

import pytest
from django.utils import timezone

from evaluation.jobs import COMPARE, BaselineParameters, CompareParameters, baseline, compare
from evaluation.models import Scorecard
from ftplatform.jobs import services as jobs
from ftplatform.jobs.context import JobContext, JobFailed
from ftplatform.jobs.models import Job
from inference.models import Generation
from inference.running import fill
from tests.evaluation import world as worlds
from tests.evaluation.test_evidence import fail

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> worlds.World:
    """Three of the candidate's answers and three of the base model's could not be generated."""
    world = worlds.make_world()
    world.rules.refresh_from_db()  # the database orders the margins, as a job reads them
    fail(world, 3)
    rows = Generation.objects.filter(cell__run=world.baseline_run).values_list("pk", flat=True)[:3]
    Generation.objects.filter(pk__in=list(rows)).update(finish_reason="error", error="The server is down.")
    return world


def second_attempt(world: worlds.World, parameters: CompareParameters) -> JobContext:
    job = jobs.enqueue(kind=COMPARE.name, parameters=parameters, project=world.project, title="Scorecard", by=world.by)
    Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, attempt=2, heartbeat_at=timezone.now())
    job.refresh_from_db()
    return JobContext(job)


def parameters(world: worlds.World, card: Scorecard | None) -> CompareParameters:
    return CompareParameters(
        run=world.tuned_run.pk,
        baseline=card.baseline_id if card and card.baseline_id else 0,
        candidate=world.tuned.pk,
        rules=world.rules.pk,
        supersedes=card.pk if card else None,
        serving="zero-shot",
    )


def kept(world: worlds.World) -> list[tuple[int, str]]:
    runs = (world.baseline_run, world.tuned_run)
    return list(Generation.objects.filter(cell__run__in=runs).order_by("pk").values_list("pk", "finish_reason"))


def test_a_rescore_that_is_tried_again_scores_the_answers_that_were_scored(world: worlds.World) -> None:
    card = worlds.make_scorecard(world)
    before, asked = kept(world), parameters(world, card)
    told = compare(second_attempt(world, asked), asked)
    assert told == {"answers": 24, "errors": 3, "scorecard": card.pk}, "the same evidence gives the card that exists"
    assert kept(world) == before


def test_a_baseline_that_was_written_before_its_worker_died_keeps_its_answers(world: worlds.World) -> None:
    card = worlds.make_baseline(world)
    before = kept(world)
    told = baseline(
        second_attempt(world, parameters(world, None)),
        BaselineParameters(run=world.baseline_run.pk, base_model=world.base.pk),
    )
    assert told["scorecard"] == card.pk and kept(world) == before


def test_errors_that_no_scorecard_counts_are_asked_again(world: worlds.World) -> None:
    with pytest.raises(JobFailed, match=r"has no config\.json"):  # the world's models are empty folders
        fill(second_attempt(world, parameters(world, None)), world.tuned_run)
    assert not Generation.objects.filter(cell__run=world.tuned_run, finish_reason="error").exists()
