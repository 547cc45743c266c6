"""A pytest plugin (`-p tests.servers` in pyproject): one PostgreSQL and one Valkey for the whole run, started before Django reads
its settings, which pytest-django does before any conftest.

With pytest-xdist the controller starts them and the workers get their addresses by environment. The servers are a home of their
own, kept by a lock that dies with this process, so a killed run leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

OURS = "FT_TEST_HOME"
_held: list[tuple[Any, Path]] = []


def _share_cores() -> None:
    """One thread for each engine where tests run side by side: threads that wait for a core another test holds spin meanwhile."""
    if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
        os.environ["OMP_NUM_THREADS"] = os.environ["FT_ENGINE_THREADS"] = "1"


def _start() -> None:
    """Sets the environment of this process and, by inheritance, of xdist's workers."""
    if OURS in os.environ:
        # Each worker has a database of its own, so ids repeat: folders named after them must not meet.
        os.environ["FT_HOME"] = str(Path(os.environ[OURS]) / f"home-{os.environ.get('PYTEST_XDIST_WORKER', 'other')}")
        return
    from ftplatform.local import lifetime
    from ftplatform.local.home import open_home

    folder = Path(tempfile.mkdtemp(prefix="ft-tests-", dir="/tmp"))
    folder.chmod(0o755)
    os.environ[OURS] = str(folder)
    os.environ["FT_HOME"] = str(folder / "home")
    os.environ["FT_POOL"] = "40"
    for name in ("DATABASE_URL", "VALKEY_URL", "FT_PUBLIC_URL", "FT_PORT", "FT_MODEL_DIRS", "FT_OUTBOUND_HOSTS"):
        os.environ.pop(name, None)
    home = open_home()
    context = lifetime.using(home, durable=False, say=lambda message: None)
    hold = context.__enter__()
    os.environ["DATABASE_URL"], os.environ["VALKEY_URL"] = hold.urls.database, hold.urls.valkey
    _held.append((context, folder))


_share_cores()
_start()


def pytest_unconfigure(config: pytest.Config) -> None:
    while _held:
        context, folder = _held.pop()
        context.__exit__(None, None, None)
        shutil.rmtree(folder, ignore_errors=True)
