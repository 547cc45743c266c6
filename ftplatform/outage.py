"""Tells a database that is away from one that refuses. On the first one waits, or says so; nothing has failed."""

import psycopg
from django.db import InterfaceError, OperationalError

AWAY = ("08", "57P")
"""SQLSTATE classes: the connection broke; the server stops, crashed, or is not ready yet. A full disk or a deadlock is neither."""

RETRY_AFTER_SECONDS = 10


def database_is_away(error: BaseException) -> bool:
    """Whether the error came of a lost connection, a server that cannot be reached, or a pool that got none of it.

    psycopg's own errors count too: Django wraps none that comes out of a COPY.
    """
    if isinstance(error, InterfaceError | psycopg.InterfaceError):
        return True
    if not isinstance(error, OperationalError | psycopg.OperationalError):
        return False
    driver = error if isinstance(error, psycopg.OperationalError) else error.__cause__
    state = getattr(driver, "sqlstate", None)  # none where the client itself saw the connection go
    return state is None or state.startswith(AWAY)
