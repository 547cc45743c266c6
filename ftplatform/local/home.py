"""The data folder of one installation, ``FT_HOME``: where it is, what it holds, and the addresses of its servers.

Nothing here starts a server, and nothing imports Django, so that settings may ask for the addresses at import time::

    FT_HOME/                 0700 (as root 0710, its group being the servers' own, so that they alone may pass)
        secret_key           0600, and so are the other secrets
        postgres_password
        valkey_password
        locks/               who uses the servers, see ``lifetime``
        logs/
        servers/             0700, data and sockets of PostgreSQL and Valkey; owned by the account they run under

As root the servers run under an account of their own. Where that account cannot reach ``FT_HOME`` (``/root/…``), the
folder ``servers`` is a link to a folder that it can reach; no parent's permissions are ever changed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from ftplatform.local.errors import HomeError

REPOSITORY = Path(__file__).resolve().parents[2]
DATABASE = "ftplatform"
ROLE = "ftplatform"
SECRET_NAMES = ("secret_key", "postgres_password", "valkey_password")

# The kernel's sockaddr_un has 108 bytes for the path, the last one a NUL.
SOCKET_PATH_LIMIT = 107
POSTGRES_PORT = 5432  # only a part of the socket's name: nothing listens on a port
POSTGRES_SOCKET = f".s.PGSQL.{POSTGRES_PORT}"
VALKEY_SOCKET = "valkey.sock"

# systemd's range of transient accounts: no person and no package ever owns one of these numbers.
_FIRST_TRANSIENT_ID, _TRANSIENT_IDS = 61184, 4336


class Account(NamedTuple):
    """The numeric user and group under which the servers run."""

    uid: int
    gid: int


class Urls(NamedTuple):
    """Where the servers of a home answer once they are started."""

    database: str
    valkey: str


@dataclass(frozen=True)
class Home:
    """An opened data folder: it exists, is private, and its secrets are there."""

    path: Path
    servers: Path
    sockets: Path
    account: Account

    @property
    def postgres_data(self) -> Path:
        return self.servers / "postgres"

    @property
    def valkey_data(self) -> Path:
        return self.servers / "valkey"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def locks(self) -> Path:
        return self.path / "locks"

    @property
    def switches_account(self) -> bool:
        """True where we are root and the servers therefore run under another account."""
        return self.account.uid != os.geteuid()

    def secret(self, name: str) -> str:
        """One of ``SECRET_NAMES``, made at random when the home was first opened."""
        return (self.path / name).read_text(encoding="ascii")


def locate(environ: Mapping[str, str] = os.environ) -> Path:
    """The absolute path of the data folder: ``FT_HOME``, else ``.ft`` beside ``manage.py``. Links are followed, so one folder has one name."""
    return Path(environ.get("FT_HOME") or REPOSITORY / ".ft").expanduser().resolve()


def open_home(path: Path | None = None) -> Home:
    """Make the folder and its secrets where they are missing, and say where everything is. Starts nothing; may be called by many at once.

    Raises HomeError where the folder can't be made, belongs to somebody else, or holds something that isn't ours.
    """
    path = locate() if path is None else path.expanduser().resolve()
    try:
        _make_private(path)
        for name in SECRET_NAMES:
            _make_secret(path / name)
        for name in ("locks", "logs"):
            (path / name).mkdir(mode=0o700, exist_ok=True)
            give_to_owner_of_parent(path / name)
        account = _account(path)
        servers = _servers_folder(path, account)
        sockets = _sockets_folder(path, servers, account)
    except OSError as error:
        raise HomeError(
            f"The data folder {path} can't be used: {error}. Set FT_HOME to a folder that this user may write."
        ) from error
    return Home(path=path, servers=servers, sockets=sockets, account=account)


def urls(home: Home | None = None) -> Urls:
    """The URLs of the embedded servers of ``home`` (the default one if None), whether they run or not."""
    home = home or open_home()
    database = f"postgresql://{ROLE}:{quote(home.secret('postgres_password'), safe='')}@/{DATABASE}?" + urlencode(
        {"host": str(home.sockets), "port": POSTGRES_PORT}, quote_via=quote
    )
    valkey = f"unix://:{quote(home.secret('valkey_password'), safe='')}@{quote(str(home.sockets / VALKEY_SOCKET))}?db=0"
    return Urls(database, valkey)


def remove(home: Home) -> None:
    """Delete the home with all its data, also what lies elsewhere on its behalf. Its servers must be stopped."""
    for folder in (home.sockets, home.servers, home.path):
        if folder.exists():
            shutil.rmtree(folder)


def broker_url(valkey_url: str) -> str:
    """The same server in the words of Celery, which spells a socket ``redis+socket`` and its database ``virtual_host``."""
    parts = urlsplit(valkey_url)
    if parts.scheme != "unix":
        return valkey_url
    database = parts.query.removeprefix("db=") or "0"
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"


def with_repository_on_path(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a Python program of ours, which must find our packages from whatever folder it is started in."""
    path = os.pathsep.join(part for part in (str(REPOSITORY), environ.get("PYTHONPATH", "")) if part)
    return {**environ, "PYTHONPATH": path}


def _make_private(path: Path) -> None:
    """Create the folder, or take one that is empty or already ours. Anything else is refused: a typo in FT_HOME must not close ``/tmp`` to others."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = path.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise HomeError(f"The data folder {path} belongs to user {owner}. Set FT_HOME to a folder of your own.")
    if (path / SECRET_NAMES[0]).exists():
        return
    foreign = sorted(
        entry.name
        for entry in path.iterdir()
        if entry.name not in {"lost+found", *SECRET_NAMES} and not entry.name.startswith(".")
    )
    if foreign:
        raise HomeError(
            f"The folder {path} holds other things ({', '.join(foreign[:3])}) and is no data folder of ftplatform. Set FT_HOME to a new or an empty folder."
        )
    path.chmod(0o700)


def _make_secret(path: Path) -> None:
    """Write 48 random bytes once, whole or not at all: of two who try at the same time the first one's stays."""
    if path.exists():
        return
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        give_to_owner_of_parent(Path(draft))
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first, and its secret is as good
    finally:
        os.unlink(draft)


def give_to_owner_of_parent(path: Path) -> None:
    """Under sudo, what root makes in a user's home belongs to that user."""
    parent = path.parent.stat()
    if os.geteuid() == 0 and parent.st_uid != 0:
        os.chown(path, parent.st_uid, parent.st_gid)


def give_tree(folder: Path, account: Account) -> None:
    """Change the owner of a folder and all in it, links themselves and never what they point to."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(parent, name), account.uid, account.gid, follow_symlinks=False)
    os.chown(folder, account.uid, account.gid)


def _account(path: Path) -> Account:
    """Who runs the servers: ourselves; as root, the home's owner if it is somebody else, else a number that nobody else has."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for folder in (path / "servers", path):  # what is there already keeps its owner, also after the home was moved
        if folder.exists() and (owner := folder.stat()).st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    number = _FIRST_TRANSIENT_ID + int(_key(path), 16) % _TRANSIENT_IDS
    return Account(number, number)


def _servers_folder(path: Path, account: Account) -> Path:
    servers = path / "servers"
    if account.uid == os.geteuid():
        servers.mkdir(mode=0o700, exist_ok=True)
        return servers
    if path.stat().st_uid == 0:  # our own folder, not a parent: let the servers' group, and nobody else, pass
        os.chown(path, 0, account.gid)
        path.chmod(0o710)
    if servers.is_symlink() or servers.exists():
        pass
    elif can_reach(path, account):
        servers.mkdir(mode=0o700, exist_ok=True)
    else:
        elsewhere = tempfile.mkdtemp(prefix="ftplatform-", dir=_folder_reachable_by_all(path))
        try:
            servers.symlink_to(elsewhere)
        except FileExistsError:
            os.rmdir(elsewhere)  # another process was first
    folder = servers.resolve()
    folder.mkdir(mode=0o700, exist_ok=True)  # the link's target was swept away: start anew rather than fail for ever
    os.chown(folder, account.uid, account.gid)
    return folder


def can_reach(path: Path, account: Account) -> bool:
    """Whether the account may pass through the folder and all its parents, read off their permissions."""
    for folder in (path, *path.parents):
        status = folder.stat()
        if status.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif status.st_gid == account.gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not status.st_mode & bit:
            return False
    return True


def _folder_reachable_by_all(path: Path) -> str:
    """Where root keeps the servers' folder of a home that the servers can't reach: as lasting as the home itself."""
    temporary = Path(tempfile.gettempdir()).resolve()
    return str(temporary) if path.is_relative_to(temporary) else "/var/lib"


def _sockets_folder(path: Path, servers: Path, account: Account) -> Path:
    """Where the sockets lie: beside the data, or in a private folder in /tmp where that path is too long for a socket."""
    folder = servers / "run"
    if len(os.fsencode(folder / POSTGRES_SOCKET)) > SOCKET_PATH_LIMIT:
        # Not gettempdir(): every process of this home must find the same folder, whatever its TMPDIR.
        folder = Path("/tmp") / f"ft-{account.uid}-{_key(path)}"  # noqa: S108 - owner and mode are checked below
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {account.uid, os.geteuid()} or status.st_mode & 0o077:
        raise HomeError(
            f"{folder}, where the servers' sockets belong, was made by somebody else or is open to others. Remove it."
        )
    if status.st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)  # just made, or the home was copied by root
    return folder


def _key(path: Path) -> str:
    """A short name for this home, the same in every process."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
