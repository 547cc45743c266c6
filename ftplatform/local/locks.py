"""File locks of a home. The kernel drops a lock when its last holder ends, also by kill -9: that is what makes them trustworthy.

================  =========================================================================================
``users``         shared by everyone who needs the servers; whoever gets it exclusively knows that nobody does
``starting``      exclusive, for the moment in which a keeper is looked for and started
``keeper``        exclusive, held by the keeper for its life
``postgres`` …    exclusive, inherited by the server and all its children: free means that none of them lives
================  =========================================================================================
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ftplatform.local.home import Home, give_to_owner_of_parent


class FileLock:
    """One open lock file. Not inherited by programs we start unless its ``descriptor`` is passed on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        new = not path.exists()
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if new:
            give_to_owner_of_parent(path)

    def shared(self) -> None:
        """Wait for a shared hold."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)

    def exclusive(self) -> None:
        """Wait for the exclusive hold."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def try_shared(self) -> bool:
        return self._try(fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        """Take the exclusive hold if it is free. A hold that this lock had is lost where it is not."""
        return self._try(fcntl.LOCK_EX)

    def release(self) -> None:
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release, unless a process to which the descriptor was passed on still has it open."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _try(self, operation: int) -> bool:
        try:
            fcntl.flock(self.descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def lock(home: Home, name: str) -> FileLock:
    """Open the home's lock file of that name."""
    return FileLock(home.locks / name)


def is_held(home: Home, name: str) -> bool:
    """Whether somebody has that lock exclusively (a shared hold of ``users`` does not count)."""
    with lock(home, name) as probe:
        return not probe.try_shared()
