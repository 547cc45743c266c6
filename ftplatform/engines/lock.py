"""One engine per folder, and none without its worker.

The kernel drops a ``flock`` when its holder dies, however it dies, so no stale lock is left to clean up. The engine
of a worker dies with it: by PR_SET_PDEATHSIG where the worker's thread ends, and by the end of the pipe on standard
input, which every copy of the worker's process must have closed.
"""

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ftplatform.engines.events import EngineError

PR_SET_PDEATHSIG = 1
ORPHANED = 3
"""Exit status of an engine whose worker is gone."""


LAST_SECONDS = 25.0
"""For which an engine may live on that its worker has told to end: it hears that after the step or file under way."""


@contextmanager
def run_lock(folder: Path, *, patience: float = 0.0) -> Iterator[None]:
    """Hold the run's folder; EngineError ``locked`` when another engine still does after ``patience`` seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    with (folder / ".lock").open("a+") as handle:
        while not _locked(handle):
            if time.monotonic() >= deadline:
                handle.seek(0)
                holder = handle.read().strip() or "unknown"
                raise EngineError(
                    "locked", f"Another engine (process {holder}) works in {folder}: wait for it or stop it first"
                )
            time.sleep(0.1)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def _locked(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def exit_at_end_of_input() -> None:
    """Leave at once when standard input ends: nobody is left to report to, and checkpoints are whole or unmarked."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os._exit(ORPHANED)

    threading.Thread(target=wait, name="end-of-input", daemon=True).start()
