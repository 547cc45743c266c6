"""The few things the kernel can do for a tree of processes that Python has no words for. Linux; elsewhere they do nothing or find nothing."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_libc = (
    ctypes.CDLL(None, use_errno=True) if _LINUX else None
)  # loaded here: between fork and exec nothing may be loaded


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """A ``preexec_fn``: the kernel sends ``death_signal`` to the new process when the *thread* that started it ends, even by kill -9."""
    parent = os.getpid()

    def between_fork_and_exec() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return between_fork_and_exec


def end_with_make() -> None:
    """Under `make`, end with it: its kill -9 would otherwise leave us, and all that we started, running with nobody at the terminal."""
    if _libc is None or "MAKELEVEL" not in os.environ:
        return
    make = os.getppid()
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != make:
        os.kill(os.getpid(), signal.SIGTERM)


def adopt_orphans() -> None:
    """From now on every descendant whose own parent dies becomes our child, so that none can slip away."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants(pid: int) -> list[int]:
    """All living processes below ``pid``, parents before children."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            # The name in parentheses may hold spaces and parentheses; after its last one come state and parent.
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state != "Z":
                children[int(parent)].append(int(entry.parent.name))
    found = list(children[pid])
    for child in found:  # grows while we walk it
        found.extend(children[child])
    return found


def holding(path: Path) -> list[int]:
    """The processes that have the file open, as far as we may look: those who hold a lock on it, told by the file and never by a pid file."""
    target = str(path.resolve())
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(link) == target:
                found.add(int(link.parts[2]))
    return sorted(found)


def describe(pid: int) -> str:
    """``pid (command line)``, for a message."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        command = ""
    return f"{pid} ({command[:80]})" if command else str(pid)
