"""What every engine is as a process: events on standard output, one engine per folder, how it ends. Plain: no Django, nothing of a room.

The other end is `ftplatform.jobs.engine`, which starts an engine under the worker. What engines do is `training.engine`, `inference.engine`.
"""
