"""The process tree of `up` and `demo`: web and worker under a supervisor, seen from the process that wants it.

with lifetime.using() as hold, Tree(hold) as tree:
    tree.start(worker())
    tree.start(web(port))
    tree.wait_for_site(port)
    wait_for_signal()
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from ftplatform.local.errors import LocalError
from ftplatform.local.home import REPOSITORY, Home, with_repository_on_path
from ftplatform.local.lifetime import Hold, Say
from ftplatform.local.supervisor import Program
from ftplatform.local.textlog import open_log, tail

_SITE_PATIENCE_S = 90.0
_GIVE_UP_AFTER_CRASHES = 3
_LOOK_EVERY_S = 1.0


def web(port: int, *, host: str = "127.0.0.1") -> Program:
    """The site, by granian's ASGI server."""
    arguments = (*_python("granian"), "--interface", "asginl", "--host", host, "--port", str(port), "--no-ws")
    return Program("web", (*arguments, "ftplatform.asgi:application"), grace_s=10)


def worker(*, threads: int = 4) -> Program:
    """The worker. Threads, since all heavy work is done by engines in processes of their own; the long grace is for these to save."""
    arguments = (
        "-A",
        "ftplatform.celery",
        "worker",
        "--loglevel",
        "INFO",
        "--pool",
        "threads",
        "--concurrency",
        str(threads),
    )
    return Program("worker", (*_python("celery"), *arguments, "--without-gossip", "--without-mingle"), grace_s=30)


class Tree:
    """Starts the supervisor on entry; on exit, or with the death of this process, everything under it is stopped.

    ``hold`` is None where both servers are somebody else's (DATABASE_URL and VALKEY_URL are set); otherwise the tree's programs share it,
    so that the servers outlive them, and a killed keeper is replaced.
    """

    def __init__(self, home: Home, hold: Hold | None, *, say: Say, environ: Mapping[str, str] = os.environ) -> None:
        self._home = home
        self._hold = hold
        self._say = say
        addresses = {"DATABASE_URL": hold.urls.database, "VALKEY_URL": hold.urls.valkey} if hold else {}
        self._environ = {
            **addresses,
            **with_repository_on_path(environ),  # an address that the user gave goes first
            "FT_HOME": str(home.path),
            "DJANGO_SETTINGS_MODULE": "ftplatform.settings",
            "PYTHONUNBUFFERED": "1",
        }
        self._crashes: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None

    def __enter__(self) -> Self:
        with open_log(self._home.logs / "supervisor.log") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ftplatform.local.supervisor", str(self._home.logs)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                cwd=REPOSITORY,
                env=self._environ,
                start_new_session=True,
                pass_fds=[self._hold.descriptor] if self._hold else [],
            )
        self._listener = threading.Thread(target=self._listen, name="tree", daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the pipe and wait until nothing of the tree is left."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        self._process.wait()
        if self._listener is not None:
            self._listener.join(timeout=5)

    def start(self, program: Program) -> None:
        """Start a program; from now on it is started again whenever it ends by itself."""
        self._send(program.as_line())

    def stop(self, name: str) -> None:
        """Stop the program of that name."""
        self._send(json.dumps({"stop": name}) + "\n")

    @property
    def alive(self) -> bool:
        """False where the supervisor itself was killed."""
        return self._process is not None and self._process.poll() is None

    def wait_for_site(self, port: int, *, patience_s: float = _SITE_PATIENCE_S) -> None:
        """Wait until the site answers at /healthz. Raises LocalError with the end of its log where it crashes again and again, or stays mute."""
        log = self._home.logs / "web.log"
        deadline = time.monotonic() + patience_s
        while not _answers(f"http://127.0.0.1:{port}/healthz"):
            if self._crashes.get("web", 0) >= _GIVE_UP_AFTER_CRASHES or not self.alive:
                raise LocalError(f"The site does not start. The end of {log}:\n{tail(log)}")
            if time.monotonic() > deadline:
                raise LocalError(
                    f"The site did not answer on port {port} in {patience_s:.0f} s. The end of {log}:\n{tail(log)}"
                )
            time.sleep(0.1)

    def wait(self) -> None:
        """Sleep until a signal interrupts. Raises LocalError where the supervisor is killed, and with it all that it ran."""
        while self.alive:
            time.sleep(_LOOK_EVERY_S)
        raise LocalError(
            f"The supervisor was killed, and all that it ran has ended. See {self._home.logs}/supervisor.log."
        )

    def _send(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("The tree is used outside its with block.")
        self._process.stdin.write(line.encode())

    def _listen(self) -> None:
        """Tell the user of crashes, and look after the keeper. Ends with the supervisor."""
        assert self._process is not None and self._process.stdout is not None
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(timeout=_LOOK_EVERY_S):
                    data = os.read(self._process.stdout.fileno(), 65536)
                    if not data:
                        return
                    *lines, pending = (pending + data).split(b"\n")
                    for line in lines:
                        self._note(json.loads(line))
                self._look_after_keeper()

    def _note(self, event: dict[str, Any]) -> None:
        if event["event"] != "crashed":
            return
        name = event["program"]
        self._crashes[name] = event["crashes"]
        self._say(
            f"{name} ended by itself with status {event['status']}; it is started again in {event['again_in_s']:g} s. The end of {event['log']}:\n{event['tail']}"
        )

    def _look_after_keeper(self) -> None:
        if self._hold is None or self._hold.still_kept():
            return
        self._say("The keeper of PostgreSQL and Valkey was killed; starting both again.")
        try:
            self._hold.keep(say=self._say)
        except LocalError as error:  # told, and tried again at the next look
            self._say(str(error))


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """In this block the first SIGINT, SIGTERM or SIGHUP raises KeyboardInterrupt, even where the shell had them ignored; later ones do nothing.

    So whatever is under way is left by its own way out, and an impatient second Ctrl-C does not cut that short.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_signal: int, _frame: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module)


def _answers(url: str) -> bool:
    """Whether a site answers there. A refusal counts: FT_ALLOWED_HOSTS may well leave out the loopback address that we use."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy to ourselves
    try:
        with opener.open(url, timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code < 500
    except OSError:
        return False
