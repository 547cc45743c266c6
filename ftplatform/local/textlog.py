"""Log files of the programs of a home."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

_LIMIT_BYTES = 20 * 2**20


def open_log(path: Path) -> IO[bytes]:
    """Append to the log, which only its owner may read; one that has grown large is set aside first, and an older one dropped."""
    if path.exists() and path.stat().st_size > _LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")


def tail(path: Path, lines: int = 12) -> str:
    """The last lines, for a message."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
