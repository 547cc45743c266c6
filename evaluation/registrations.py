"""What this room registers in the rooms below: job kinds, seals, loop steps, waiting lists."""

from evaluation import loop
from evaluation.blinding import seal
from evaluation.itemscores import scores_of_cell
from evaluation.jobs import BASELINE, COMPARE
from ftplatform.jobs import kinds
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

kinds.register(BASELINE)
kinds.register(COMPARE)
register_seal(seal)
register_scores(scores_of_cell)

for step, provider in (("baseline", loop.baseline_step), ("rate", loop.rate_step), ("scorecard", loop.scorecard_step)):
    register_loop_step(step, provider)
register_waiting(loop.waiting)
register_lamp(1, loop.baseline_lamp)
register_lamp(5, loop.human_lamp)
register_queue(loop.queues)
register_home_panel(1, "evaluation/home_panel.html", loop.latest_panel)
register_uses(loop.uses)
for kind in (BASELINE, COMPARE):
    register_job_link(kind.name, loop.card_link)
