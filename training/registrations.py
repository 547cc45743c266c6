"""What this room registers in the rooms below: job kinds, loop steps, waiting lists."""

from ftplatform.jobs import kinds
from training.jobs import TRAIN

kinds.register(TRAIN)
