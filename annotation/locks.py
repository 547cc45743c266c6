"""Advisory locks of a project, held to the end of the transaction.

Advisory, not the project's row: every insert that refers to the project would wait for that. Each raises RuntimeError outside a
transaction, where it would hold nothing.

A long wait for an exclusive lock also blocks every later request for a shared one, because PostgreSQL queues them in order: all
submits would stand behind a task that waits for an import to end. So only a job waits without limit; a person gets a Conflict after
five seconds.
"""

import psycopg
from django.db import OperationalError, connection

from ftplatform.errors import Conflict

PATIENCE_MS = 5000
TICKETS = 0x616E6E6F  # "anno": the classes of advisory locks that are held by (class, project)
TASK = 0x7461736B  # "task"


def lock_tickets(project_id: int) -> None:
    """The project's tickets come in and its sets are drawn one at a time, and nobody else waits for it. Raises Conflict."""
    _lock_soon("pg_advisory_xact_lock", TICKETS, project_id)


def wait_for_tickets(project_id: int) -> None:
    """`lock_tickets` for a job, which has the time."""
    _lock("pg_advisory_xact_lock", TICKETS, project_id)


def share_task(project_id: int) -> None:
    """Whoever writes an answer holds the task as it is; a hundred do so at once. Taken before any row."""
    _lock("pg_advisory_xact_lock_shared", TASK, project_id)


def lock_task(project_id: int) -> None:
    """The task changes under all answers: waits for those that are being written, and no other begins. Raises Conflict."""
    _lock_soon("pg_advisory_xact_lock", TASK, project_id)


def _lock_soon(function: str, kind: int, project_id: int) -> None:
    try:
        _lock(function, kind, project_id, patience_ms=PATIENCE_MS)
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise
        raise Conflict(
            "project-busy",
            "Tickets are being imported, or a set is being drawn or the task changed, at this moment. Try again in a minute.",
        ) from error


def _lock(function: str, kind: int, project_id: int, patience_ms: int = 0) -> None:
    """patience_ms: of this lock only, not of the rows that the transaction locks afterwards; 0 waits as long as it takes."""
    if not connection.in_atomic_block:
        raise RuntimeError("a project is locked in the transaction that changes it")
    with connection.cursor() as cursor:
        if patience_ms:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(patience_ms)])
        cursor.execute(f"SELECT {function}(%s, %s)", [kind, project_id])
        if patience_ms:
            cursor.execute("SELECT set_config('lock_timeout', '0', true)")
