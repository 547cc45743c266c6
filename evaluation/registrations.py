"""What this room registers in the rooms below: job kinds, seals, loop steps, waiting lists."""

from django.urls import reverse

from evaluation import standing
from evaluation.campaigns.blinding import seal
from evaluation.jobs import BASELINE, COMPARE
from evaluation.models import Campaign, Scorecard
from evaluation.scorecards.itemscores import scores_of_cell
from evaluation.taskrules import refuse_metrics
from ftplatform import lineage
from ftplatform.jobs import kinds
from ftplatform.projects.carriers import register_rule
from ftplatform.projects.seals import register_seal
from ftplatform.ui.registries import (
    register_home_panel,
    register_job_link,
    register_lamp,
    register_loop_step,
    register_queue,
    register_waiting,
)
from inference.comparing import register_scores
from inference.uses import register_uses


def tell_campaign(row: Campaign) -> lineage.Told:
    href = reverse("evaluation:campaign", args=[row.project.slug, row.number])
    return lineage.Told(row.name, f"blind ratings, {row.state}", href)


def tell_card(row: Scorecard) -> lineage.Told:
    """Without its verdict, which is sealed to those who rate."""
    return lineage.Told(str(row), row.kind, reverse("evaluation:scorecard", args=[row.project.slug, row.number]))


kinds.register(BASELINE)
kinds.register(COMPARE)
register_rule(refuse_metrics)
register_seal(seal)
register_scores(scores_of_cell)

for step, provider in (
    ("baseline", standing.baseline_step),
    ("rate", standing.rate_step),
    ("scorecard", standing.scorecard_step),
):
    register_loop_step(step, provider)
register_waiting(standing.waiting)
register_lamp(1, standing.baseline_lamp)
register_lamp(5, standing.human_lamp)
register_queue(standing.queues)
register_home_panel(1, "evaluation/home_panel.html", standing.latest_panel)
register_uses(standing.uses)
for kind in (BASELINE, COMPARE):
    register_job_link(kind.name, standing.card_link)
lineage.register(lineage.Kind("campaign", Campaign, tell_campaign, made_of={"arms__cell__run": "generation-run"}))
lineage.register(
    lineage.Kind(
        "scorecard",
        Scorecard,
        tell_card,
        made_of={
            "generation_run": "generation-run",
            "baseline": "scorecard",
            "campaign": "campaign",
            "supersedes": "scorecard",
        },
    )
)
