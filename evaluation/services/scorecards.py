"""Scorecards: the baseline, and comparisons with it. Immutable rows; new ratings make a new scorecard that supersedes the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from annotation.models import DatasetVersion
from evaluation.jobs import BASELINE, COMPARE, BaselineParameters, CompareParameters
from evaluation.models import Campaign, ReleaseRules, Scorecard, ScorecardScores
from evaluation.scorecards.compose import Comparison, compose_baseline, compose_comparison
from evaluation.scoring.automatic import Scored
from evaluation.scoring.content import Content
from evaluation.scoring.rules import Rules
from evaluation.services.rules import set_rules
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job
from ftplatform.projects.models import Project
from ftplatform.projects.numbering import next_number
from ftplatform.projects.spec import digest
from inference.models import GenerationRun, ModelVersion, PromptCondition
from inference.services import create_generation_run, ensure_condition, shots_to_be_had

SHOTS, MOST_SHOTS = 3, 16
"""Of a baseline: as many where nobody says how many, and at most."""


@transaction.atomic
def request_baseline(
    *, evaluation_set: DatasetVersion, base_model: ModelVersion, shots: int = SHOTS, seed: int = 0, by: Actor
) -> Job:
    """Measures the base model alone on the frozen evaluation set: every condition that the task allows, in one job."""
    if evaluation_set.kind != DatasetVersion.Kind.EVALUATION:
        raise Refused(
            "not-an-evaluation-set",
            f"{evaluation_set} is not an evaluation set; draw and freeze one first.",
            field="evaluation_set",
        )
    if base_model.source == ModelVersion.Source.TRAINED:
        raise Refused(
            "not-a-base", f"{base_model} was trained here; the baseline is the base model itself.", field="base_model"
        )
    conditions = base_conditions(evaluation_set, base_model, shots=shots, seed=seed, by=by)
    run = create_generation_run(
        dataset_version=evaluation_set,
        split="test",
        cells=[(base_model, condition) for condition in conditions],
        by=by,
    )
    return _enqueue(
        run, BASELINE.name, BaselineParameters(run=run.pk, base_model=base_model.pk), f"Baseline of {base_model}", by
    )


def base_conditions(
    evaluation_set: DatasetVersion, base_model: ModelVersion, *, shots: int, seed: int, by: Actor
) -> list[PromptCondition]:
    """Zero-shot, k-shot with as many shots as can be had, and constrained choice where the task begins with a choice and the
    model's likelihoods can be had."""
    revision = evaluation_set.task_revision
    found = [ensure_condition(task_revision=revision, name="zero-shot", by=by)]
    shots = min(shots, shots_to_be_had(revision, shots, seed))
    if shots:
        found.append(ensure_condition(task_revision=revision, name=f"{shots}-shot", shots=shots, seed=seed, by=by))
    return found + constrained_conditions(evaluation_set, base_model, by=by)


def constrained_conditions(evaluation_set: DatasetVersion, model: ModelVersion, *, by: Actor) -> list[PromptCondition]:
    revision = evaluation_set.task_revision
    if not model.backend.scores_choices or revision.spec.fields[0].kind != "choice":
        return []
    return [
        ensure_condition(task_revision=revision, name=name, decoding=name, by=by)
        for name in (PromptCondition.Decoding.CONSTRAINED.value, PromptCondition.Decoding.CALIBRATED.value)
    ]


@transaction.atomic
def request_comparison(
    *,
    baseline: Scorecard,
    candidate: ModelVersion,
    rules: ReleaseRules | None = None,
    validation_set: DatasetVersion | None = None,
    by: Actor,
) -> Job:
    """Generates the candidate's answers on the same evaluation set and compares them. Without rules, the defaults are set now,
    before any answer exists.

    validation_set: where the way of asking a candidate that only chooses a label is picked; never the test set.
    """
    if baseline.kind != Scorecard.Kind.BASELINE:
        raise Refused("not-a-baseline", f"{baseline} is not a baseline scorecard.", field="baseline")
    if candidate.root_id != baseline.base_model_id:
        raise Refused(
            "other-base",
            f"{candidate} does not descend from {baseline.base_model}, whose baseline this is. Make a baseline of its own base.",
            field="candidate",
        )
    if validation_set:
        _refuse_unfit(validation_set, baseline)
    rules = rules or default_rules(baseline.project, by=by)
    conditions = [
        ensure_condition(task_revision=baseline.task_revision, name="zero-shot", by=by),
        *constrained_conditions(baseline.evaluation_set, candidate, by=by),
    ]
    run = create_generation_run(
        dataset_version=baseline.evaluation_set,
        split="test",
        cells=[(candidate, condition) for condition in conditions],
        sampling=baseline.generation_run.sampling,
        by=by,
    )
    parameters = CompareParameters(
        run=run.pk,
        baseline=baseline.pk,
        candidate=candidate.pk,
        rules=rules.pk,
        validation_set=validation_set.pk if validation_set else None,
    )
    return _enqueue(run, COMPARE.name, parameters, f"Scorecard of {candidate}", by)


def _refuse_unfit(validation_set: DatasetVersion, baseline: Scorecard) -> None:
    """Said at the door: the job would find out after it was queued."""
    if validation_set.project_id != baseline.project_id or validation_set.kind != DatasetVersion.Kind.SFT:
        reason = "is not a training set of this project"
    elif validation_set.task_revision_id != baseline.task_revision_id:
        reason = f"belongs to another task revision than {baseline}"
    elif not validation_set.items.filter(split="validation").exists():
        reason = "holds no validation tickets"
    else:
        return
    raise Refused(
        "unfit-validation-set", f"{validation_set} {reason}; choose another, or none.", field="validation_set"
    )


@transaction.atomic
def request_rescore(*, scorecard: Scorecard, by: Actor) -> Job:
    """A new scorecard with the ratings that have come since, by the rules that the newest campaign was opened with: those that its
    own page shows."""
    if scorecard.kind == Scorecard.Kind.BASELINE:
        raise Refused(
            "not-a-comparison", f"{scorecard} compares nothing; ratings belong to the scorecard of a candidate."
        )
    newest = scorecard
    while following := Scorecard.objects.filter(supersedes=newest).first():
        newest = following
    assert newest.candidate_id and newest.baseline_id and newest.rules_id
    campaign = Campaign.objects.filter(arms__cell__run=newest.generation_run).order_by("-number").first()
    parameters = CompareParameters(
        run=newest.generation_run_id,
        baseline=newest.baseline_id,
        candidate=newest.candidate_id,
        rules=campaign.rules_id if campaign else newest.rules_id,
        campaign=campaign.pk if campaign else None,
        supersedes=newest.pk,
        serving=str(newest.content["settings"].get("serving", "")),
    )
    return jobs.enqueue(
        kind=COMPARE.name,
        parameters=parameters,
        project=newest.project,
        title=f"Scorecard after {newest.number}",
        by=by,
    )


def default_rules(project: Project, *, by: Actor) -> ReleaseRules:
    """The newest rules of the project, else the defaults: helpfulness rated by people, nothing else shown to be worse, no harm.
    Automatic metrics alone ship nothing."""
    newest = project.release_rules.order_by("-number").first()
    return newest or set_rules(project=project, rules=Rules(), by=by)


@transaction.atomic
def make_baseline(*, run: GenerationRun, base_model: ModelVersion, by: Actor) -> Scorecard:
    """Writes the baseline scorecard of a complete generation run. The same run again gives the card that exists."""
    existing = Scorecard.objects.filter(generation_run=run, kind=Scorecard.Kind.BASELINE).first()
    if existing:
        return existing
    content, scored = compose_baseline(run, base_model)
    card = _write(
        run=run,
        content=content,
        by=by,
        kind=Scorecard.Kind.BASELINE,
        base_model=base_model,
    )
    _keep_scores(card, scored)
    return card


@transaction.atomic
def make_comparison(
    *,
    run: GenerationRun,
    baseline: Scorecard,
    candidate: ModelVersion,
    rules: ReleaseRules,
    campaign: Campaign | None = None,
    supersedes: Scorecard | None = None,
    serving: str = "zero-shot",
    by: Actor,
) -> Scorecard:
    """Writes the scorecard of a candidate against the best base condition per metric. The same evidence again gives the card
    that exists.

    campaign: the newest one; the ratings of others on the same answers by the same rubric join. supersedes: the card that stood
    when the job was made. Another job may have written the next one since, so the newest is looked up under the project's lock,
    which every numbered thing of the project waits for: it is taken when all is computed.
    """
    made: Comparison = compose_comparison(
        run=run, baseline=baseline, candidate=candidate, rules=rules, campaign=campaign, serving=serving
    )
    Project.objects.select_for_update(no_key=True).get(pk=run.project_id)
    newest = (
        Scorecard.objects.filter(generation_run=run, candidate=candidate, kind=Scorecard.Kind.COMPARISON)
        .order_by("-number")
        .first()
    )
    if newest and (newest.content_hash, newest.ratings_seen) == (_digest(made.content), made.ratings_seen):
        return newest
    if newest and newest.rules_id == rules.pk and (newest.ratings_seen or 0) > made.ratings_seen:
        return newest  # written while this one was composed, of more ratings
    card = _write(
        run=run,
        content=made.content,
        by=by,
        kind=Scorecard.Kind.COMPARISON,
        base_model=baseline.base_model,
        baseline=baseline,
        candidate=candidate,
        rules=rules,
        campaign=campaign,
        supersedes=newest or supersedes,
        verdict=made.verdict.value,
        reasons=made.verdict.reasons,
        ratings_seen=made.ratings_seen,
    )
    _keep_scores(card, made.scored)
    return card


def _write(*, run: GenerationRun, content: Content, by: Actor, **columns: Any) -> Scorecard:
    card = Scorecard.objects.create(
        project=run.project,
        number=next_number(Scorecard.objects.all(), run.project),
        task_revision=run.task_revision,
        evaluation_set=run.dataset_version,
        generation_run=run,
        content=content.model_dump(mode="json"),
        content_hash=_digest(content),
        created_by=by.user,
        **columns,
    )
    record(
        by=by,
        verb="scorecard.make",
        target=card,
        project=run.project,
        data={"kind": card.kind},  # not the verdict, which the trail would tell to whom the card is sealed
    )
    return card


def _keep_scores(card: Scorecard, scored: Sequence[tuple[int | None, str, dict[str, Scored]]]) -> None:
    """One array per (version, condition, metric), not one row per example."""
    ScorecardScores.objects.bulk_create(
        ScorecardScores(
            scorecard=card,
            model_version_id=version,
            condition=condition,
            metric=name,
            values=[None if value != value else float(value) for value in one.per_item],
        )
        for version, condition, metrics in scored
        for name, one in metrics.items()
        if one.per_item is not None
    )


def _enqueue(run: GenerationRun, kind: str, parameters: Any, title: str, by: Actor) -> Job:
    job = jobs.enqueue(kind=kind, parameters=parameters, project=run.project, title=title, by=by)
    run.job = job
    run.save(update_fields=["job"])
    return job


def _digest(content: Content) -> str:
    return digest(content.model_dump(mode="json"))
