"""What this room registers in the rooms below: job kinds, loop steps, waiting lists."""

from annotation.jobs import IMPORT
from ftplatform.jobs import kinds

kinds.register(IMPORT)
