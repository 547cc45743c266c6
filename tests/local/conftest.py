"""A home for each test, with nothing left of it afterwards."""

import shutil
import subprocess
import sys
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
    path = _short_folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def home(folder: Path) -> Iterator[Home]:
    """An empty one."""
    yield from _used(folder / "home")


@pytest.fixture
def site(folder: Path, prepared: Path) -> Iterator[Home]:
    """One whose database is made already, for what is asked of a site that runs."""
    shutil.copytree(prepared, folder / "home", symlinks=True)
    yield from _used(folder / "home")


@pytest.fixture(scope="session")
def prepared() -> Iterator[Path]:
    """The folder of a stopped home, made once."""
    folder = _short_folder()
    environment = {**processes.outside(), "FT_HOME": str(folder / "home")}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=processes.REPOSITORY, env=environment, check=True, timeout=120)
    yield folder / "home"
    remove(open_home(folder / "home"))
    folder.rmdir()


def _short_folder() -> Path:
    path = Path(tempfile.mkdtemp(prefix="ft-test-", dir="/tmp"))
    path.chmod(0o755)
    return path


def _used(path: Path) -> Iterator[Home]:
    opened = open_home(path)
    yield opened
    lifetime.stop(opened, force=True)
    processes.eventually(lambda: not processes.naming(str(opened.path)))
    remove(opened)
