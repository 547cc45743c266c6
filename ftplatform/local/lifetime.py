"""Every process that needs the embedded servers keeps them running; when the last is gone, they stop.

``using(home)`` is the door: it takes a shared hold of the home's ``users`` lock, makes sure that a keeper runs the servers,
and waits until both answer. The hold ends with the process at the latest, and the kernel sees to that also on kill -9.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ftplatform.local import keeper, postgres, valkey
from ftplatform.local.errors import ServersError
from ftplatform.local.home import REPOSITORY, Home, Urls, open_home, urls, with_repository_on_path
from ftplatform.local.locks import FileLock, is_held, lock
from ftplatform.local.processes import describe, holding
from ftplatform.local.readiness import Readiness
from ftplatform.local.textlog import open_log

START_PATIENCE_S = 180.0  # recovery after a crash in a big import takes its time
_STOP_PATIENCE_S = 150.0
_PROGRESS_AFTER_S = 3.0

Say = Callable[[str], None]


def _say_on_stderr(message: str) -> None:
    sys.stderr.write(message + "\n")


@dataclass
class Hold:
    """A running pair of servers and our share in them."""

    home: Home
    urls: Urls
    lock: FileLock
    spawned: subprocess.Popen[bytes] | None  # the keeper, if it was us who started it

    @property
    def descriptor(self) -> int:
        """Passed on to child processes, it lets the servers outlive us until the children too are gone."""
        return self.lock.descriptor

    def still_kept(self) -> bool:
        """False where the keeper was killed, and the servers are going down with it."""
        return is_held(self.home, "keeper")

    def keep(self, *, say: Say = _say_on_stderr) -> None:
        """Bring the servers back after their keeper was killed."""
        self.spawned = _ensure_started(self.home, durable=True, say=say) or self.spawned

    def release(self) -> None:
        """Give up our share. Where it was the last one, and nobody said `local start`, return only when the servers have stopped."""
        self.lock.release()
        if keeper.pinned(self.home).exists():
            self.lock.close()
            return
        for _ in range(4):  # another holder may be looking just now, with the lock in its hands
            if self.lock.try_exclusive():
                self.lock.release()
                break
            time.sleep(keeper.TICK_S / 4)
        else:
            if self.lock.try_shared():  # others use them
                self.lock.close()
                return
        self.lock.close()
        _wait_until_stopped(self.home)
        if self.spawned is not None:
            self.spawned.wait()


def acquire(home: Home | None = None, *, durable: bool = True, say: Say = _say_on_stderr) -> Hold:
    """Start the servers of ``home`` where they don't run, and hold them until ``release()`` or the end of this process.

    Waits for recovery after a crash and says so. Raises ServersError with the servers' own words where they can't be started.
    """
    home = home or open_home()
    users = lock(home, "users")
    users.shared()  # waits while a keeper is stopping
    try:
        spawned = _ensure_started(home, durable=durable, say=say)
    except BaseException:
        users.close()
        raise
    return Hold(home, urls(home), users, spawned)


@contextmanager
def using(home: Home | None = None, *, durable: bool = True, say: Say = _say_on_stderr) -> Iterator[Hold]:
    """``acquire()`` and ``release()`` as a ``with`` block."""
    hold = acquire(home, durable=durable, say=say)
    try:
        yield hold
    finally:
        hold.release()


@contextmanager
def using_unless_given(
    home: Home, *, environ: Mapping[str, str] = os.environ, say: Say = _say_on_stderr
) -> Iterator[Hold | None]:
    """``using(home)`` where DATABASE_URL or VALKEY_URL is unset; where both are set nothing is started, and there is nothing to hold."""
    if environ.get("DATABASE_URL") and environ.get("VALKEY_URL"):
        yield None
        return
    with using(home, say=say) as hold:
        yield hold


def start(home: Home, *, say: Say = _say_on_stderr) -> Urls:
    """Start the servers and leave them running until ``stop()``."""
    with using(home, say=say) as hold:
        keeper.pinned(home).touch(mode=0o600)
        return hold.urls


def stop(home: Home, *, force: bool = False) -> list[str]:
    """Undo ``start()``. Returns the processes that still use the servers and so keep them running; with ``force`` they are not asked."""
    keeper.pinned(home).unlink(missing_ok=True)
    if force and is_held(home, "keeper"):
        keeper.stop_request(home).touch(mode=0o600)
    with lock(home, "users") as users:
        for _ in range(4):
            if force or users.try_exclusive():
                users.release()
                break
            time.sleep(keeper.TICK_S / 4)
        else:
            others = [pid for pid in holding(users.path) if pid not in {os.getpid(), *holding(home.locks / "keeper")}]
            if others:
                return [describe(pid) for pid in others]
    _wait_until_stopped(home)
    return []


@dataclass(frozen=True)
class Status:
    """What `local status` shows."""

    postgres: Readiness
    valkey: Readiness
    kept: bool
    pinned: bool
    users: list[str]


def status(home: Home) -> Status:
    """Ask both servers. Starts nothing."""
    keepers = holding(home.locks / "keeper")
    return Status(
        postgres=postgres.probe(home),
        valkey=valkey.probe(home),
        kept=is_held(home, "keeper"),
        pinned=keeper.pinned(home).exists(),
        users=[describe(pid) for pid in holding(home.locks / "users") if pid not in keepers],
    )


def _ensure_started(home: Home, *, durable: bool, say: Say) -> subprocess.Popen[bytes] | None:
    """With the users' lock shared: start a keeper where there is none and wait until both servers answer. Returns the keeper that was started."""
    began = time.monotonic()
    next_word = began + _PROGRESS_AFTER_S
    with lock(home, "starting") as starting:
        starting.exclusive()
        spawned: subprocess.Popen[bytes] | None = None
        while True:
            if not is_held(home, "keeper"):
                if spawned is not None:
                    raise ServersError(_why_it_failed(home))
                spawned = _spawn_keeper(home, durable=durable)
            states = {postgres.NAME: postgres.probe(home), valkey.NAME: valkey.probe(home)}
            if all(state is Readiness.READY for state in states.values()):
                return spawned
            now = time.monotonic()
            waiting = ", ".join(f"{name}: {state.value}" for name, state in states.items())
            if now - began > START_PATIENCE_S:
                raise ServersError(
                    f"The servers did not answer in {START_PATIENCE_S:.0f} s ({waiting}). See {home.logs}/postgres.log and valkey.log."
                )
            if now > next_word:
                why = (
                    " PostgreSQL replays its log after a crash." if states[postgres.NAME] is Readiness.STARTING else ""
                )
                say(f"Waiting for the servers of {home.path}, {now - began:.0f} s ({waiting}).{why}")
                next_word = now + 10
            time.sleep(0.05)


def _spawn_keeper(home: Home, *, durable: bool) -> subprocess.Popen[bytes]:
    keeper.failure(home).unlink(missing_ok=True)
    with open_log(home.logs / "keeper.log") as log, lock(home, "keeper") as handed_over:
        if not handed_over.try_exclusive():
            raise ServersError(f"Another process took {handed_over.path} just now. Try again.")
        return subprocess.Popen(
            [sys.executable, "-m", "ftplatform.local.keeper", str(home.path), str(handed_over.descriptor)]
            + ([] if durable else ["--not-durable"]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            env=with_repository_on_path(os.environ),
            start_new_session=True,
            pass_fds=[handed_over.descriptor],
        )


def _why_it_failed(home: Home) -> str:
    try:
        reason = keeper.failure(home).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        reason = ""
    if not reason:  # a full disk takes the words too
        megabytes = shutil.disk_usage(home.path).free // 2**20
        reason = f"it ended without a word ({megabytes} MB are free on that disk); see {home.logs / 'keeper.log'}"
    return f"PostgreSQL and Valkey could not be started in {home.path}: {reason}"


def _wait_until_stopped(home: Home) -> None:
    deadline = time.monotonic() + _STOP_PATIENCE_S
    while is_held(home, "keeper"):
        if time.monotonic() > deadline:
            raise ServersError(
                f"The servers of {home.path} did not stop in {_STOP_PATIENCE_S:.0f} s. See {home.logs}/keeper.log."
            )
        time.sleep(0.02)
