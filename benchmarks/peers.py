"""Peers that the product does not depend on, from PyPI into folders that are thrown away."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path


@contextmanager
def importable(requirement: str, module: str) -> Iterator[str]:
    """A package that needs nothing we lack, importable in this process, and in words which it is. ``requirement``: name==version.

    Where it is not installed it goes into the folder by itself and last on the path, so that both sides compute with the same numpy.
    """
    name, _, wanted = requirement.partition("==")
    if find_spec(module):
        yield f"{name} {version(name)}"
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*_pip(), "--no-deps", "--target", folder, requirement], check=True)
        sys.path.append(folder)
        try:
            yield f"{name} {wanted}"
        finally:
            sys.path.remove(folder)


@contextmanager
def environment(*requirements: str) -> Iterator[Path]:
    """The Python of an environment of this Python's version that holds the packages with all that they need."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, folder], check=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([*_pip(), "--python", str(python), *requirements], check=True)
        yield python


def _pip() -> list[str]:
    return [sys.executable, "-m", "uv", "pip", "install", "--quiet"]
