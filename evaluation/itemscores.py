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
    for row in rows:
        field, metric = row.metric.split(".", 1)
        if metric != PARSE_RATE:
            about = describe()[metric]
            found[row.metric] = ItemScores(
                row.metric, f"{about.title} of {field}", row.values, about.direction == "higher"
            )
    return list(found.values())
