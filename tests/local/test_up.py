"""`manage.py up`, `local` and `doctor` as a person runs them: real site, real worker, real servers."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import psycopg
import pytest

from ftplatform.local import lifetime
from ftplatform.local.home import urls
from tests.local.processes import REPOSITORY, eventually, kill_hard, naming, outside, pid_of

pytestmark = pytest.mark.e2e


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(home, *words: str, port: int | None = None, **environ: str) -> tuple[list[str], dict[str, str]]:
    given = {"FT_HOME": str(home.path), **({"FT_PORT": str(port)} if port else {}), **environ}
    return [sys.executable, "manage.py", *words], {**outside(), **given}


def run(home, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    arguments, environment = command(home, *words, **environ)
    return subprocess.run(arguments, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120)


def up(home, port: int) -> subprocess.Popen[str]:
    arguments, environment = command(home, "up", port=port)
    process = subprocess.Popen(
        arguments, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "The site is at" in line:
            return process
    pytest.fail("".join(said))


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code < 500
    except OSError:
        return False


def ended_by(process: subprocess.Popen[str], number: int, site) -> None:
    """However it ends, `up` leaves no process behind. A site is a minute of CI, so each is ended in another way."""
    process.send_signal(number)
    process.wait(60)
    eventually(lambda: not naming(str(site.path)), within_s=60)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_however_it_ends_up_leaves_no_process(site, number):
    port = free_port()
    process = up(site, port)
    assert answers(port)
    ended_by(process, number, site)
    assert not answers(port)


def test_web_worker_and_database_come_back_after_kill_9_and_are_gone_after_a_sigterm(site):
    port = free_port()
    process = up(site, port)
    try:
        for part in ("granian", "celery", "bin/postgres", "valkey-server"):
            killed = pid_of(site, part)
            kill_hard(killed)
            eventually(lambda part=part, killed=killed: pid_of(site, part) not in {0, killed}, within_s=30)
        eventually(lambda: answers(port), within_s=120)
    finally:
        ended_by(process, signal.SIGTERM, site)


START_AN_IMPORT = """
from pathlib import Path
from ftplatform.projects.services import create_project
from tests import factories
project = create_project(name="Killed", spec=factories.desk_task(), by=factories.SYSTEM)
print(factories.import_rows(project, Path("{folder}") / "t.csv", factories.desk_rows({rows})).job_id)
"""


def test_a_database_killed_in_the_middle_of_an_import_only_delays_it(site, folder):
    """The keeper starts PostgreSQL again at once; the job is claimed anew when its heartbeat is half a minute old."""
    rows = 30_000
    process = up(site, free_port())
    try:
        started = run(site, "shell", "--no-imports", "-c", START_AN_IMPORT.format(folder=folder, rows=rows))
        assert started.returncode == 0, started.stderr
        job = int(started.stdout.strip().splitlines()[-1])
        eventually(lambda: asked(site, f"SELECT done FROM jobs_job WHERE id = {job} AND state = 'running'") > 0)
        kill_hard(pid_of(site, "bin/postgres"))
        eventually(lambda: asked(site, f"SELECT finished_at IS NOT NULL FROM jobs_job WHERE id = {job}"), within_s=180)
        [state, attempt, error] = one_row(site, f"SELECT state, attempt, error FROM jobs_job WHERE id = {job}")
        assert (state, error) == ("succeeded", "")
        assert attempt == 2, "it was killed too late to tell anything"
        assert asked(site, "SELECT count(*) FROM annotation_example") == rows
    finally:
        ended_by(process, signal.SIGINT, site)


def one_row(home, query: str) -> tuple:
    """None of it while the database is away."""
    try:
        with psycopg.connect(urls(home).database) as connected:
            return connected.execute(query).fetchone() or (0,)
    except psycopg.OperationalError:
        return (0,)


def asked(home, query: str):
    return one_row(home, query)[0]


def test_a_taken_port_is_told_and_nothing_is_started(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run(home, "up", FT_PORT=str(taken.getsockname()[1]))
    assert refused.returncode == 1
    assert "another program listens on that port" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not home.postgres_data.exists()


def test_local_start_status_and_stop(home):
    assert json.loads(run(home, "local", "status", "--json").stdout)["postgres"] == "stopped"
    started = json.loads(run(home, "local", "start", "--json").stdout)
    assert (started["postgres"], started["valkey"], started["pinned"]) == ("running", "running", True)
    stopped = json.loads(run(home, "local", "stop", "--json").stdout)
    assert (stopped["postgres"], stopped["valkey"]) == ("stopped", "stopped")


def test_local_stop_names_who_still_uses_the_servers(home):
    with lifetime.using(home):
        refused = run(home, "local", "stop")
    assert refused.returncode == 1
    assert f"{os.getpid()} (" in refused.stderr


def test_doctor_says_what_it_found_and_what_is_wrong(home):
    report = json.loads(run(home, "doctor", "--json").stdout)
    states = {finding["name"]: finding["state"] for finding in report["findings"]}
    assert report["ok"]
    assert states["Python"] == states["packages"] == states["torch"] == states["database"] == states["Valkey"] == "ok"
    assert states["worker"] == "note"

    (home.path / "secret_key").chmod(0o644)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sick = run(home, "doctor", "--json", FT_PORT=str(taken.getsockname()[1]), VALKEY_URL="redis://127.0.0.1:1/0")
    problems = {
        finding["name"]: finding for finding in json.loads(sick.stdout)["findings"] if finding["state"] == "problem"
    }
    assert sick.returncode == 1
    assert set(problems) == {"FT_HOME", "port", "Valkey"}
    assert problems["FT_HOME"]["remedy"].startswith("Run `chmod go-rwx")
    assert not naming(str(home.path))
