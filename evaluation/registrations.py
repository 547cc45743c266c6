"""What this room registers in the rooms below: job kinds, seals, loop steps, waiting lists."""

from evaluation.blinding import seal
from evaluation.jobs import BASELINE, COMPARE
from ftplatform.jobs import kinds
from ftplatform.projects.seals import register_seal

kinds.register(BASELINE)
kinds.register(COMPARE)
register_seal(seal)
