"""The keeper: one small process per home that runs PostgreSQL and Valkey for as long as somebody needs them.

``lifetime`` starts it, hands it the ``keeper`` lock, and never talks to it again: the keeper sees from the ``users`` lock
whether anybody is left. So a starter may end in any way, kill -9 included, and the servers stop. The keeper starts a server
that crashed again; were the keeper itself killed, the kernel would tell both servers to shut down.

    python -m ftplatform.local.keeper HOME LOCK_DESCRIPTOR [--not-durable]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from ftplatform.local import postgres, valkey
from ftplatform.local.errors import LocalError, ServersError
from ftplatform.local.home import Home, open_home
from ftplatform.local.locks import FileLock, lock
from ftplatform.local.processes import die_with_parent, holding
from ftplatform.local.textlog import open_log, tail

TICK_S = 0.2
_STOP_PATIENCE_S = 120.0  # a shutdown checkpoint after a big import, on a slow disk
_ORPHAN_PATIENCE_S = 10.0
_LONGEST_BACKOFF_S = 10.0
_CRASHES_IN_A_ROW = 6
_STEADY_AFTER_S = 30.0


class Server:
    """One of the two servers: started, watched, started again after a crash, stopped."""

    def __init__(self, module: ModuleType, home: Home, *, durable: bool) -> None:
        self._module = module
        self._home = home
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: FileLock | None = None
        self._start_at = 0.0
        self._waiting_since: float | None = None
        self._crashes = 0
        self._started_at = 0.0
        self.name: str = module.NAME

    def tick(self, now: float) -> None:
        """Do what is due. Raises ServersError where the server cannot be made to run at all."""
        if self._process is None:
            if now >= self._start_at:
                self._try_start(now)
            return
        if (status := self._process.poll()) is not None:
            self._ended(status, now)
            return

    def stop(self) -> None:
        """Ask the server to shut down; returns at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self._module.STOP_SIGNAL)

    def wait(self) -> None:
        """Wait until the server has stopped; after a long time stop it the hard way."""
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            _say(f"{self.name} did not stop in {_STOP_PATIENCE_S:.0f} s, killing it")
            self._process.send_signal(self._module.KILL_SIGNAL)
            self._process.wait()

    def _try_start(self, now: float) -> None:
        """Start the server, unless processes of an earlier one still live: two on one folder would destroy it."""
        if self._lock is None:
            self._lock = lock(self._home, self.name)
        if not self._lock.try_exclusive():
            self._wait_for_orphans(now)
            return
        self._waiting_since = None
        command = self._module.command(self._home, durable=self._durable)
        account = self._home.account
        with open_log(self._home.logs / f"{self.name}.log") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C in the terminal is not for the servers
                pass_fds=[self._lock.descriptor],
                preexec_fn=die_with_parent(self._module.STOP_SIGNAL),
                user=account.uid if self._home.switches_account else None,
                group=account.gid if self._home.switches_account else None,
                extra_groups=[] if self._home.switches_account else None,
            )
        # From here on the lock belongs to the server and its children.
        self._lock.close()
        self._lock = None
        self._started_at = now
        _say(f"{self.name} started, pid {self._process.pid}")

    def _wait_for_orphans(self, now: float) -> None:
        self._start_at = now + TICK_S
        if self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since > _ORPHAN_PATIENCE_S:
            orphans = [pid for pid in holding(self._home.locks / self.name) if pid != os.getpid()]
            _say(f"ending what is left of an earlier {self.name}: {orphans}")
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, self._module.KILL_SIGNAL)
            self._waiting_since = now

    def _ended(self, status: int, now: float) -> None:
        self._crashes = 1 if now - self._started_at > _STEADY_AFTER_S else self._crashes + 1
        log = self._home.logs / f"{self.name}.log"
        _say(f"{self.name} ended with {status}")
        if self._crashes >= _CRASHES_IN_A_ROW:
            raise ServersError(f"{self.name} does not stay up. The end of {log}:\n{tail(log)}")
        self._process = None
        self._start_at = now + min(0.2 * 2 ** (self._crashes - 1), _LONGEST_BACKOFF_S)


def main() -> NoReturn:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("lock_descriptor", type=int)
    parser.add_argument("--not-durable", action="store_true", help="force nothing to disk; for tests")
    arguments = parser.parse_args()
    os.set_inheritable(arguments.lock_descriptor, False)
    home = open_home(arguments.home)
    pinned(home).unlink(missing_ok=True)  # from before a power cut
    stop_request(home).unlink(missing_ok=True)
    stopping = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    servers = [Server(module, home, durable=not arguments.not_durable) for module in (postgres, valkey)]
    users = lock(home, "users")
    failed = False
    try:
        while not stopping and not stop_request(home).exists() and not _nobody_left(home, users):
            for server in servers:
                server.tick(time.monotonic())
            time.sleep(TICK_S)
    except (LocalError, OSError) as error:
        failure(home).write_text(str(error), encoding="utf-8")
        _say(str(error))
        failed = True
    finally:
        for server in servers:
            server.stop()
        for server in servers:
            server.wait()
        pinned(home).unlink(missing_ok=True)
        stop_request(home).unlink(missing_ok=True)
        _say("stopped")
    # First the keeper's lock, then the users': whoever waits for the latter must find the former free.
    os.close(arguments.lock_descriptor)
    users.close()
    os._exit(1 if failed else 0)  # at once: whoever waits for the locks must find this process gone, not tidying up


def pinned(home: Home) -> Path:
    """The file that keeps the servers running with nobody using them: `local start` makes it, `local stop` removes it."""
    return home.locks / "pinned"


def stop_request(home: Home) -> Path:
    """The file by which `local stop --force` asks the keeper to stop, whoever uses the servers."""
    return home.locks / "stop"


def failure(home: Home) -> Path:
    """The file in which a keeper that gave up says why."""
    return home.locks / "failure"


def _nobody_left(home: Home, users: FileLock) -> bool:
    """True with the users' lock taken exclusively, so that a newcomer waits until the servers are down and then starts them anew."""
    return not pinned(home).exists() and users.try_exclusive()


def _say(message: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {message}\n")


if __name__ == "__main__":
    main()
