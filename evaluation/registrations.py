"""What this room registers in the rooms below: job kinds, seals, loop steps, waiting lists."""

from evaluation.blinding import seal
from evaluation.itemscores import scores_of_cell
from evaluation.jobs import BASELINE, COMPARE
from ftplatform.jobs import kinds
from ftplatform.projects.seals import register_seal
from inference.comparing import register_scores

kinds.register(BASELINE)
kinds.register(COMPARE)
register_seal(seal)
register_scores(scores_of_cell)
