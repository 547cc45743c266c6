"""A primary metric is frozen with the task, so what could never be scored is refused with it, by whichever door it comes."""

from __future__ import annotations

import dataclasses
import json

import pytest

from evaluation.metrics import describe
from evaluation.metrics.fields import FIELD_METRICS
from ftplatform.errors import Refused
from ftplatform.projects import services
from ftplatform.projects.models import Project
from ftplatform.projects.spec import TaskSpec
from tests.factories import Cast, desk_task

pytestmark = pytest.mark.django_db


def scored_by(metric: str, field: str = "desk") -> TaskSpec:
    task = desk_task()
    fields = [one.model_copy(update={"primary_metric": metric}) if one.name == field else one for one in task.fields]
    return task.model_copy(update={"fields": tuple(fields)})


@pytest.mark.parametrize("metric", ["accuracy", "f1_macro", "mcc"])
def test_a_metric_that_reads_what_the_field_holds_is_taken(cast: Cast, metric: str) -> None:
    revision = services.revise_task(project=cast.project, spec=scored_by(metric), by=cast.by)
    assert revision.spec.field_named("desk").primary_metric == metric


@pytest.mark.parametrize("metric", ["nonsense", "rougeL", "perplexity"])
def test_one_that_could_never_score_it_is_refused_with_those_that_can(cast: Cast, metric: str) -> None:
    with pytest.raises(Refused, match=f"cannot be scored by '{metric}'") as refused:
        services.revise_task(project=cast.project, spec=scored_by(metric), by=cast.by)
    assert "accuracy" in refused.value.message
    assert cast.project.task_revisions.count() == 1


def test_one_that_cannot_be_had_here_is_refused_with_the_reason(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(describe())
    without = known | {"meteor": dataclasses.replace(known["meteor"], absent="WordNet is not installed")}
    monkeypatch.setattr("evaluation.taskrules.describe", lambda: without)
    with pytest.raises(Refused, match="WordNet is not installed"):
        services.revise_task(project=cast.project, spec=scored_by("meteor", "reply"), by=cast.by)


@pytest.mark.parametrize("kind", FIELD_METRICS)
def test_each_kinds_own_primary_metric_can_be_had_everywhere(kind: str) -> None:
    own = next(metrics.primary for known, metrics in FIELD_METRICS.items() if known == kind)
    assert describe()[own].absent is None


def test_it_is_told_by_page_and_api_and_no_project_is_made(cast: Cast) -> None:
    task = scored_by("nonsense").model_dump(mode="json")
    client = cast.client("ada")
    answer = client.post(
        "/projects/new/", {"name": "X", "input": "question", "text": "reply", "task": json.dumps(task)}
    )
    assert "cannot be scored by" in str(answer.context["form"].errors["task"])
    assert not Project.objects.filter(name="X").exists()
    page = f"/projects/{cast.project.slug}/task/revise/"
    answer = client.post(page, {"base": "1", "replaces": "1", "how": "json", "task": json.dumps(task)})
    assert answer.status_code == 422 and "cannot be scored by" in str(answer.context["form"].errors["task"])
    api = f"/api/v1/projects/{cast.project.slug}/task-revisions/"
    problem = client.post(api, task, content_type="application/json")
    assert problem.status_code == 400 and problem.json()["errors"][0]["field"] == "fields"
