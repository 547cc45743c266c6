"""What this room registers in the rooms below: job kinds, loop steps, waiting lists."""
