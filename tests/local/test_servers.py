"""Real PostgreSQL and Valkey, really killed."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis
from kombu import Connection

from ftplatform.local import lifetime, postgres
from ftplatform.local.errors import ServersError
from ftplatform.local.home import broker_url, open_home, remove, urls
from ftplatform.local.processes import holding
from ftplatform.local.readiness import Readiness
from tests.local.processes import REPOSITORY, cut_power, eventually, kill_hard, naming, start_python

HOLDER = """
import sys, time
from pathlib import Path
from ftplatform.local import lifetime
from ftplatform.local.home import open_home
with lifetime.using(open_home(Path(sys.argv[1]))):
    print("ready", flush=True)
    sys.stdin.read() if len(sys.argv) > 2 else time.sleep(600)
"""


def write(home, value: str) -> None:
    with psycopg.connect(urls(home).database) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])
    redis.Redis.from_url(urls(home).valkey).rpush("kept", value)


def kept(home) -> list[str]:
    with psycopg.connect(urls(home).database) as connection:
        return [row[0] for row in connection.execute("SELECT value FROM kept")]


def kept_in_valkey(home) -> list[bytes]:
    return redis.Redis.from_url(urls(home).valkey).lrange("kept", 0, -1)


def main_process(home, name: str) -> int:
    """The server's first process, asked of the server itself."""
    if name == "postgres":
        return int((home.postgres_data / "postmaster.pid").read_text().split()[0])
    return redis.Redis.from_url(urls(home).valkey).info("server")["process_id"]


def answers(home) -> bool:
    status = lifetime.status(home)
    return status.postgres is status.valkey is Readiness.READY


def test_servers_run_while_they_are_used_and_keep_what_was_written(home):
    with lifetime.using(home) as hold:
        assert hold.urls == urls(home)
        write(home, "first")
        assert lifetime.status(home).kept
    assert not naming(str(home.path))
    with lifetime.using(home):
        assert kept(home) == ["first"]
        assert kept_in_valkey(home) == [b"first"]


def test_they_listen_on_private_sockets_only_and_want_a_password(home):
    with lifetime.using(home) as hold:
        for pid in naming(str(home.path)):
            sockets = {os.readlink(link) for link in _links(Path(f"/proc/{pid}/fd")) if "socket:" in os.readlink(link)}
            listening = {f"socket:[{line.split()[9]}]" for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
            assert not sockets & listening
        without = hold.urls.database.replace(home.secret("postgres_password"), "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(without)
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis(unix_socket_path=str(home.sockets / "valkey.sock")).ping()
        secrets = (home.secret("postgres_password"), home.secret("valkey_password"))
        assert not [
            command for command in naming(str(home.path)).values() if any(secret in command for secret in secrets)
        ]


def _links(folder: Path) -> list[Path]:
    return [link for link in folder.iterdir() if link.is_symlink()]


def test_celery_carries_messages_over_the_same_server(home):
    assert broker_url("redis://elsewhere:6379/0") == "redis://elsewhere:6379/0"
    with lifetime.using(home) as hold, Connection(broker_url(hold.urls.valkey)) as connection:
        queue = connection.SimpleQueue("greetings")
        queue.put("hello")
        assert queue.get(timeout=5).payload == "hello"
        queue.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root switches accounts")
def test_as_root_the_servers_are_not_root(home):
    with lifetime.using(home):
        owners = {Path(f"/proc/{main_process(home, name)}").stat().st_uid for name in ("postgres", "valkey")}
    assert owners == {home.account.uid}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root switches accounts")
def test_as_root_in_a_closed_folder_data_and_programs_go_where_the_servers_can_reach_them(folder, monkeypatch):
    from ftplatform.local import binaries

    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    home = open_home(closed / "home")
    monkeypatch.setattr(binaries, "can_reach", lambda *_: False)  # as with a .venv in /root
    try:
        with lifetime.using(home):
            write(home, "reached")
        assert not binaries.postgres_bin(home).is_relative_to(REPOSITORY)
        assert (closed.stat().st_mode & 0o777) == 0o700
    finally:
        remove(home)


def test_the_last_of_several_users_stops_them(home):
    first, second = start_python(HOLDER, str(home.path)), start_python(HOLDER, str(home.path))
    try:
        kill_hard(first.pid)
        first.wait()
        time.sleep(0.6)  # several looks of the keeper
        assert answers(home)
    finally:
        kill_hard(second.pid)
        second.wait()
    eventually(lambda: not naming(str(home.path)))


def test_kill_9_of_the_starter_leaves_no_process_and_loses_nothing(home):
    starter = start_python(HOLDER, str(home.path))
    write(home, "before the kill")
    kill_hard(starter.pid)
    starter.wait()
    eventually(lambda: not naming(str(home.path)))
    with lifetime.using(home):
        assert kept(home) == ["before the kill"]
        assert kept_in_valkey(home) == [b"before the kill"]


def test_a_starter_killed_while_it_starts_leaves_nothing_either(home):
    code = HOLDER.replace("with lifetime", "print('ready', flush=True)\nwith lifetime", 1)
    for delay_s in (0.05, 0.3, 0.7):
        starter = start_python(code, str(home.path))
        time.sleep(delay_s)
        kill_hard(starter.pid)
        starter.wait()
        eventually(lambda: not naming(str(home.path)))
    with lifetime.using(home):
        write(home, "sound")


def test_two_homes_at_once_do_not_meet(home, folder):
    other = open_home(folder / "other")
    try:
        with lifetime.using(home), lifetime.using(other):
            write(home, "mine")
            write(other, "theirs")
            assert (kept(home), kept(other)) == (["mine"], ["theirs"])
    finally:
        remove(other)


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_killed_server_is_started_again_with_its_data(home, name):
    with lifetime.using(home):
        write(home, "before")
        time.sleep(1.2)  # Valkey forces to disk once a second
        killed = main_process(home, name)
        kill_hard(killed)
        eventually(lambda: not Path(f"/proc/{killed}").exists() and answers(home))
        assert main_process(home, name) != killed
        assert kept(home) == ["before"]
        assert kept_in_valkey(home) == [b"before"]


def test_a_killed_keeper_takes_the_servers_down_in_order_and_can_be_replaced(home):
    with lifetime.using(home) as hold:
        write(home, "before")
        kill_hard(holding(home.locks / "keeper")[0])
        eventually(lambda: not hold.still_kept())
        hold.keep()
        assert kept(home) == ["before"]
    assert not naming(str(home.path))


def test_after_a_power_cut_a_pid_that_is_now_somebody_elses_does_not_stop_the_start(home):
    with lifetime.using(home):
        write(home, "before the power cut")
        time.sleep(1.2)
        stale = (home.postgres_data / "postmaster.pid").read_text()
        cut_power({*holding(home.locks / "keeper"), *naming(str(home.servers))})
        eventually(lambda: not holding(home.locks / "postgres"))
        innocent = subprocess.Popen(["sleep", "60"], user=home.account.uid if home.switches_account else None)
        lines = stale.splitlines()
        (home.postgres_data / "postmaster.pid").write_text("\n".join([str(innocent.pid), *lines[1:]]) + "\n")
    try:
        with lifetime.using(home):
            assert kept(home) == ["before the power cut"]
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_local_start_outlives_its_command_until_local_stop(home):
    lifetime.start(home)
    assert answers(home)
    assert lifetime.status(home).pinned
    user = start_python(HOLDER, str(home.path))
    try:
        assert str(user.pid) in lifetime.stop(home)[0]  # somebody uses them still
        assert answers(home)
    finally:
        kill_hard(user.pid)
        user.wait()
    eventually(lambda: not naming(str(home.path)))
    assert lifetime.stop(home) == []


def test_force_stops_them_whoever_uses_them(home):
    with lifetime.using(home):
        assert lifetime.stop(home, force=True) == []
        assert not answers(home)


def test_a_path_too_long_for_a_socket_works(folder):
    home = open_home(folder / ("long-" * 40))
    try:
        with lifetime.using(home):
            write(home, "far away")
            assert kept(home) == ["far away"]
        assert not naming(str(home.path))
    finally:
        remove(home)


def test_given_addresses_are_used_and_nothing_is_started(home):
    given = {"DATABASE_URL": "postgresql://elsewhere/db", "VALKEY_URL": "redis://elsewhere"}
    with lifetime.using_unless_given(home, environ=given) as hold:
        assert hold is None
        assert lifetime.status(home).postgres is Readiness.ABSENT


def test_too_little_room_is_told_with_a_remedy(home, monkeypatch):
    monkeypatch.setattr(postgres, "_FREE_BYTES_NEEDED", 2**60)
    with pytest.raises(ServersError, match=r"MB free; PostgreSQL needs .* Free some space, or set FT_HOME"):
        postgres.command(home)


def test_a_changed_password_file_is_told(home):
    with lifetime.using(home):
        (home.path / "postgres_password").write_text("other")
        with pytest.raises(ServersError, match="refuses the password"):
            postgres.probe(home)


def test_data_of_another_version_is_told_and_left_alone(home):
    with lifetime.using(home):
        pass
    (home.postgres_data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServersError, match="written by PostgreSQL 9, this is 18"):
        lifetime.acquire(home)
    assert (home.postgres_data / "PG_VERSION").read_text() == "9\n"


def test_an_ordinary_user_needs_no_root(folder):
    """As root only: the same again as somebody else, with a Python that this somebody can reach."""
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin")
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    theirs = folder / "theirs"
    theirs.mkdir(mode=0o700)
    if os.geteuid() != 0 or python is None:
        pytest.skip("needs root, to become somebody else, and a system's Python")
    # initdb wants an account with a name, and this machine need not have a second person: nobody's will do.
    nobody = 65534
    os.chown(theirs, nobody, nobody)
    environ = {"FT_HOME": str(theirs), "PYTHONPATH": f"{REPOSITORY}:{packages}", "PATH": "/usr/bin:/bin"}
    become = {"user": nobody, "group": nobody, "extra_groups": [], "env": environ, "cwd": "/"}
    look = subprocess.run([python, "-c", "import psycopg, ftplatform"], capture_output=True, text=True, **become)
    if look.returncode != 0:
        pytest.skip(f"that user can't run this checkout: {look.stderr.strip().splitlines()[-1]}")
    code = HOLDER.replace("open_home(Path(sys.argv[1]))", "open_home()").replace("time.sleep(600)", "None")
    ran = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, **become)
    assert (ran.stdout, ran.returncode) == ("ready\n", 0), ran.stderr
    assert (theirs / "servers" / "postgres").stat().st_uid == 65534
    eventually(lambda: not naming(str(theirs)))
