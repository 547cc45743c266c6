"""The embedded Valkey: its settings, its command line, and whether it answers.

It listens on a socket only, wants a password, and appends every write to a file that is forced to disk once a second.
Who may keep it running is decided in ``lifetime``, and ``keeper`` runs it.
"""

from __future__ import annotations

import signal
import socket

from ftplatform.local import binaries
from ftplatform.local.errors import ServersError
from ftplatform.local.home import VALKEY_SOCKET, Home, give_tree
from ftplatform.local.readiness import Readiness

NAME = "valkey"
STOP_SIGNAL = signal.SIGTERM
KILL_SIGNAL = signal.SIGKILL


def command(home: Home, *, durable: bool = True) -> list[str]:
    """Write the settings and return the command line of the server; with ``durable=False`` (tests) it keeps nothing. Raises ServersError."""
    program = binaries.valkey_server(home)
    home.valkey_data.mkdir(mode=0o700, exist_ok=True)
    settings = {
        "port": "0",
        "unixsocket": _quoted(str(home.sockets / VALKEY_SOCKET)),
        "unixsocketperm": "700",
        "requirepass": _quoted(home.secret("valkey_password")),
        "dir": _quoted(str(home.valkey_data)),
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",  # after a crash: lose the last, half-written command and not the start
        "save": '""',  # the appended file is enough
        "maxmemory-policy": "noeviction",  # it carries messages: never drop one to make room
        "daemonize": "no",
        "loglevel": "notice",
    }
    path = home.valkey_data / "valkey.conf"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")
    if home.switches_account:
        give_tree(home.valkey_data, home.account)
    if probe(home) is not Readiness.ABSENT:
        raise ServersError(f"A Valkey that ftplatform did not start is listening in {home.sockets}. Stop it.")
    (home.sockets / VALKEY_SOCKET).unlink(missing_ok=True)
    return [str(program), str(path)]


def probe(home: Home) -> Readiness:
    """Whether the server answers, found by connecting. Raises ServersError where it answers and refuses our password."""
    try:
        answer = _ask(home, f"AUTH {home.secret('valkey_password')}", "PING")
    except TimeoutError:
        return Readiness.STARTING
    except OSError:
        return Readiness.ABSENT
    if "-WRONGPASS" in answer:
        raise ServersError(
            f"Valkey refuses the password in {home.path / 'valkey_password'}: the file was changed while it ran. "
            "Run `python manage.py local stop --force` and start again."
        )
    return Readiness.READY if "+PONG" in answer else Readiness.STARTING  # -LOADING: it reads its file


def _ask(home: Home, *commands: str) -> str:
    """Send commands in the protocol's inline form and return the answers, a line each: no driver is needed to say hello."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(home.sockets / VALKEY_SOCKET))
        connection.sendall("".join(f"{command}\r\n" for command in commands).encode())
        with connection.makefile("r", encoding="utf-8") as answers:
            return "".join(answers.readline() for _ in commands)


def _quoted(value: str) -> str:
    """A word of valkey.conf, with the bytes of a path kept as they are."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
