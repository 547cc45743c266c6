import pytest

from ftplatform.local import lifetime, oneoff
from ftplatform.local.readiness import Readiness
from tests.local.processes import naming


@pytest.fixture(autouse=True)
def default_home(home, monkeypatch):
    monkeypatch.setenv("FT_HOME", str(home.path))
    for name in ("DATABASE_URL", "VALKEY_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_command_finds_the_servers_running_and_leaves_them_as_they_were(home):
    with oneoff.servers_for(["manage.py", "migrate", "--noinput"]):
        assert lifetime.status(home).postgres is Readiness.READY
    assert not naming(str(home.path))


@pytest.mark.parametrize("words", [[], ["help"], ["local", "status"], ["migrate", "--help"]])
def test_a_command_that_needs_none_starts_none(home, words):
    with oneoff.servers_for(["manage.py", *words]):
        assert lifetime.status(home).postgres is Readiness.ABSENT


def test_why_they_cannot_be_started_is_said_without_a_traceback(home):
    with oneoff.servers_for(["manage.py", "migrate"]):
        pass
    (home.postgres_data / "PG_VERSION").write_text("9\n")
    with pytest.raises(SystemExit, match="written by PostgreSQL 9"), oneoff.servers_for(["manage.py", "migrate"]):
        pass
