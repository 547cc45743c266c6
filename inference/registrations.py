"""What this room registers in the rooms below: job kinds, loop steps, waiting lists."""

from ftplatform.jobs import kinds
from inference.jobs import GENERATE, REGISTER_EMBEDDED, REGISTER_HUB

kinds.register(GENERATE)
kinds.register(REGISTER_EMBEDDED)
kinds.register(REGISTER_HUB)
