"""Advisory locks of a project, held to the end of the transaction.

Advisory, not the project's row: every insert that refers to the project would wait for that. Each raises RuntimeError outside a
transaction, where it would hold nothing.
"""

from django.db import connection

TICKETS = 0x616E6E6F  # "anno": the classes of advisory locks that are held by (class, project)
TASK = 0x7461736B  # "task"


def lock_tickets(project_id: int) -> None:
    """The project's tickets come in and its sets are drawn one at a time, and nobody else waits for it."""
    _lock("pg_advisory_xact_lock", TICKETS, project_id)


def share_task(project_id: int) -> None:
    """Whoever writes an answer holds the task as it is; a hundred do so at once. Taken before any row."""
    _lock("pg_advisory_xact_lock_shared", TASK, project_id)


def lock_task(project_id: int) -> None:
    """The task changes under all answers: waits for those that are being written, and no other begins."""
    _lock("pg_advisory_xact_lock", TASK, project_id)


def _lock(function: str, kind: int, project_id: int) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("a project is locked in the transaction that changes it")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [kind, project_id])
