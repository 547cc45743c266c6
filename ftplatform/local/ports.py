"""The port of the site: ``FT_PORT``, or the first free one from 8000 on."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from ftplatform.local.errors import LocalError, PortTakenError

FIRST_PORT = 8000
_TRIED = 100


def choose(environ: Mapping[str, str] = os.environ, *, host: str = "127.0.0.1") -> int:
    """The port to serve on. Raises PortTakenError where FT_PORT is set and taken, LocalError where it is no port."""
    asked = environ.get("FT_PORT", "")
    if asked:
        port = _parse(asked)
        if not is_free(port, host=host):
            raise PortTakenError(
                f"FT_PORT={port}: another program listens on that port of {host}. Stop it, set FT_PORT to another port, "
                "or unset FT_PORT to take the next free one."
            )
        return port
    for port in range(FIRST_PORT, FIRST_PORT + _TRIED):
        if is_free(port, host=host):
            return port
    raise PortTakenError(
        f"The ports {FIRST_PORT} to {FIRST_PORT + _TRIED - 1} of {host} are all taken. Set FT_PORT to a free one."
    )


def is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether we could listen there now. Raises LocalError where this user may not listen there at all."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection's TIME_WAIT is no listener
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise LocalError(f"This user may not listen on port {port}. Set FT_PORT to one from 1024 on.") from error
        except OSError:
            return False
        return True


def _parse(asked: str) -> int:
    if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked) <= 65535:
        raise LocalError(f"FT_PORT={asked!r} is not a port. Set it to a number from 1 to 65535.")
    return int(asked)
