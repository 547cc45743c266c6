"""Composes a scorecard's content from a complete generation run, its baseline and its ratings. Reads rows, writes none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from annotation.models import DatasetVersion
from evaluation.models import Campaign, Rating, ReleaseRules, Scorecard
from evaluation.scorecards import gather, pooling
from evaluation.scoring import automatic, content, human, measures, threats, trivial, verdict
from evaluation.scoring.automatic import Answers, Scored, TestSet, primary_metric
from evaluation.scoring.rules import Rules
from ftplatform.accounts.models import User
from ftplatform.errors import Refused
from inference.models import Generation, GenerationCell, GenerationRun, ModelVersion

CONFIDENCE = Rules().confidence
"""Of a baseline's intervals, which no rules are set for."""
Kept = list[tuple[int | None, str, dict[str, Scored]]]
References = list[tuple[Answers, dict[str, Scored]]]
"""Answers that need no model."""


@dataclass(frozen=True)
class Comparison:
    content: content.Content
    verdict: verdict.Verdict
    scored: Kept
    ratings_seen: int


@dataclass(frozen=True)
class _Side:
    """One model's answers under each of its conditions, with their scores."""

    cells: dict[str, GenerationCell]
    answers: dict[str, Answers]
    scored: dict[str, dict[str, Scored]]


def compose_baseline(run: GenerationRun, base_model: ModelVersion) -> tuple[content.Content, Kept]:
    """The base model alone: every condition tried, trivial references, the best condition per metric."""
    items = gather.items_of(run.dataset_version, run.split)
    test = gather.test_set(run.dataset_version, items)
    base = _side(run, base_model, test, items)
    references = _trivial(run, test)
    failures = gather.failures(list(base.cells.values()))
    rates = _parse_rates(base)
    made = content.Content(
        evaluation_set=run.dataset_version_id,
        evaluation_hash=run.dataset_version.hash,
        items=test.size,
        groups=len(set(test.groups)),
        conditions=_rows(base),
        trivial=_trivial_rows(references),
        best=automatic.best_conditions(base.scored),
        primary=_primary(test),
        metrics=_measures(base, references),
        parse_rate=rates,
        sentence=_baseline_sentence(test, base),
        failures=failures,
        threats=[
            *threats.of_baseline(
                test,
                rates,
                failures,
                has_shots=any(cell.condition.shots for cell in base.cells.values()),
                has_references=bool(references),
            ),
            *_unframed_choices(test, base_model),
        ],
        settings=_settings(run),
    )
    kept: Kept = [(base_model.pk, key, scored) for key, scored in base.scored.items()]
    kept += [(None, row.key, scored) for row, scored in references]
    return made, kept


def compose_comparison(
    *,
    run: GenerationRun,
    baseline: Scorecard,
    candidate: ModelVersion,
    rules: ReleaseRules,
    campaign: Campaign | None,
    serving: str,
) -> Comparison:
    """The candidate, asked in its serving condition, against the best base condition per metric."""
    if run.dataset_version_id != baseline.evaluation_set_id:
        raise Refused(
            "other-evaluation-set",
            "Scorecards compare only on the same evaluation set; make a new baseline first.",
            status=409,
        )
    items = gather.items_of(run.dataset_version, run.split)
    test = gather.test_set(run.dataset_version, items)
    set_rules = Rules.model_validate(rules.content)
    seen = pooling.ratings_on(run).count()  # before any is read: one that comes meanwhile is told as new
    base = _side(baseline.generation_run, baseline.base_model, test, items, set_rules.confidence)
    ours = _side(run, candidate, test, items, set_rules.confidence)
    primary = _primary(test)
    measured = {set_rules.primary, *set_rules.margins}
    comparisons = automatic.compare(
        test,
        base.scored,
        {name: (serving, one) for name, one in ours.scored[serving].items()},
        {*primary.values(), *measured},
        set_rules.confidence,
    )
    pool = pooling.pool_of(campaign) if campaign else None
    rated = human_of(pool.counted if pool else [], set_rules)
    comparisons, rated = _adjusted(comparisons, rated)
    failures = gather.failures([*base.cells.values(), *ours.cells.values()])
    decided = verdict.decide(set_rules, rated, comparisons, _compared(failures, comparisons, base, ours))
    late = _rules_came_late(rules, run.dataset_version, candidate)
    references = _trivial(run, test, set_rules.confidence)
    slices, improved, worse = _cuts(test, base, ours, serving, set_rules.confidence)
    best = automatic.best_conditions(base.scored)
    usual = best.get(primary[test.spec.main_field.name], next(iter(base.cells)))
    made = content.Content(
        evaluation_set=run.dataset_version_id,
        evaluation_hash=run.dataset_version.hash,
        items=test.size,
        groups=len(set(test.groups)),
        conditions=[*_rows(base), *_rows(ours)],
        trivial=_trivial_rows(references),
        best=best,
        primary=primary,
        metrics=_measures(base, references) | _measures(ours, []),
        parse_rate=_parse_rates(base) | {f"candidate {key}": rates for key, rates in _parse_rates(ours).items()},
        comparisons=comparisons,
        human=rated,
        rules=decided.rules,
        rules_note="set after results" if late else "set before results",
        sentence=decided.sentence,
        needed=decided.needed,
        slices=slices,
        improved=improved,
        worse=worse,
        failures=failures,
        cost=gather.cost_rows(base.cells.get(serving) or base.cells[usual], ours.cells[serving]),
        threats=[
            *threats.of_comparison(
                test,
                comparisons,
                rated,
                base.answers,
                ours.answers[serving],
                candidates_on_set=_candidates_on(run, candidate),
                looks=_looks(run, candidate, rated, seen),
                failures=failures,
                remarks=pooling.remarks(pool, rules, run, candidate),
                rules_after_results=late,
            ),
            *_unframed_choices(test, candidate),
        ],
        settings={**_settings(run, set_rules.confidence), "serving": serving},
        confidence=set_rules.confidence,
    )
    kept: Kept = [(candidate.pk, key, scored) for key, scored in ours.scored.items()]
    return Comparison(made, decided, kept, seen)


def _unframed_choices(test: TestSet, version: ModelVersion) -> list[str]:
    """Nothing of a model behind an address, which has no constrained condition at all."""
    return threats.of_unframed_choices(test.spec) if version.backend.scores_choices else []


def _side(
    run: GenerationRun,
    version: ModelVersion,
    test: TestSet,
    items: list[gather.DatasetItem],
    confidence: float = CONFIDENCE,
) -> _Side:
    cells = {
        cell.condition.name: cell
        for cell in run.cells.select_related("condition", "model_version", "run__task_revision")
        .filter(model_version=version)
        .order_by("pk")
    }
    answers = {key: gather.answers(cell, items) for key, cell in cells.items()}
    return _Side(cells, answers, {key: automatic.score(test, one, confidence) for key, one in answers.items()})


def _trivial(run: GenerationRun, test: TestSet, confidence: float = CONFIDENCE) -> References:
    inputs, values = gather.training_answers(run.dataset_version, [field.name for field in test.spec.fields])
    return [(one, automatic.score(test, one, confidence)) for one in trivial.answers(test, inputs, values)]


def _primary(test: TestSet) -> dict[str, str]:
    return {field.name: f"{field.name}.{primary_metric(field)}" for field in test.spec.fields}


def _measures(side: _Side, references: References) -> dict[str, content.Measure]:
    scored = [*side.scored.values(), *(scored for _, scored in references)]
    return measures.measures_of(name for one in scored for name in one)


def _rows(side: _Side) -> list[content.Condition]:
    fields = {name for one in side.answers.values() for name in one.fields}
    rows = []
    for key, one in side.answers.items():
        unanswered = sorted(fields - one.fields)
        note = f"answers no {', '.join(unanswered)}" if unanswered else ""
        rows.append(automatic.condition_row(one, side.scored[key], note))
    return rows


def _trivial_rows(references: References) -> list[content.Condition]:
    return [automatic.condition_row(one, _without_parse(scored)) for one, scored in references]


def _without_parse(scored: dict[str, Scored]) -> dict[str, Scored]:
    return {name: one for name, one in scored.items() if one.metric != measures.PARSE_RATE}


def _parse_rates(side: _Side) -> dict[str, dict[str, float | None]]:
    return {
        key: {one.field: one.figure.value for one in scored.values() if one.metric == measures.PARSE_RATE}
        for key, scored in side.scored.items()
    }


def human_of(campaigns: Sequence[Campaign], rules: Rules) -> content.Human | None:
    """What the ratings of these campaigns, which share a rubric, say now; raters have numbers for names until all are closed. None
    without a campaign."""
    if not campaigns:
        return None
    found = gather.judgements(campaigns)
    raters = sorted({one.rater for one in found}, key=lambda rater: _shuffled(campaigns, rater))
    is_open = any(campaign.state == Campaign.State.OPEN for campaign in campaigns)
    names = {rater: f"rater {at}" for at, rater in enumerate(raters, start=1)}
    if not is_open:
        names = dict(User.objects.filter(pk__in=raters).order_by("username").values_list("pk", "username"))
    return human.summarise(
        gather.rubric_of(campaigns[-1].rubric),
        found,
        campaigns=[campaign.pk for campaign in campaigns],
        is_open=is_open,
        names=names,
        primary=rules.primary,
        family={name for name in (rules.primary, *rules.margins) if "." not in name},
        confidence=rules.confidence,
    )


def _shuffled(campaigns: Sequence[Campaign], rater: int) -> str:
    """The order in which raters are numbered: the same each time, and not that of their accounts or invitations."""
    return hashlib.sha256(f"{campaigns[0].seed}/{campaigns[0].pk}/{rater}".encode()).hexdigest()


def _adjusted(
    comparisons: list[content.Comparison], rated: content.Human | None
) -> tuple[list[content.Comparison], content.Human | None]:
    """Holm over the family: the primary metric of each field and the metrics and dimensions in the rules."""
    family: dict[str, float | None] = {one.name: one.p for one in comparisons if one.in_family}
    if rated:
        family |= {one.name: one.p for one in rated.dimensions if one.in_family}
    adjusted = automatic.adjust(family)
    rows = [one.model_copy(update={"p": adjusted[one.name]}) if one.in_family else one for one in comparisons]
    if rated is None:
        return rows, None
    dimensions = [
        one.model_copy(update={"p": adjusted[one.name]}) if one.in_family else one for one in rated.dimensions
    ]
    return rows, rated.model_copy(update={"dimensions": dimensions})


def _rules_came_late(rules: ReleaseRules, evaluation_set: DatasetVersion, candidate: ModelVersion) -> bool:
    """Set after the candidate's first answer to this evaluation set, in whatever run, or after the first rating of one, in whatever
    campaign: a second run of the same candidate makes no result unseen."""
    answered = Generation.objects.filter(
        cell__model_version=candidate, cell__run__dataset_version=evaluation_set, created_at__lt=rules.created_at
    )
    rated = Rating.objects.filter(
        assignment__campaign_item__campaign__in=Campaign.objects.filter(
            evaluation_set=evaluation_set, arms__is_baseline=False, arms__cell__model_version=candidate
        ),
        created_at__lt=rules.created_at,
    )
    return answered.exists() or rated.exists()


def _candidates_on(run: GenerationRun, candidate: ModelVersion) -> int:
    """How many candidates this evaluation set has judged, this one included: each look at it spends some of its worth."""
    others = Scorecard.objects.filter(evaluation_set=run.dataset_version, kind=Scorecard.Kind.COMPARISON).exclude(
        candidate=candidate
    )
    return others.values("candidate").distinct().count() + 1


def _looks(run: GenerationRun, candidate: ModelVersion, rated: content.Human | None, seen: int) -> int:
    """How often these answers were scored by their ratings, this time included. The same ratings by other rules are no new look."""
    if rated is None or not rated.ratings:
        return 0
    fewer = Q(ratings_seen__lt=seen) | Q(ratings_seen=None, content__human__ratings__lt=rated.ratings)
    earlier = Scorecard.objects.filter(fewer, generation_run=run, candidate=candidate, content__human__ratings__gt=0)
    return earlier.count() + 1


def _compared(
    failures: list[content.Failures], comparisons: list[content.Comparison], base: _Side, ours: _Side
) -> list[content.Failures]:
    """Those of conditions that stand on either side of a comparison."""
    sides = {base.answers[one.base_condition].place for one in comparisons}
    sides |= {ours.answers[one.candidate_condition].place for one in comparisons}
    return [one for one in failures if (one.model, one.condition) in sides]


def _cuts(
    test: TestSet, base: _Side, ours: _Side, serving: str, confidence: float
) -> tuple[list[content.Slices], list[content.Case], list[content.Case]]:
    """By each true label of the first choice field, and the items with the largest differences, in the last text's or choice's
    primary metric."""
    field = test.spec.main_field
    name = f"{field.name}.{primary_metric(field)}"
    best = automatic.best_conditions(base.scored)
    if name not in best or name not in ours.scored[serving]:
        return [], [], []
    theirs, mine = base.scored[best[name]][name], ours.scored[serving][name]
    improved, worse = automatic.extremes(test, theirs, mine)
    slices = []
    for choice in test.spec.choice_fields[:1]:
        cut = automatic.slices(test, choice, theirs, mine, f"{name} by {choice.heading.lower()}", confidence)
        if cut:
            slices.append(cut)
    return slices, improved, worse


def _baseline_sentence(test: TestSet, base: _Side) -> str:
    parts = []
    best = automatic.best_conditions(base.scored)
    for field in test.spec.fields:
        name = f"{field.name}.{primary_metric(field)}"
        if name in best:
            one = base.scored[best[name]][name]
            parts.append(
                f"{field.heading.lower()} {verdict.number(one.figure.value or 0.0)} ({primary_metric(field)}, {base.answers[best[name]].title.lower()})"
            )
    return f"Untuned, asked in {len(base.answers)} ways, on {test.size} frozen tickets. Best: {'; '.join(parts)}."


def _settings(run: GenerationRun, confidence: float = CONFIDENCE) -> dict[str, str]:
    return {
        "sampling": ", ".join(f"{name} {value}" for name, value in sorted(run.sampling.items())),
        "generation run": str(run.number),
        "confidence": content.percent(confidence),
        "resamples": f"{automatic.RESAMPLES:,}, whole groups; how each interval was made stands under its table",
        "adjustment": "Holm over the primary metric of each field and all that the rules name",
    }
