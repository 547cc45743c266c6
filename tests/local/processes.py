"""Looking at real processes from outside, as a person with `ps` would."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from ftplatform.local.home import Home

REPOSITORY = Path(__file__).resolve().parents[2]


def naming(text: str) -> dict[int, str]:
    """Living processes, ourselves excepted, whose command line, environment or working folder names ``text``."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            if pid == os.getpid() or "\nState:\tZ" in (folder / "status").read_text():
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environ = (folder / "environ").read_bytes().decode(errors="replace")
            if text in command or text in environ or text in os.readlink(folder / "cwd"):
                found[pid] = command
        except OSError:
            continue
    return found


def pid_of(home: Home, part: str) -> int:
    """The first process of this home whose command line names `part`, or 0 while there is none."""
    return min((pid for pid, line in naming(str(home.path)).items() if part in line), default=0)


def outside() -> dict[str, str]:
    """The environment of a person's shell: ours, without what the test run set for itself. Only the threads of engines stay shared out."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == "FT_ENGINE_THREADS" or not (name.startswith("FT_") or name.endswith("_URL"))
    }


def eventually(condition: Callable[[], object], *, within_s: float = 20) -> None:
    """Wait until the condition holds; fail after ``within_s``."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def start_python(code: str, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Run a piece of Python in a session of its own and return once it has printed `ready`."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    return process


def kill_hard(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def cut_power(pids: Iterable[int]) -> None:
    """All end at once: none gets to act on the end of another. One that ended by itself meanwhile is gone all the same."""
    pids = list(pids)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
