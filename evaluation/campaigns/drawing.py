"""What a campaign rates: the answers that a comparison compared, and the tickets that it takes. Reads rows, writes none."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from evaluation.models import RubricRevision, Scorecard
from evaluation.scorecards import pooling
from ftplatform.errors import Refused
from ftplatform.projects.spec import TaskSpec
from inference.models import Generation, GenerationCell

USUAL_ITEMS = 60
"""As many as the default safety gate needs when all are clean."""


@dataclass(frozen=True)
class Sides:
    """The candidate's answers, and those of the best base condition for the text, or for the label where the task writes none."""

    spec: TaskSpec
    base: GenerationCell
    candidate: GenerationCell

    @property
    def field(self) -> str:
        return self.spec.main_field.name

    @property
    def cells(self) -> list[GenerationCell]:
        return sorted((self.base, self.candidate), key=lambda cell: cell.pk)


@dataclass(frozen=True)
class Stock:
    """How many tickets a campaign could show, and how many of them nobody has rated or is asked to rate."""

    tickets: int
    unrated: int

    @property
    def usual(self) -> int:
        """How many items to propose: the unrated ones, as far as they are wanted; where none is left, tickets for other raters."""
        return min(USUAL_ITEMS, self.unrated or self.tickets)


def sides_of(scorecard: Scorecard) -> Sides:
    if scorecard.kind != Scorecard.Kind.COMPARISON:
        raise Refused(
            "not-a-comparison",
            f"{scorecard} compares nothing; make a scorecard of a candidate first.",
            field="scorecard",
        )
    assert scorecard.baseline and scorecard.candidate_id
    spec, content = scorecard.task_revision.spec, scorecard.content
    best = content["best"].get(content["primary"][spec.main_field.name], "zero-shot")
    base = (scorecard.baseline.generation_run_id, scorecard.base_model_id, best)
    candidate = (scorecard.generation_run_id, scorecard.candidate_id, content["settings"]["serving"])
    cells = {
        (cell.run_id, cell.model_version_id, cell.condition.name): cell
        for cell in GenerationCell.objects.filter(run__in=(base[0], candidate[0])).select_related(
            "condition", "model_version"
        )
    }
    for side in (base, candidate):
        if side not in cells:
            raise Refused("no-answers", f"There are no answers under {side[2]} to be rated.", field="scorecard")
    return Sides(spec=spec, base=cells[base], candidate=cells[candidate])


def draw(scorecard: Scorecard, sides: Sides, rubric: RubricRevision, seed: int) -> list[int]:
    """All tickets that both sides answered, in the order in which they are taken: the fewest ratings first, then one of each group
    before a second one, so that items stay independent."""
    pool = _answered(scorecard, sides)
    if not pool:
        raise Refused(
            "no-items", "No ticket was answered by every version; resume the generation run.", field="scorecard"
        )
    random.Random(f"campaign-{seed}").shuffle(pool)  # noqa: S311 - a reproducible draw
    rated = pooling.rated_so_far(sides.cells, rubric, sides.field)
    pool.sort(key=lambda one: -rated[one[0]])  # what is rated already is the first of its group
    seen: Counter[str] = Counter()
    ranked: list[tuple[int, int, int, int]] = []
    for item, group in pool:
        seen[group] += 1
        ranked.append((rated[item], seen[group], len(ranked), item))
    return [item for *_, item in sorted(ranked)]


def stock_of(scorecard: Scorecard, rubric: RubricRevision | None) -> Stock:
    """rubric: None where the project has none yet, so that nothing can have been rated by it."""
    sides = sides_of(scorecard)
    items = [item for item, _ in _answered(scorecard, sides)]
    rated = pooling.rated_so_far(sides.cells, rubric, sides.field) if rubric else Counter()
    return Stock(len(items), sum(1 for item in items if not rated[item]))


def _answered(scorecard: Scorecard, sides: Sides) -> list[tuple[int, str]]:
    """(ticket, its group) of the test set where both sides gave an answer, in the set's order."""
    items = scorecard.evaluation_set.items.filter(split="test")
    for cell in sides.cells:
        items = items.filter(pk__in=Generation.objects.filter(cell=cell).exclude(finish_reason="error").values("item"))
    return list(items.order_by("position").values_list("pk", "group_key"))
