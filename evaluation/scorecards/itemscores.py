"""What scorecards keep for single items, given to the page of the room below that sorts answers by their difference."""

from evaluation.models import ScorecardScores
from evaluation.scoring import content, measures
from inference.comparing import ItemScores
from inference.models import GenerationCell


def scores_of_cell(cell: GenerationCell) -> list[ItemScores]:
    """The newest scorecard's arrays for this cell; the parse rate is left out, the page tells what was parsed by itself."""
    rows = (
        ScorecardScores.objects.filter(
            scorecard__generation_run=cell.run_id,
            model_version=cell.model_version_id,
            condition=cell.condition.name,
        )
        .order_by("scorecard__number")
        .values_list("metric", "values", "scorecard__content__metrics")
    )
    found: dict[str, ItemScores] = {}
    for name, values, kept in rows:
        field, metric = name.split(".", 1)
        if metric != measures.PARSE_RATE:
            measure = measures.measure(
                metric, {key: content.Measure.model_validate(one) for key, one in (kept or {}).items()}
            )
            found[name] = ItemScores(name, f"{measure.title} of {field}", values, measure.direction == "higher")
    return list(found.values())
