"""What this room registers in the rooms below: job kinds, loop steps, waiting lists."""

from ftplatform.jobs import kinds
from inference.jobs import GENERATE

kinds.register(GENERATE)
