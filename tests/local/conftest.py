"""A home for each test, with nothing left of it afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftplatform.local import lifetime
from ftplatform.local.home import Home, open_home, remove
from tests.local import processes


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path (pytest's own are too long for a socket) that every account may reach."""
    path = Path(tempfile.mkdtemp(prefix="ft-test-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def home(folder: Path) -> Iterator[Home]:
    opened = open_home(folder / "home")
    yield opened
    lifetime.stop(opened, force=True)
    processes.eventually(lambda: not processes.naming(str(opened.path)))
    remove(opened)
