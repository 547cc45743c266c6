"""Pages of this room: labelling, tickets, imports, sets, and queues with reviews."""
