"""What scorecards keep for single items, given to the page of the room below that sorts answers by their difference."""

from evaluation.metrics import describe
from evaluation.models import ScorecardScores
from evaluation.scoring.automatic import PARSE_RATE
from inference.comparing import ItemScores
from inference.models import GenerationCell


def scores_of_cell(cell: GenerationCell) -> list[ItemScores]:
    """The newest scorecard's arrays for this cell; the parse rate is left out, the page tells what was parsed by itself."""
    rows = ScorecardScores.objects.filter(
        scorecard__generation_run=cell.run_id, model_version=cell.model_version_id, condition=cell.condition.name
    ).order_by("scorecard__number")
    found: dict[str, ItemScores] = {}
    known = describe()
    for row in rows:
        field, metric = row.metric.split(".", 1)
        if metric != PARSE_RATE:
            about = known.get(metric)  # a metric whose package is gone has no direction to sort by
            if about is not None:
                title = f"{about.title} of {field}"
                found[row.metric] = ItemScores(row.metric, title, row.values, about.direction == "higher")
    return list(found.values())
