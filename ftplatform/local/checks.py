"""What `doctor` looks at on this machine, each as one function that answers with a `Finding`. Plain Python; starts nothing."""

from __future__ import annotations

import enum
import importlib.metadata
import importlib.util
import os
import shutil
import stat
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from ftplatform.local import binaries, ports
from ftplatform.local.errors import LocalError
from ftplatform.local.home import REPOSITORY, SECRET_NAMES, Home

_OLDEST_PYTHON = (3, 11)
_LOW_DISK_MB, _SCARCE_DISK_MB = 2000, 500
_LOW_MEMORY_MB = 3500


class State(enum.Enum):
    OK = "ok"
    NOTE = "note"  # something optional is absent
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, what was found, and, unless all is well, what to do."""

    name: str
    state: State
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Finding:
    return Finding(name, State.OK, found)


def note(name: str, found: str, remedy: str) -> Finding:
    return Finding(name, State.NOTE, found, remedy)


def problem(name: str, found: str, remedy: str) -> Finding:
    return Finding(name, State.PROBLEM, found, remedy)


def of_this_machine(home: Home) -> list[Finding]:
    """All findings that need neither Django nor a running server."""
    return [
        python(),
        packages(),
        torch(),
        gpu(),
        memory(),
        disk(home.path),
        permissions(home),
        programs(home),
        port(home),
        chromium(),
    ]


def python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3])) + f" at {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        return problem("Python", found, "Install Python 3.11 or newer and run `make PYTHON=python3.11 up`.")
    return ok("Python", found)


def packages() -> Finding:
    """Whether what pyproject.toml asks for is installed in the versions it asks for."""
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        wanted = [Requirement(line) for line in tomllib.load(file)["project"]["dependencies"]]
    wrong = []
    for requirement in wanted:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    if wrong:
        return problem(
            "packages",
            ", ".join(wrong),
            "Run `make up` or `python3 scripts/bootstrap.py`; delete .venv first if that does not help.",
        )
    return ok("packages", f"all {len(wanted)} of pyproject.toml")


def torch() -> Finding:
    """Whether torch can be found. It is not imported: that takes seconds, and only engines do it."""
    if importlib.util.find_spec("torch") is None:
        return problem(
            "torch",
            "missing: nothing can be trained or generated",
            "Run `python3 scripts/bootstrap.py`; it needs about 1.5 GB of disk.",
        )
    return ok("torch", importlib.metadata.version("torch"))


def gpu() -> Finding:
    if Path("/proc/driver/nvidia/version").exists():
        return ok("GPU", "an NVIDIA driver is loaded")
    return note("GPU", "none was found", "Training and generation run on the CPU: right for small models.")


def memory() -> Finding:
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    if megabytes < _LOW_MEMORY_MB:
        return note(
            "memory",
            f"{megabytes} MB",
            "Training the embedded model takes about 3 GB: use smaller batches, or another machine.",
        )
    return ok("memory", f"{megabytes} MB")


def disk(path: Path) -> Finding:
    megabytes = shutil.disk_usage(path).free // 2**20
    found = f"{megabytes} MB free for {path}"
    remedy = "Free some space, or set FT_HOME to a folder on a larger disk: models and checkpoints are kept there."
    if megabytes < _SCARCE_DISK_MB:
        return problem("disk", found, remedy)
    return note("disk", found, remedy) if megabytes < _LOW_DISK_MB else ok("disk", found)


def permissions(home: Home) -> Finding:
    """Whether the home and its secrets are closed to others."""
    own_group_passes = stat.S_IXGRP if home.switches_account else 0  # see `home`: nobody else is in that group
    allowed = {home.path: stat.S_IRWXU | own_group_passes} | {home.path / name: stat.S_IRWXU for name in SECRET_NAMES}
    open_to_others = [path for path, most in allowed.items() if stat.S_IMODE(path.stat().st_mode) & ~most]
    if open_to_others:
        names = " ".join(str(path) for path in open_to_others)
        return problem("FT_HOME", f"open to other users: {names}", f"Run `chmod go-rwx {names}`.")
    return ok("FT_HOME", str(home.path))


def programs(home: Home) -> Finding:
    """Whether the embedded servers' programs are there for this machine."""
    if os.environ.get("DATABASE_URL") and os.environ.get("VALKEY_URL"):
        return ok("embedded servers", "not used: DATABASE_URL and VALKEY_URL are set")
    try:
        return ok("embedded servers", f"{binaries.postgres_bin(home)}, {binaries.valkey_server(home)}")
    except LocalError as error:
        return problem("embedded servers", str(error), "Or set DATABASE_URL and VALKEY_URL to servers of your own.")


def port(home: Home) -> Finding:
    try:
        return ok("port", f"{ports.choose()} is free")
    except LocalError as error:
        return problem(
            "port", str(error), f"If it is this installation's own site (`local status` of {home.path}), all is well."
        )


def chromium() -> Finding:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return ok("Chromium", path)
    return note("Chromium", "not on PATH", "Only browser tests need one: `make test` installs it.")
