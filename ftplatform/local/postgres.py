"""The embedded PostgreSQL: its data folder, its settings, its command line, and whether it answers.

It listens on a socket only, and asks for a password there (SCRAM). Who may keep it running is decided in ``lifetime``,
and ``keeper`` runs it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from ftplatform.local import binaries
from ftplatform.local.errors import ServersError
from ftplatform.local.home import DATABASE, POSTGRES_PORT, POSTGRES_SOCKET, ROLE, Account, Home, give_tree, urls
from ftplatform.local.readiness import Readiness

NAME = "postgres"
# Fast shutdown: open transactions are rolled back, a checkpoint is written.
STOP_SIGNAL = signal.SIGINT
# Immediate shutdown: as after a crash, nothing committed is lost.
KILL_SIGNAL = signal.SIGQUIT
_FREE_BYTES_NEEDED = 300 * 2**20


def command(home: Home, *, durable: bool = True) -> list[str]:
    """Make the data folder where there is none, write the settings, and return the command line of the server.

    With ``durable=False`` (tests) nothing is forced to disk: fast, and lost when the machine, not the process, crashes.
    Only the keeper may call this: it holds the lock that says that no server runs on this folder.
    Raises ServersError.
    """
    bin_folder = binaries.postgres_bin(home)
    if not home.postgres_data.exists():
        _initialise(home, bin_folder, durable=durable)
    version = (home.postgres_data / "PG_VERSION").read_text().strip()
    if version != binaries.POSTGRES_VERSION:
        raise ServersError(
            f"The data in {home.postgres_data} was written by PostgreSQL {version}, this is {binaries.POSTGRES_VERSION}. "
            "Restore a backup into a new FT_HOME, or install the version of ftplatform that wrote it."
        )
    _write_settings(home, durable=durable)
    _forget_dead_server(home)
    if home.switches_account and home.postgres_data.stat().st_uid != home.account.uid:
        give_tree(home.postgres_data, home.account)  # the home was copied by root
    return [str(bin_folder / "postgres"), "-D", str(home.postgres_data)]


def probe(home: Home) -> Readiness:
    """Whether the server answers, found by connecting. Raises ServersError where it answers and refuses our password."""
    import psycopg  # loaded here: the keeper does without it

    try:
        psycopg.connect(urls(home).database, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        message = str(error)
        if "password authentication failed" in message:
            raise ServersError(
                f"PostgreSQL in {home.postgres_data} refuses the password in {home.path / 'postgres_password'}: "
                "the file was changed. Put the old one back, or use a new FT_HOME."
            ) from error
        if "does not exist" in message and f'"{DATABASE}"' in message:
            raise ServersError(
                f"PostgreSQL in {home.postgres_data} runs, but its database {DATABASE} was dropped. "
                f"Restore a backup, or create it empty: createdb --host={home.sockets} --username={ROLE} {DATABASE}"
            ) from error
        # The server's own words for recovery, start and stop; its messages are in English whatever the locale (lc_messages).
        starting = ("starting up", "not yet accepting", "recovery", "shutting down")
        return Readiness.STARTING if any(word in message for word in starting) else Readiness.ABSENT
    return Readiness.READY


def _initialise(home: Home, bin_folder: Path, *, durable: bool) -> None:
    """Run initdb in a draft that is renamed once it is whole, so that a kill in between leaves nothing half made."""
    free = shutil.disk_usage(home.servers).free
    if free < _FREE_BYTES_NEEDED:
        raise ServersError(
            f"{home.servers} has {free // 2**20} MB free; PostgreSQL needs {_FREE_BYTES_NEEDED // 2**20} MB to begin with. "
            "Free some space, or set FT_HOME to a folder on another disk."
        )
    for left_by_a_kill in home.servers.glob("initdb-*"):
        shutil.rmtree(left_by_a_kill)
    account = _account_with_a_name(home)
    with tempfile.TemporaryDirectory(prefix="initdb-", dir=home.servers) as draft:
        password_file = Path(draft) / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(home.secret("postgres_password"))
        initdb = [
            str(bin_folder / "initdb"),
            f"--pgdata={draft}/data",
            f"--username={ROLE}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # PostgreSQL's own collation: the same order on every machine, whatever locales it has.
            *(
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--lc-collate=C",
                "--lc-ctype=C",
                "--lc-messages=C",
            ),
            *([] if durable else ["--no-sync"]),
        ]
        create_database = [str(bin_folder / "postgres"), "--single", "-D", f"{draft}/data", "postgres"]
        if home.switches_account:
            give_tree(Path(draft), account)
            home.servers.chmod(0o710)  # `nobody` comes in the servers' own group, to pass through their folder
        try:
            _run_as(account, initdb)
            _run_as(account, create_database, stdin=f"CREATE DATABASE {DATABASE}\n")
        finally:
            home.servers.chmod(0o700)
        if home.switches_account:
            give_tree(Path(draft), home.account)
        with open(f"{draft}/data/postgresql.conf", "a", encoding="utf-8") as settings:
            settings.write(
                "\ninclude = 'ftplatform.conf'  # written anew at every start; ALTER SYSTEM has the last word\n"
            )
        os.rename(f"{draft}/data", home.postgres_data)


def _account_with_a_name(home: Home) -> Account:
    """initdb, unlike the server, wants an account with a name: ``nobody`` lends it, in the servers' group, and gives all back."""
    if not home.switches_account:
        return home.account
    import pwd

    try:
        pwd.getpwuid(home.account.uid)
        return home.account
    except KeyError:
        pass
    try:
        return Account(pwd.getpwnam("nobody").pw_uid, home.account.gid)
    except KeyError as error:
        raise ServersError(
            "PostgreSQL can't run as root, and there is no account `nobody` to make its data folder with. "
            "Run as an ordinary user, or set DATABASE_URL to a server of your own."
        ) from error


def _run_as(account: Account, arguments: list[str], stdin: str = "") -> None:
    switch = account.uid != os.geteuid()
    result = subprocess.run(
        arguments,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=account.uid if switch else None,
        group=account.gid if switch else None,
        extra_groups=[] if switch else None,
    )
    if result.returncode != 0:
        said = result.stderr.strip() or result.stdout.strip()
        raise ServersError(f"PostgreSQL's data folder could not be made, {' '.join(arguments[:2])} says:\n{said}")


def _write_settings(home: Home, *, durable: bool) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20  # MB
    settings = {
        "listen_addresses": "''",
        "unix_socket_directories": _quoted(str(home.sockets)),
        "unix_socket_permissions": "0700",
        "port": POSTGRES_PORT,
        "max_connections": 200,
        # A quarter of the memory by the manual's rule, but models want the most of it.
        "shared_buffers": f"{min(max(memory // 16, 64), 1024)}MB",
        "effective_cache_size": f"{memory // 4}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{min(max(memory // 32, 64), 512)}MB",
        "random_page_cost": 1.1,  # SSD
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "lc_messages": "'C'",
        "log_checkpoints": "off",
        "log_min_duration_statement": "'2s'",
        # A container's /dev/shm is often 64 MB, too small for parallel queries.
        "dynamic_shared_memory_type": "mmap" if _shared_memory_is_small() else "posix",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    path = home.postgres_data / "ftplatform.conf"
    path.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()), encoding="utf-8")
    path.chmod(0o600)
    os.chown(path, home.account.uid, home.account.gid)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _shared_memory_is_small() -> bool:
    try:
        return shutil.disk_usage("/dev/shm").total < 256 * 2**20  # noqa: S108 - only looked at
    except OSError:
        return True


def _forget_dead_server(home: Home) -> None:
    """Remove what a killed server left. It names a pid that may be another process by now, and then PostgreSQL would refuse to start."""
    if _listens(home.sockets / POSTGRES_SOCKET):
        raise ServersError(
            f"A PostgreSQL that ftplatform did not start is running on {home.postgres_data}. Stop it with `pg_ctl -D {home.postgres_data} stop`."
        )
    for stale in (
        home.postgres_data / "postmaster.pid",
        home.sockets / POSTGRES_SOCKET,
        home.sockets / f"{POSTGRES_SOCKET}.lock",
    ):
        stale.unlink(missing_ok=True)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True
