"""Engines as subprocesses of a job: their events, their crashes, and that nothing of them is left behind."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ftplatform.jobs import services, supervisor
from ftplatform.jobs.context import Cancelled, JobContext, JobFailed
from ftplatform.jobs.engine import run_engine
from ftplatform.jobs.models import Job, Slot, SlotClaim
from tests.factories import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

ENGINE = """
import json, os, signal, subprocess, sys, time
config = json.load(open(sys.argv[1]))
def say(**event): print(json.dumps(event), flush=True)
say(event="pid", pid=os.getpid())
print("no JSON at all", flush=True)
sys.stdout.buffer.write(b"a C library says \\xe9\\n"); sys.stdout.flush()
if config["do"] == "die": sys.stderr.write("the last words\\n"); sys.exit(7)
if config["do"] == "killed": os.kill(os.getpid(), signal.SIGKILL)
if config["do"] == "error": say(event="error", code="out_of_memory", message="Memory ran out: take a smaller batch_size."); sys.exit(1)
if config["do"] == "silent": sys.exit(0)
if config["do"] == "linger":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    say(event="child", pid=child.pid)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
say(event="environment", names=sorted(os.environ), threads=os.environ["OMP_NUM_THREADS"])
say(event="done", result=1)
"""


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """A claimed job and an engine `test_engine_program` that can be run."""
    monkeypatch.setattr(supervisor, "_send", lambda job_id, host: None)
    monkeypatch.setattr("ftplatform.jobs.context.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("ftplatform.jobs.engine.GRACE_SECONDS", 0.5)
    (tmp_path / "test_engine_program.py").write_text(ENGINE)
    settings.BASE_DIR = tmp_path  # engines are run from there
    from ftplatform.jobs import kinds
    from tests.jobs.test_supervisor import Nothing

    kind = kinds.JobKind("test.engine", Nothing, lambda context, parameters: {})
    kinds.register(kind)
    job = services.enqueue(kind="test.engine", parameters=Nothing(), title="An engine", by=SYSTEM)
    claimed = supervisor.claim(job.pk)
    assert claimed
    with JobContext(claimed) as made:
        yield made
    del kinds._kinds["test.engine"]


def run(context: JobContext, folder: Path, do: str) -> list[dict[str, Any]]:
    return list(run_engine(context, "test_engine_program", {"do": do}, folder / "run"))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat").read_text() if Path(f"/proc/{pid}/stat").exists() else ""
    return ") Z " not in stat


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not is_alive(pid):
            return True
        time.sleep(0.05)
    return False


def test_events_come_in_order_and_other_lines_are_passed_over(context: JobContext, tmp_path: Path) -> None:
    events = run(context, tmp_path, "done")
    assert [event["event"] for event in events] == ["pid", "environment", "done"]


def test_an_engine_is_told_no_secret(context: JobContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"FT_SECRET_KEY", "FT_KEY_OPENAI", "FT_EMAIL_URL", "AWS_SECRET_ACCESS_KEY"}
    for name in secrets:
        monkeypatch.setenv(name, "not for engines")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    names = set(run(context, tmp_path, "done")[1]["names"])
    assert not {*secrets, "DATABASE_URL", "VALKEY_URL"} & names
    assert {"HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES", "PATH"} <= names


def test_all_cores_are_for_the_job_that_holds_the_slot(context: JobContext, tmp_path: Path, settings: Any) -> None:
    settings.FT_ENGINE_THREADS = 7
    assert run(context, tmp_path, "done")[1]["threads"] == "1", "it claimed none"
    slot = Slot.objects.create(host="here", kind="cpu", index=0, reported_at="2026-01-01T00:00:00Z")
    SlotClaim.objects.create(slot=slot, job=context.job, holder=f"job:{context.job.pk}")
    assert run(context, tmp_path, "done")[1]["threads"] == "7"


@pytest.mark.parametrize(
    ("do", "code", "words"),
    [
        ("die", "engine-died", "ended with status 7 and no result. Its last words:\nthe last words"),
        ("killed", "engine-died", "most likely because memory ran out"),
        ("error", "out_of_memory", "smaller batch_size"),
        ("silent", "engine-died", "status 0 and no result"),
    ],
)
def test_a_crash_is_told_in_words(context: JobContext, tmp_path: Path, do: str, code: str, words: str) -> None:
    with pytest.raises(JobFailed) as failed:
        run(context, tmp_path, do)
    assert failed.value.code == code
    assert words in str(failed.value)


def test_cancel_ends_the_whole_process_group_even_one_that_will_not_hear(context: JobContext, tmp_path: Path) -> None:
    pids: list[int] = []

    def cancel_when_it_runs() -> None:
        while len(pids) < 2:
            time.sleep(0.02)
        Job.objects.filter(pk=context.job.pk).update(cancel_requested_at="2026-01-01T00:00:00Z")

    thread = threading.Thread(target=cancel_when_it_runs)
    thread.start()
    with pytest.raises(Cancelled):
        for event in run_engine(context, "test_engine_program", {"do": "linger"}, tmp_path / "run"):
            pids.append(event["pid"])
    thread.join()
    assert all(wait_until_gone(pid) for pid in pids)


def test_an_error_in_the_handler_leaves_no_engine_behind(context: JobContext, tmp_path: Path) -> None:
    events = run_engine(context, "test_engine_program", {"do": "linger"}, tmp_path / "run")
    pids = [next(events)["pid"], next(events)["pid"]]
    events.close()  # what Python does with a generator whose consumer raised
    assert all(wait_until_gone(pid) for pid in pids)
