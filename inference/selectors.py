"""Reads of models and generation runs, each page-sized."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Aggregate, Avg, Count, Exists, FloatField, Max, OuterRef, Q, QuerySet, Sum

from annotation import codecs
from annotation.models import DatasetVersion
from ftplatform.projects.models import Project, TaskRevision
from ftplatform.projects.spec import TaskSpec
from inference.models import Generation, GenerationCell, GenerationRun, ModelVersion, PromptCondition


class Median(Aggregate):
    """PostgreSQL's percentile_cont(0.5): the middle of what is there, nulls left out."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


# ── models ──


def versions_of(project: Project) -> QuerySet[ModelVersion]:
    return (
        ModelVersion.objects.filter(project=project)
        .select_related("parent", "created_by")
        .prefetch_related("deployments")
        .order_by("-number")
    )


def ancestors(version: ModelVersion) -> list[ModelVersion]:
    """The line that it descends from, the nearest first; a handful at most, each one query."""
    line: list[ModelVersion] = []
    parent = version.parent
    while parent is not None:
        line.append(parent)
        parent = parent.parent
    return line


# ── generation runs ──


def runs_of(project: Project) -> QuerySet[GenerationRun]:
    return (
        GenerationRun.objects.filter(project=project)
        .select_related("job", "dataset_version", "created_by")
        .annotate(cell_count=Count("cells"))
        .order_by("-number")
    )


def page_of_runs(project: Project, *, before: int | None, size: int) -> tuple[list[GenerationRun], int | None]:
    """One page by key and the number to go on before; None at the end."""
    runs = runs_of(project)
    if before is not None:
        runs = runs.filter(number__lt=before)
    found = list(runs[: size + 1])
    return found[:size], found[size - 1].number if len(found) > size else None


@dataclass(frozen=True)
class CellFacts:
    """What a cell's answers say about themselves. Parse rates are of the answers in which the field was given or had to be, errors
    left out; None where there is none yet.

    Latency belongs to backend, hardware and concurrency, which stand beside it: it is never compared across them.
    """

    cell: GenerationCell
    answers: int
    errors: int
    empty: int
    cut_off: int
    parse_rates: dict[str, float | None]
    tokens_out: float | None
    """Mean per answer."""
    tokens_per_second: float | None
    """Of the whole cell, without loading the model."""
    first_token: float | None
    seconds: float | None
    concurrency: int | None


def cells_of(run: GenerationRun) -> list[CellFacts]:
    """Every cell of the run with its figures, in two queries."""
    spec = run.task_revision.spec
    counted = {row["cell"]: row for row in _counted(run, spec)}
    cells = run.cells.select_related("model_version", "condition").order_by("pk")
    return [_facts(cell, spec, counted.get(cell.pk, {})) for cell in cells]


def _counted(run: GenerationRun, spec: TaskSpec) -> QuerySet[Any, Any]:
    said = ~Q(finish_reason="error")
    asked = {f"asked_{field.name}": Count("pk", filter=said & Q(parse__has_key=field.name)) for field in spec.fields}
    parsed = {
        f"parsed_{field.name}": Count("pk", filter=said & Q(**{f"parse__{field.name}__in": codecs.as_asked(field)}))
        for field in spec.fields
    }
    return (
        Generation.objects.filter(cell__run=run)
        .values("cell")
        .order_by()
        .annotate(
            answers=Count("pk"),
            errors=Count("pk", filter=~said),
            empty=Count("pk", filter=said & Q(output__regex=r"^\s*$")),
            cut_off=Count("pk", filter=Q(finish_reason="length")),
            tokens_mean=Avg("tokens_out", filter=said),
            tokens_sum=Sum("tokens_out", filter=said),
            first_token=Median("first_token_seconds", filter=said),
            latency=Median("seconds", filter=said),
            at_once=Max("concurrency", filter=said),
            **asked,
            **parsed,
        )
    )


def _facts(cell: GenerationCell, spec: TaskSpec, row: dict[str, Any]) -> CellFacts:
    asked = spec.fields if cell.condition.decoding == PromptCondition.Decoding.FREE else spec.fields[:1]
    tokens = row.get("tokens_sum")
    return CellFacts(
        cell=cell,
        answers=row.get("answers", 0),
        errors=row.get("errors", 0),
        empty=row.get("empty", 0),
        cut_off=row.get("cut_off", 0),
        parse_rates={
            one.name: row[f"parsed_{one.name}"] / n if (n := row.get(f"asked_{one.name}")) else None for one in asked
        },
        tokens_out=row.get("tokens_mean"),
        tokens_per_second=tokens / cell.seconds if tokens and cell.seconds else None,
        first_token=row.get("first_token"),
        seconds=row.get("latency"),
        concurrency=row.get("at_once"),
    )


KINDS = {
    "all": Q(),
    "errors": Q(finish_reason="error"),
    "empty": ~Q(finish_reason="error") & Q(output__regex=r"^\s*$"),
    "cut-off": Q(finish_reason="length"),
}
"""Which answers of a run are listed. Errors are no answers: they are kept apart from empty ones."""


def generations_of(run: GenerationRun, *, cell: int | None = None, kind: str = "all") -> QuerySet[Generation]:
    """Answers by key. kind: one of KINDS or `not-parsed`."""
    rows = Generation.objects.filter(cell__run=run).select_related("item", "cell__model_version", "cell__condition")
    if cell is not None:
        rows = rows.filter(cell=cell)
    if kind == "not-parsed":
        failed = Q()
        for one in run.task_revision.spec.fields:
            failed |= Q(parse__contains={one.name: "failed"})  # `parse__range` would be a lookup
        return rows.filter(failed).order_by("pk")
    return rows.filter(KINDS.get(kind, Q())).order_by("pk")


def page_of_generations(
    run: GenerationRun, *, cell: int | None, kind: str, after: int, size: int
) -> tuple[list[Generation], int | None]:
    found = list(generations_of(run, cell=cell, kind=kind).filter(pk__gt=after)[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None


# ── what a run may be made of ──


def askable_sets(project: Project, revision: TaskRevision) -> list[tuple[DatasetVersion, str]]:
    """(dataset version, split) of the project's evaluation and training sets of this task revision, newest first."""
    sets = DatasetVersion.objects.filter(
        project=project, task_revision=revision, kind__in=(DatasetVersion.Kind.EVALUATION, DatasetVersion.Kind.SFT)
    ).order_by("-pk")[:50]
    return [(one, split) for one in sets for split in ("test", "validation", "train") if one.counts.get(split)]


# ── side by side ──


@dataclass(frozen=True)
class Comparable:
    """Cells that answered the same items, newest first."""

    dataset_version: DatasetVersion
    split: str
    cells: list[GenerationCell] = field(default_factory=list)


def comparable(project: Project) -> list[Comparable]:
    """Groups of at least two answered cells on the same split of the same set, the group with the newest answers first."""
    cells = (
        GenerationCell.objects.filter(run__project=project)
        .filter(Exists(Generation.objects.filter(cell=OuterRef("pk"))))
        .select_related("run__dataset_version", "run__task_revision", "model_version", "condition")
        .order_by("-pk")[:200]
    )
    groups: dict[tuple[int, str], Comparable] = {}
    for cell in cells:
        key = (cell.run.dataset_version_id, cell.run.split)
        groups.setdefault(key, Comparable(cell.run.dataset_version, cell.run.split)).cells.append(cell)
    return [group for group in groups.values() if len(group.cells) > 1]


def default_pair(group: Comparable) -> tuple[GenerationCell, GenerationCell]:
    """(left, right): the newest version that was tuned here on the right, its base on the left, both asked freely if they were."""

    def rank(cell: GenerationCell) -> tuple[bool, int]:
        free = cell.condition.decoding == PromptCondition.Decoding.FREE
        return (not free, cell.condition.shots)

    newest = max(cell.model_version_id for cell in group.cells)
    right = min((cell for cell in group.cells if cell.model_version_id == newest), key=rank)
    others = [cell for cell in group.cells if cell.model_version_id != newest] or [
        cell for cell in group.cells if cell.pk != right.pk
    ]
    base = [cell for cell in others if cell.model_version_id == right.model_version.base_id] or others
    return min(base, key=lambda cell: (cell.condition_id != right.condition_id, *rank(cell))), right
