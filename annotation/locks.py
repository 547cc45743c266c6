"""The lock under which a project's tickets come in and its sets are drawn: one at a time, and nobody else waits for it."""

from django.db import connection

PROJECT = 0x616E6E6F  # "anno": the class of advisory locks that are held by (class, project)


def lock_tickets(project_id: int) -> None:
    """Held to the end of the transaction. Advisory, not the project's row: every insert that refers to the project would wait
    for that. Raises RuntimeError outside a transaction, where it would hold nothing."""
    if not connection.in_atomic_block:
        raise RuntimeError("a project's tickets are locked in the transaction that changes them")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [PROJECT, project_id])
