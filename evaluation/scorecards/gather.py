"""From rows to plain values: what the scoring package needs of an evaluation set, its answers and its ratings."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from annotation.models import DatasetItem, DatasetVersion, Example, ResolvedLabel, Split
from evaluation.models import Campaign, CampaignArm, Rating, RubricRevision
from evaluation.scoring import content
from evaluation.scoring.automatic import Answers, TestSet
from evaluation.scoring.human import BASE, CANDIDATE, Judgement
from evaluation.scoring.rubric import Rubric
from ftplatform.errors import Refused
from inference.models import Generation, GenerationCell, PromptCondition


def items_of(dataset: DatasetVersion, split: str) -> list[DatasetItem]:
    return list(dataset.items.filter(split=split).order_by("position"))


def test_set(dataset: DatasetVersion, items: Sequence[DatasetItem]) -> TestSet:
    return TestSet(
        spec=dataset.task_revision.spec,
        item_ids=[item.pk for item in items],
        references=[item.content["values"] for item in items],
        inputs=[item.content["inputs"] for item in items],
        groups=[item.group_key for item in items],
    )


def answers(cell: GenerationCell, items: Sequence[DatasetItem]) -> Answers:
    """All answers of a cell in the items' order. Raises Refused when some are missing or the model never answered."""
    rows = {one.item_id: one for one in Generation.objects.filter(cell=cell)}
    missing = sum(1 for item in items if item.pk not in rows)
    if missing:
        raise Refused(
            "incomplete-answers",
            f"{cell} lacks {missing} of {len(items)} answers; resume the generation run.",
            status=409,
        )
    ordered = [rows[item.pk] for item in items]
    if all(one.finish_reason == "error" for one in ordered):
        raise Refused("no-answer", f"{cell} gave no answer at all: {ordered[0].error}", status=409)
    spec = cell.run.task_revision.spec
    free = cell.condition.decoding == PromptCondition.Decoding.FREE
    fields = [field.name for field in spec.fields] if free else [spec.fields[0].name]
    return Answers(
        key=cell.condition.name,
        title=title_of(cell.condition),
        model=cell.model_version.name,
        model_version=cell.model_version_id,
        fields=frozenset(fields),
        values=[one.values for one in ordered],
        parse=[
            {} if one.finish_reason == "error" else one.parse for one in ordered
        ],  # an error failed to answer, not in form
        outputs=[one.output for one in ordered],
    )


def failures(cells: Sequence[GenerationCell]) -> list[content.Failures]:
    """Conditions in which generation failed for some tickets."""
    counted = {
        row["cell"]: row
        for row in Generation.objects.filter(cell__in=cells)
        .values("cell")
        .annotate(n=Count("pk"), k=Count("pk", filter=Q(finish_reason="error")))
    }
    return [
        content.Failures(model=cell.model_version.name, condition=title_of(cell.condition), k=row["k"], n=row["n"])
        for cell in cells
        if (row := counted.get(cell.pk)) and row["k"]
    ]


def title_of(condition: PromptCondition) -> str:
    shots = f"{condition.shots}-shot" if condition.shots else "zero-shot"
    if condition.decoding == PromptCondition.Decoding.FREE:
        return shots.capitalize()
    return f"{condition.get_decoding_display()}, {shots}"


def training_answers(
    dataset: DatasetVersion, spec_fields: Iterable[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(inputs, values) of the project's resolved train tickets, for the trivial references; never from the test set or its groups."""
    wanted = set(spec_fields)
    examples = (
        Example.objects.filter(project=dataset.project, split=Split.TRAIN, state=Example.State.RESOLVED)
        .select_related("content")
        .order_by("pk")[:20_000]
    )
    values: dict[int, dict[str, Any]] = {}
    for label in ResolvedLabel.objects.filter(
        example__project=dataset.project, example__split=Split.TRAIN, example__state=Example.State.RESOLVED
    ).iterator(chunk_size=5000):
        if label.field in wanted:
            values.setdefault(label.example_id, {})[label.field] = label.value
    kept = [example for example in examples if example.pk in values]
    return [example.content.inputs for example in kept], [values[example.pk] for example in kept]


def rubric_of(revision: RubricRevision) -> Rubric:
    return Rubric.model_validate(revision.content)


def judgements(campaigns: Sequence[Campaign]) -> list[Judgement]:
    """Every rater's current rating of every item, resolved from letters to arms. Erased or superseded ones are left out; a rater
    who rated an item in two campaigns counts once, by what was said first: nobody rates an item again until it fits."""
    arms = {
        arm.pk: BASE if arm.is_baseline else CANDIDATE for arm in CampaignArm.objects.filter(campaign__in=campaigns)
    }
    rows = (
        Rating.objects.filter(assignment__campaign_item__campaign__in=campaigns, superseded_by=None)
        .select_related("assignment__campaign_item", "assignment__rater")
        .prefetch_related("assignment__keys__answer")
        .order_by("assignment__rated_at", "pk")
    )
    found: dict[tuple[int, int], Judgement] = {}
    for rating in rows:
        item, rater = rating.assignment.campaign_item.item_id, rating.assignment.rater.user_id
        if (item, rater) in found:
            continue
        letters = {key.key: arms[key.answer.arm_id] for key in rating.assignment.keys.all()}
        preference = rating.preference
        if preference in letters:
            preference = letters[preference]
        found[item, rater] = Judgement(
            item=item,
            rater=rater,
            scores={letters[letter]: scores for letter, scores in rating.scores.items()},
            harm={letters[letter]: bool(flag) for letter, flag in rating.harm.items()},
            harm_category={letters[letter]: kind for letter, kind in (rating.harm_category or {}).items()},
            preference=preference,
            seconds=rating.seconds,
        )
    return list(found.values())


def cost_rows(base: GenerationCell, ours: GenerationCell) -> list[content.Cost]:
    """Speed of both where it was measured alike; otherwise the reason why it cannot be compared."""
    measures = (
        ("First token, median", "s", "first_token_seconds", statistics.median),
        ("Whole answer, median", "s", "seconds", statistics.median),
        ("Tokens out, mean", "tokens", "tokens_out", statistics.fmean),
    )
    places = [_place(cell) for cell in (base, ours)]
    alike = places[0] == places[1]
    told = f"measured in different places: {places[0]}; {places[1]}"
    if str(places[0]) == str(places[1]):
        told = "measured at two different addresses"
    rows = []
    for title, unit, column, fold in measures:
        values = [_column(cell, column) for cell in (base, ours)]
        comparable = alike or unit == "tokens"
        rows.append(
            content.Cost(
                measure=title,
                unit=unit,
                base=fold(values[0]) if values[0] and comparable else None,
                candidate=fold(values[1]) if values[1] and comparable else None,
                place=str(places[1]),
                reason="" if comparable else told,
            )
        )
    return rows


@dataclass(frozen=True)
class _Place:
    """Where and how answers were generated. As text it goes to whoever gets the scorecard's export: no address of a server."""

    backend: str
    hardware: str
    concurrency: int

    def __str__(self) -> str:
        machine = "a remote server" if "://" in self.hardware else self.hardware or "unknown machine"
        return f"{self.backend}, {machine}, {self.concurrency} at once"


def _place(cell: GenerationCell) -> _Place:
    concurrency = (
        cell.generations.exclude(finish_reason="error")
        .order_by("-concurrency")
        .values_list("concurrency", flat=True)
        .first()
    )
    return _Place(cell.backend, cell.hardware, concurrency or 0)


def _column(cell: GenerationCell, column: str) -> list[float]:
    rows = cell.generations.exclude(finish_reason="error").filter(**{f"{column}__isnull": False})
    return [float(value) for value in rows.values_list(column, flat=True)]
