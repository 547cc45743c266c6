"""The servers for a one-off command of ``manage.py``: started where they don't run, and stopped again afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import ProgrammingError
from psycopg.errors import UndefinedTable

from ftplatform.local import lifetime
from ftplatform.local.errors import LocalError
from ftplatform.local.home import open_home

# These need no servers, or see to them themselves.
_ON_THEIR_OWN = frozenset(
    {"", "help", "version", "check", "collectstatic", "spectacular", "local", "up", "demo", "doctor"}
)


@contextmanager
def servers_for(arguments: Sequence[str]) -> Iterator[None]:
    """Hold the embedded servers while the command of these ``sys.argv`` runs. Where they can't be started, says why and exits with 1."""
    command = next((word for word in arguments[1:] if not word.startswith("-")), "")
    if command in _ON_THEIR_OWN or "--help" in arguments:
        yield
        return
    try:
        with lifetime.using_unless_given(open_home()):
            yield
    except LocalError as error:
        sys.exit(str(error))
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable):
            raise
        sys.exit(
            "The database has no tables of this version yet: run `python manage.py migrate` (`make up` and `make demo` do), then this again."
        )
