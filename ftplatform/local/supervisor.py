"""The supervisor: one small process that runs web and worker, starts them again when they crash, and leaves none behind.

``tree`` starts it and holds the other end of its stdin. That pipe is the bond: a line on it starts or stops a program, and its end,
which comes also when the starter is killed with -9, stops them all. Orphans of the programs become the supervisor's children, so
that nothing in the tree can slip away. What happens is told on stdout, one JSON object per line.

    python -m ftplatform.local.supervisor LOG_FOLDER
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftplatform.local.processes import adopt_orphans, descendants, die_with_parent
from ftplatform.local.textlog import open_log, tail

_TICK_S = 0.1
_STEADY_AFTER_S = 30.0
_LONGEST_BACKOFF_S = 30.0


@dataclass(frozen=True)
class Program:
    """What to run under which name. ``grace_s``: how long it may take to end after SIGTERM before it is killed."""

    name: str
    arguments: tuple[str, ...]
    grace_s: float

    def as_line(self) -> str:
        return json.dumps({"start": asdict(self)}) + "\n"


class Running:
    """A program and, unless it waits for its next start, its process."""

    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._crashes = 0
        self._started_at = 0.0
        self._start_at = 0.0
        self._stopping_since: float | None = None

    @property
    def stopping(self) -> bool:
        return self._stopping_since is not None

    def tick(self, now: float) -> None:
        if self.process is None:
            if not self.stopping and now >= self._start_at:
                self._start(now)
        elif self._stopping_since is not None and now - self._stopping_since > self.program.grace_s:
            _signal_group(self.process.pid, signal.SIGKILL)

    def stop(self, now: float) -> None:
        if self.stopping:
            return
        self._stopping_since = now
        if self.process is not None:
            _signal_group(self.process.pid, signal.SIGTERM)

    def ended(self, status: int, now: float) -> None:
        """Its process was reaped with this exit status (negative: a signal)."""
        if self.process is None:
            return
        _signal_group(
            self.process.pid, signal.SIGTERM if self.stopping else signal.SIGKILL
        )  # what it left in its group
        self.process = None
        if self.stopping:
            _tell("stopped", self.program.name)
            return
        self._crashes = 1 if now - self._started_at > _STEADY_AFTER_S else self._crashes + 1
        wait_s = min(0.5 * 2 ** (self._crashes - 1), _LONGEST_BACKOFF_S)
        self._start_at = now + wait_s
        _tell(
            "crashed",
            self.program.name,
            status=status,
            crashes=self._crashes,
            again_in_s=wait_s,
            log=str(self.log),
            tail=tail(self.log),
        )

    def _start(self, now: float) -> None:
        with open_log(self.log) as log:
            self.process = subprocess.Popen(
                self.program.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                close_fds=False,  # the hold on the servers, inherited from the starter, goes on to the programs
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        self._started_at = now
        _tell("started", self.program.name, pid=self.process.pid)


class Supervisor:
    """All programs of one tree."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._programs: dict[str, Running] = {}
        self._stopping = False
        self._pending = b""

    def run(self) -> None:
        """Until stdin ends or SIGTERM comes, and then until nothing below this process is left."""
        adopt_orphans()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_terminate)
        while not self._stopping:
            self._listen()
            self._tick()
        for running in self._programs.values():
            running.stop(time.monotonic())
        while any(running.process for running in self._programs.values()):
            self._tick()
            time.sleep(_TICK_S)
        self._sweep()

    def _on_terminate(self, _signal: int, _frame: object) -> None:
        self._stopping = True

    def _listen(self) -> None:
        ready, _, _ = select.select([sys.stdin], [], [], _TICK_S)
        if not ready:
            return
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            self._stopping = True
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        if "start" in order:
            program = Program(**order["start"])
            self._programs[program.name] = Running(program, self._logs)
        elif (name := order["stop"]) in self._programs:
            self._programs[name].stop(time.monotonic())

    def _tick(self) -> None:
        self._reap()
        for running in list(self._programs.values()):
            running.tick(time.monotonic())
            if running.stopping and running.process is None:
                del self._programs[running.program.name]

    def _reap(self) -> None:
        """Collect every ended child: our programs, and orphans that were given to us."""
        while True:
            try:
                pid, wait_status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for running in self._programs.values():
                if running.process is not None and running.process.pid == pid:
                    running.process.returncode = os.waitstatus_to_exitcode(wait_status)
                    running.ended(running.process.returncode, time.monotonic())

    def _sweep(self) -> None:
        """End whatever the programs left below us: first asked, then killed."""
        deadline = time.monotonic() + 5
        signalled: set[int] = set()
        while left := descendants(os.getpid()):
            for pid in left:
                late = time.monotonic() > deadline
                if late or pid not in signalled:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                    signalled.add(pid)
            self._reap()
            time.sleep(_TICK_S)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _tell(event: str, program: str, **details: object) -> None:
    with contextlib.suppress(BrokenPipeError):  # the starter is gone, and so soon are we
        sys.stdout.write(json.dumps({"event": event, "program": program, **details}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    Supervisor(Path(sys.argv[1])).run()
    os._exit(0)  # stdout may be a broken pipe by now, and there is nothing left to flush
