import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from psycopg.conninfo import conninfo_to_dict

from ftplatform.local import home as local_home
from ftplatform.local.errors import HomeError
from ftplatform.local.home import SECRET_NAMES, SOCKET_PATH_LIMIT, open_home, urls
from tests.local.processes import REPOSITORY

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root switches accounts")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_and_its_secrets_are_private(folder):
    home = open_home(folder / "home")
    assert mode(home.path) & 0o067 == 0  # root lets the servers' own group pass, and nobody in it may list or write
    assert mode(home.servers) == mode(home.sockets) == mode(home.logs) == mode(home.locks) == 0o700
    for name in SECRET_NAMES:
        assert mode(home.path / name) == 0o600
        assert len(home.secret(name)) >= 40


def test_secrets_are_made_once_whoever_is_first(folder):
    with ThreadPoolExecutor(16) as pool:
        homes = list(pool.map(lambda _: open_home(folder / "home"), range(64)))
    for name in SECRET_NAMES:
        assert len({home.secret(name) for home in homes}) == 1
    assert len({home.servers for home in homes}) == 1
    assert not [path for path in (folder / "home").iterdir() if path.name.startswith(".")]


def test_ft_home_names_the_folder_and_two_homes_share_nothing(folder):
    assert local_home.locate({}) == REPOSITORY / ".ft"
    assert local_home.locate({"FT_HOME": f"{folder}/a/../b"}) == folder / "b"
    one, two = urls(open_home(folder / "one")), urls(open_home(folder / "two"))
    assert one.database != two.database
    assert one.valkey != two.valkey


def test_addresses_are_understood_by_the_drivers_and_start_nothing(folder):
    home = open_home(folder / "a folder, with signs: é%?#")
    addresses = urls(home)
    database = conninfo_to_dict(addresses.database)
    assert (database["host"], database["password"]) == (str(home.sockets), home.secret("postgres_password"))
    valkey = redis.connection.parse_url(addresses.valkey)
    assert (valkey["path"], valkey["password"]) == (str(home.sockets / "valkey.sock"), home.secret("valkey_password"))
    assert not home.postgres_data.exists()


def test_a_folder_with_other_things_is_refused_and_left_as_it_was(folder):
    (folder / "somebody's").mkdir()
    folder.chmod(0o755)
    with pytest.raises(HomeError, match=r"somebody's.*Set FT_HOME to a new or an empty folder"):
        open_home(folder)
    assert mode(folder) == 0o755
    assert os.listdir(folder) == ["somebody's"]


def test_a_file_in_the_way_is_told(folder):
    (folder / "home").touch()
    with pytest.raises(HomeError, match="can't be used"):
        open_home(folder / "home")


def test_a_long_path_gets_short_sockets_that_are_private_and_the_same_in_every_process(folder):
    home = open_home(folder / ("long-" * 40) / ("longer-" * 20))
    socket = home.sockets / ".s.PGSQL.5432"
    assert len(os.fsencode(socket)) <= SOCKET_PATH_LIMIT
    assert mode(home.sockets) == 0o700
    code = "from ftplatform.local.home import urls; print(urls().database)"
    environ = {**os.environ, "FT_HOME": str(home.path), "TMPDIR": str(folder)}
    printed = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env=environ, capture_output=True, text=True)
    assert printed.stdout.strip() == urls(home).database
    local_home.remove(home)
    assert not home.sockets.exists()


def test_a_socket_folder_that_somebody_opened_to_others_is_refused(folder):
    home = open_home(folder / ("long-" * 40))
    home.sockets.chmod(0o777)
    with pytest.raises(HomeError, match="Remove it"):
        open_home(home.path)
    local_home.remove(home)


@as_root
def test_as_root_the_servers_get_an_account_of_their_own_inside_the_home(folder):
    home = open_home(folder / "home")
    assert home.account.uid not in {0, 65534}
    assert home.servers == home.path / "servers"
    assert (home.servers.stat().st_uid, home.servers.stat().st_gid) == home.account
    assert mode(home.path) == 0o710
    assert home.path.stat().st_gid == home.account.gid
    again = open_home(home.path)
    assert again.account == home.account


@as_root
def test_a_home_that_root_copied_lets_its_servers_pass(folder):
    """As a backup that was put back: what `cp -r` makes belongs to root."""
    open_home(folder / "home")
    shutil.copytree(folder / "home", folder / "copy", symlinks=True)
    assert (folder / "copy" / "servers" / "run").stat().st_uid == 0
    copied = open_home(folder / "copy")
    for place in (copied.servers, copied.sockets):
        assert place.stat().st_uid == copied.account.uid


@as_root
def test_as_root_no_parent_is_opened_up_for_the_servers(folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    home = open_home(closed / "home")
    try:
        assert mode(closed) == 0o700
        assert not home.servers.is_relative_to(closed)
        assert mode(home.servers) == 0o700
        assert home.servers.stat().st_uid == home.account.uid
        assert open_home(home.path).servers == home.servers
    finally:
        local_home.remove(home)
    assert not home.servers.exists()


@as_root
def test_root_in_somebody_elses_home_leaves_the_files_to_them(folder):
    path = folder / "theirs"
    path.mkdir(mode=0o700)
    os.chown(path, 12345, 12345)
    home = open_home(path)
    assert home.account == (12345, 12345)
    assert {entry.stat().st_uid for entry in path.iterdir()} == {12345}
    assert mode(path) == 0o700
