"""This room's job kinds: they fill the generation run that they need, then score it."""

from typing import Any

from pydantic import BaseModel

from annotation.models import DatasetVersion
from evaluation.models import Campaign, ReleaseRules, Scorecard
from ftplatform.jobs import kinds
from ftplatform.jobs.context import JobContext
from inference.models import GenerationRun, ModelVersion
from inference.running import fill


class BaselineParameters(BaseModel):
    run: int
    base_model: int


class CompareParameters(BaseModel):
    run: int
    baseline: int
    candidate: int
    rules: int
    campaign: int | None = None
    supersedes: int | None = None
    validation_set: int | None = None
    serving: str = ""


def baseline(context: JobContext, parameters: BaselineParameters) -> dict[str, Any]:
    from evaluation.services import make_baseline

    run = GenerationRun.objects.get(pk=parameters.run)
    filled = fill(context, run)
    context.log("scoring")
    with context.transaction():
        card = make_baseline(run=run, base_model=ModelVersion.objects.get(pk=parameters.base_model), by=context.actor)
    return {**filled, "scorecard": card.pk}


def compare(context: JobContext, parameters: CompareParameters) -> dict[str, Any]:
    from evaluation.scorecards.candidate_condition import choose_serving
    from evaluation.services import make_comparison

    run = GenerationRun.objects.get(pk=parameters.run)
    candidate = ModelVersion.objects.get(pk=parameters.candidate)
    validation = DatasetVersion.objects.filter(pk=parameters.validation_set).first()
    serving = parameters.serving or choose_serving(context, run, candidate, validation)
    filled = fill(context, run)
    context.log("scoring")
    with context.transaction():
        card = make_comparison(
            run=run,
            baseline=Scorecard.objects.get(pk=parameters.baseline),
            candidate=candidate,
            rules=ReleaseRules.objects.get(pk=parameters.rules),
            campaign=Campaign.objects.filter(pk=parameters.campaign).first(),
            supersedes=Scorecard.objects.filter(pk=parameters.supersedes).first(),
            serving=serving,
            by=context.actor,
        )
    return {**filled, "scorecard": card.pk}


BASELINE = kinds.JobKind("evaluation.baseline", BaselineParameters, baseline, slot=kinds.CPU, unit="answers")
COMPARE = kinds.JobKind("evaluation.compare", CompareParameters, compare, slot=kinds.CPU, unit="answers")
