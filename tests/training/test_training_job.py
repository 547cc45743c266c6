"""Training as a job with the real engine on the tiny model, under a real Celery worker that is really killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job, Slot, SlotClaim
from tests.factories import SYSTEM
from training.jobs import folder_of
from training.models import TrainingRun
from training.samples import samples_of
from training.services import start_training

pytestmark = pytest.mark.django_db(transaction=True)

PLAN = {
    "learning_rate": 1e-2, "precision": "fp32", "eval_every": 2, "batch_size": 4, "epochs": 4.0, "max_steps": 24, "seed": 3,
}  # fmt: skip
PATIENCE = 240.0


def start(world: Any, **more: Any) -> TrainingRun:
    world.baseline()
    return start_training(
        dataset_version=world.training_set,
        base_version=world.base,
        hyperparameters={**PLAN, **more},
        by=world.cast.by,
    )


def curve(run: TrainingRun, name: str) -> list[tuple[int, float]]:
    return list(run.curve.filter(name=name).order_by("step").values_list("step", "value"))


def test_a_run_becomes_a_model_version_with_its_lineage_and_curves(world: Any, run_jobs: Any) -> None:
    run = start(world, short_field_weight=4.0)
    [job] = run_jobs()
    assert job.state == Job.State.SUCCEEDED, job.error
    run.refresh_from_db()
    version = run.model_version
    assert version and (version.source, version.method) == ("trained", "lora")
    assert (version.parent, version.base, version.root_id) == (world.base, world.base, world.base.pk)
    assert version.files and version.adapter_files and version.files != world.base.files
    assert job.result == {"steps": 24, "best_step": run.result["best_step"], "model_version": version.pk}, (
        "no trial answers"
    )
    assert not [value for value in run.result.values() if isinstance(value, str) and value.startswith("/")]
    train, validation = curve(run, "train_loss"), curve(run, "validation_loss")
    assert [step for step, _ in train] == list(range(1, 25))
    assert [step for step, _ in validation] == list(range(0, 25, 2))
    assert train[-1][1] < train[0][1]
    assert run.result["best_step"] in dict(validation) and run.result["rows"]["train"] == 24
    assert (job.done, job.total, job.unit) == (24, 24, "steps")
    assert dict(curve(run, "desk.accuracy")).keys() == dict(validation).keys()

    page = world.cast.client("vic").get(reverse("training:run", args=[world.project.slug, run.number])).content.decode()
    assert "share of 6 validation rows" in page
    rows = samples_of(run).rows
    assert [row.number for row in rows] == [25, 26, 27]  # two are answered on the way, three by the saved model
    told = rows[0].answers
    assert (told[0].step, told[0].is_saved) == (0, False) and (told[-2].step, told[-2].is_saved) == (
        run.result["best_step"],
        True,
    )
    assert (told[-1].step, told[-1].choices[0].text, told[-1].text) == (None, "energy", "Answer number 3.")
    assert all(len(answer.choices) == 1 and answer.choices[0].state in ("good", "bad") for answer in told[:-1])

    again = jobs.enqueue(
        kind="training.train", parameters=_parameters(run), project=run.project, title="again", by=SYSTEM
    )  # fmt: skip
    run_jobs()
    again.refresh_from_db()
    assert again.state == Job.State.SUCCEEDED
    assert TrainingRun.objects.get(pk=run.pk).model_version == version


def _parameters(run: TrainingRun) -> Any:
    from training.jobs import TrainParameters

    return TrainParameters(run=run.pk)


# ── a real worker ──


class Worker:
    """`celery worker` on this test's own database, in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        address = urlsplit(os.environ["DATABASE_URL"])
        own = address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        self._environment = {
            **os.environ, "DATABASE_URL": own, "FT_HOME": str(settings.FT_HOME), "FT_ENGINE_THREADS": "1", "FT_POOL": "8",
        }  # fmt: skip
        self._log = folder / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "celery", "-A", "ftplatform.celery", "worker", "--pool", "threads", "--concurrency", "2",
                    "--loglevel", "INFO", "--without-gossip", "--without-mingle",
                ],
                env=self._environment, cwd=settings.BASE_DIR, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """kill -9 of the worker alone: its engine has to notice by itself."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def told(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    Slot.objects.all().delete()
    made = Worker(tmp_path)
    yield made
    made.end()


def wait_for(what: Callable[[], Any], worker: Worker, told: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.1)
    pytest.fail(f"{told} did not come within {PATIENCE:.0f} s. The worker said: {worker.told()}")


def engine_of(job: Job) -> int:
    """The process id of the job's last engine."""
    said = job.events.filter(message__startswith="engine training.engine").order_by("-pk").first()
    return int(re.findall(r"\d+", said.message)[-1]) if said else 0


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and ") Z " not in stat.read_text()


@pytest.mark.slow
def test_worker_and_engine_are_killed_and_the_losses_are_those_of_an_uninterrupted_run(
    world: Any, worker: Worker
) -> None:
    """One run in peace; one whose worker, then whose engine, is killed with -9 in its middle."""
    worker.start()
    longer = {"max_steps": 160, "epochs": 40.0, "eval_every": 8}
    peaceful = start(world, **longer)
    assert peaceful.job
    wait_for(lambda: _ended(peaceful), worker, "the end of the first run")
    peaceful.refresh_from_db()
    assert peaceful.model_version, peaceful.job.error

    killed = start_training(
        dataset_version=world.training_set, base_version=world.base, hyperparameters=PLAN | longer, by=world.cast.by
    )
    assert killed.job
    job = killed.job
    checkpoints = folder_of(killed) / "output"
    wait_for(lambda: _last_complete(checkpoints), worker, "the first checkpoint")
    engine = engine_of(job)
    worker.kill()
    wait_for(lambda: not is_alive(engine), worker, "the end of the orphaned engine")
    job.refresh_from_db()
    assert job.state == Job.State.RUNNING  # nobody was left to write that it had ended
    _a_minute_later(job)

    seen = _last_complete(checkpoints)
    worker.start()
    wait_for(lambda: _last_complete(checkpoints) > seen, worker, f"another checkpoint after {seen}")
    os.kill(engine_of(job), signal.SIGKILL)
    wait_for(lambda: _ended(killed), worker, "the end of the second attempt")
    job.refresh_from_db()
    assert job.state == Job.State.FAILED and "killed" in job.error
    assert seen < _last_complete(checkpoints) < 160, "killed in its middle"
    jobs.resume(job=job, by=SYSTEM)
    wait_for(lambda: _ended(killed), worker, "the model version")

    job.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.SUCCEEDED, 3), job.error
    for name in ("train_loss", "validation_loss"):
        assert curve(killed, name) == curve(peaceful, name), name
    killed.refresh_from_db()
    assert killed.model_version
    assert killed.result["best_step"] == peaceful.result["best_step"]
    assert killed.result["plan"] == peaceful.result["plan"]
    assert not SlotClaim.objects.exists()
    assert not checkpoints.exists(), "the version has the model; nothing of a run's gigabytes stays"


def _ended(run: TrainingRun) -> bool:
    return not Job.objects.get(pk=run.job_id).is_live


def _last_complete(folder: Path) -> int:
    return max((int(path.parent.name.split("-")[1]) for path in folder.glob("checkpoint-*/COMPLETE")), default=0)


def _a_minute_later(job: Job) -> None:
    """The heartbeat and the dead host's report grow old without waiting for it."""
    old = timezone.now() - timedelta(minutes=2)
    Job.objects.filter(pk=job.pk).update(heartbeat_at=old, woken_at=old)
