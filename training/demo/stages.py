"""The loop, stage by stage. Each stage finds what an earlier demo left and goes on from there, so a second demo is quick and an
interrupted one loses nothing. Everything goes through the same services as the pages and the API."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation import services as annotation
from annotation.models import DatasetVersion, Example, ExampleContent, Import, Queue, Split
from annotation.selectors import counts_of
from evaluation import services as evaluation
from evaluation.models import Campaign, Scorecard
from evaluation.services.scorecards import default_rules
from ftplatform.accounts import services as accounts
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import User
from ftplatform.artifacts.services import store_file
from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job
from ftplatform.local.processes import die_with_parent
from ftplatform.projects import services as projects
from ftplatform.projects.models import Project
from inference import services as inference
from inference.models import ModelVersion, PromptCondition
from training import services as training
from training.demo import plan
from training.demo.load import SAMPLE, load_of
from training.demo.people import PEOPLE
from training.demo.source import Source
from training.models import TrainingRun
from training.preflight import check_rows

Tell = Callable[[str, int, int | None, str], None]
"""tell(stage, done, total, unit): draws the stage's bar."""

ROW_TOKENS = (1024, 2048, 4096, 8192)
"""Limits of a training row, the least first that leaves out few rows: long rows cost steps."""

MOST_LEFT_OUT = 0.05


class DemoError(Exception):
    """The loop cannot go on; the message says at which stage, why, and what to do."""


@dataclass
class Loop:
    """What the stages hand on to each other."""

    source: Source
    seed: int
    limit: int | None
    tell: Tell
    say: Callable[[str], None]
    by: Actor
    started: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)
    project: Project = field(init=False)
    read: str = ""
    usable: int = 0
    load: plan.Load = field(init=False)
    sizes: plan.Sizes = field(init=False)
    folder: Path = field(init=False)
    base: ModelVersion = field(init=False)
    evaluation_set: DatasetVersion = field(init=False)
    dataset: DatasetVersion = field(init=False)
    baseline: Scorecard = field(init=False)
    run: TrainingRun = field(init=False)
    scorecard: Scorecard = field(init=False)
    campaign: Campaign = field(init=False)

    @contextmanager
    def stage(self, name: str) -> Any:
        begun = time.monotonic()
        self.tell(name, 0, None, "")
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - begun, 1)
        self.tell(name, 1, 1, "done")

    def wait(self, stage: str, job: Job) -> Job:
        """Waits for a job, drawing its progress. A job that an earlier demo left stopped goes on."""
        if job.state in (Job.State.FAILED, Job.State.CANCELLED):
            job = jobs.resume(job=job, by=self.by)
        told = max(job.events.values_list("pk", flat=True), default=0)

        def tell(now: Job) -> None:
            nonlocal told
            for event in job.events.filter(pk__gt=told, kind="plan").order_by("pk"):
                told = event.pk
                self.say(f"  {'':12} {event.message}")
            self.tell(stage, now.done, now.total, now.unit)

        job = jobs.wait(job, tell=tell)
        if job.state != Job.State.SUCCEEDED:
            raise DemoError(f"{job.title} {job.state}: {job.error or 'no reason given'}")
        return job


@contextmanager
def preparing_model() -> Iterator[Preparing]:
    """Prepares the embedded model beside the first stages: half a minute of parsing that needs nothing of them. It ends with us."""
    process = None
    if not (model_folder() / "config.json").exists():
        with (Path(settings.FT_HOME) / "logs" / "embedded-model.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "inference.embedded", str(model_folder())],
                stdout=log,
                stderr=log,
                cwd=settings.BASE_DIR,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
    try:
        yield Preparing(process)
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Preparing:
    process: subprocess.Popen[bytes] | None

    def wait(self) -> Path:
        """The model's folder, once it is there."""
        if self.process is not None and self.process.wait() != 0:
            log = Path(settings.FT_HOME) / "logs" / "embedded-model.log"
            raise DemoError(
                f"The embedded model could not be prepared: {log.read_text(errors='replace')[-800:].strip()}"
            )
        return model_folder()


def model_folder() -> Path:
    return Path(settings.FT_HOME) / "embedded" / "smollm2-135m-instruct"


def make_project(loop: Loop) -> None:
    """The project, its people and its task."""
    slug = (
        loop.source.slug + (f"-seed-{loop.seed}" if loop.seed else "") + (f"-limit-{loop.limit}" if loop.limit else "")
    )
    with loop.stage("project"):
        found = Project.objects.filter(slug=slug).first()
        if found is None:
            name = loop.source.name + (f", seed {loop.seed}" if loop.seed else "")
            found = projects.create_project(
                name=name,
                slug=slug,
                description=loop.source.description,
                attribution=loop.source.attribution,
                spec=loop.source.spec,
                by=loop.by,
            )
        for username, role in PEOPLE.items():
            accounts.add_member(project=found, user=User.objects.get(username=username), role=role, by=loop.by)
        found.refresh_from_db()
        loop.project = found


def import_tickets(loop: Loop) -> None:
    with loop.stage("import"):
        row = Import.objects.filter(project=loop.project).select_related("job").order_by("pk").first()
        if row is None:
            row = annotation.start_import(
                project=loop.project,
                file_name=loop.source.path.name,
                file=store_file(loop.source.path),
                mapping=loop.source.mapping,
                keep_good_rows=True,
                duplicates="skip",
                limit=loop.limit,
                seed=loop.seed,
                by=loop.by,
            )
        assert row.job
        loop.wait("import", row.job)
        row.refresh_from_db()
        loop.usable = Example.objects.filter(project=loop.project, state=Example.State.RESOLVED).count()
        loop.read = _read_text(row, loop.usable)


def _read_text(row: Import, usable: int) -> str:
    """What became of the file's rows, and why the first of those that did not become tickets did not."""
    tickets = f"{row.rows_imported:,} tickets" + (
        f", {usable:,} of them with an answer" if usable < row.rows_imported else ""
    )
    lost = [f"{row.rows_duplicate:,} duplicates"] if row.rows_duplicate else []
    if row.rows_rejected:
        first = row.row_errors.order_by("pk").first()
        why = f" (the first: row {first.row}, {first.field}: {first.message})" if first else ""
        lost.append(f"{row.rows_rejected:,} rejected{why}")
    return f"{row.file_name}: {row.rows_total:,} rows read, {tickets}" + (f"; {', '.join(lost)}" if lost else "") + "."


def register_model(loop: Loop, preparing: Preparing) -> None:
    with loop.stage("model"):
        loop.folder = preparing.wait()
        loop.base = inference.register_embedded(project=loop.project, folder=loop.folder, by=loop.by)


def plan_sizes(loop: Loop) -> None:
    """Those of the sets that an earlier demo drew, else what can be answered in time."""
    loop.load = load_of(loop.source.spec, _sample(loop), loop.folder)
    drawn, counts = _drawn_test_set(loop), counts_of(loop.project)
    if drawn and counts.train:
        left = loop.usable - drawn.size - counts.validation - counts.train
        loop.sizes = plan.Sizes(drawn.size, counts.validation, counts.train, left)
        return
    try:
        loop.sizes = plan.sizes(loop.usable, loop.load, leave_some=loop.source.leaves_some)
    except plan.TooFew as error:
        raise DemoError(f"{loop.source.path.name}: {error}. {loop.read}") from error


def _sample(loop: Loop) -> list[dict[str, Any]]:
    """Inputs of tickets from all over the file."""
    tickets = Example.objects.filter(project=loop.project, state=Example.State.RESOLVED).order_by("pk")
    every = tickets.values_list("pk", flat=True)[:: max(1, loop.usable // SAMPLE)]
    return list(ExampleContent.objects.filter(pk__in=every).order_by("pk").values_list("inputs", flat=True))


def _drawn_test_set(loop: Loop) -> DatasetVersion | None:
    """The first: people may have enlarged it on the site since."""
    return loop.project.dataset_versions.filter(kind=DatasetVersion.Kind.EVALUATION).order_by("number").first()


def freeze_test_set(loop: Loop) -> None:
    """The test set comes first, before anything is measured or trained."""
    with loop.stage("test set"):
        loop.evaluation_set = _drawn_test_set(loop) or annotation.freeze_evaluation_set(
            project=loop.project, size=loop.sizes.test, stratify=_stratum(loop), seed=loop.seed, by=loop.by
        )
        if not Example.objects.filter(project=loop.project, split=Split.TRAIN).exists():
            annotation.draw_splits(
                project=loop.project,
                validation=loop.sizes.validation,
                stratify=_stratum(loop),
                seed=loop.seed,
                limit_train=loop.sizes.train,
                by=loop.by,
            )


def _stratum(loop: Loop) -> str | None:
    spec = loop.source.spec
    return spec.choice_fields[0].name if spec.choice_fields else None


def measure_baseline(loop: Loop) -> None:
    with loop.stage("baseline"):
        job = Job.objects.filter(project=loop.project, kind="evaluation.baseline").order_by("pk").first()
        if job is None:
            default_rules(loop.project, by=loop.by)
            job = evaluation.request_baseline(
                evaluation_set=loop.evaluation_set,
                base_model=loop.base,
                shots=plan.shots_of(loop.load),
                seed=loop.seed,
                by=loop.by,
            )
        job = loop.wait("baseline", job)
        loop.baseline = Scorecard.objects.get(pk=job.result["scorecard"])


def freeze_dataset(loop: Loop) -> None:
    with loop.stage("dataset"):
        # The first, as the run that an earlier demo began is the first: people may have frozen others on the site since.
        found = loop.project.dataset_versions.filter(kind=DatasetVersion.Kind.SFT).order_by("number").first()
        loop.dataset = found or annotation.freeze_training_set(
            project=loop.project, evaluation_set=loop.evaluation_set, by=loop.by
        )


def train(loop: Loop) -> None:
    with loop.stage("training"):
        run = TrainingRun.objects.filter(project=loop.project).select_related("job").order_by("pk").first()
        if run is None:
            run = training.start_training(
                dataset_version=loop.dataset,
                base_version=loop.base,
                hyperparameters=_hyperparameters(loop),
                by=loop.by,
            )
        assert run.job
        loop.wait("training", run.job)
        run.refresh_from_db()
        loop.run = run


def _hyperparameters(loop: Loop) -> dict[str, Any]:
    """The recipe measured for so small a model and budget (docs/decisions/011). The 1e-5 to 5e-5 of the literature is for full tuning of 7B."""
    least = plan.least_training(loop.sizes.validation, loop.load)
    budget = plan.training_budget(time.monotonic() - loop.started, _candidate_seconds(loop), least)
    return {
        "method": "lora",
        "lora_r": 16,
        "lora_alpha": 32,
        "learning_rate": 2.2e-3,
        "weight_decay": 0.01,
        "warmup_ratio": 0.05,
        "schedule": "cosine",
        "batch_size": 4,
        "epochs": 2.0,
        "time_budget_seconds": budget,
        "patience": 3,
        "max_length": _row_limit(loop),
        "overlong": "skip",
        "seed": loop.seed,
        "short_field_weight": loop.source.target_weight,
    }


def _row_limit(loop: Loop) -> int:
    """The least limit that leaves out at most a twentieth of the rows; those that are left out are listed with the run."""
    for limit in ROW_TOKENS:
        check = check_rows(loop.dataset, loop.base, limit)
        if check is None or len(check.long) <= MOST_LEFT_OUT * loop.dataset.size:
            return limit
    return ROW_TOKENS[-1]


def _candidate_seconds(loop: Loop) -> float:
    """What the candidate's answers will take, by what the base took for the same conditions. Where all it does is choose, the ways of
    asking are first tried on the validation tickets, by an engine of their own."""
    cells = loop.baseline.generation_run.cells.filter(condition__shots=0).select_related("condition")
    free = PromptCondition.Decoding.FREE
    seconds = sum(cell.seconds * (plan.SHORTER_ANSWERS if cell.condition.decoding == free else 1) for cell in cells)
    if not loop.load.only_chosen:
        return seconds
    return seconds * (1 + loop.sizes.validation / loop.sizes.test) + plan.ENGINE_SECONDS


def compare(loop: Loop) -> None:
    with loop.stage("comparison"):
        job = Job.objects.filter(project=loop.project, kind="evaluation.compare").order_by("pk").first()
        if job is None:
            assert loop.run.model_version
            job = evaluation.request_comparison(
                baseline=loop.baseline, candidate=loop.run.model_version, validation_set=loop.dataset, by=loop.by
            )
        job = loop.wait("comparison", job)
        loop.scorecard = _newest(Scorecard.objects.get(pk=job.result["scorecard"]))


def _newest(card: Scorecard) -> Scorecard:
    """The card that superseded it last: people may have rated since an earlier demo."""
    while following := Scorecard.objects.filter(supersedes=card).first():
        card = following
    return card


def open_campaign(loop: Loop) -> None:
    """Sixty tickets for two experts: as many as the default safety gate needs when all are clean."""
    with loop.stage("campaign"):
        found = Campaign.objects.filter(project=loop.project).order_by("pk").first()
        if found is None:
            assert loop.scorecard.rules
            found = evaluation.open_campaign(
                scorecard=loop.scorecard,
                rubric=evaluation.ensure_rubric(project=loop.project, by=loop.by),
                rules=loop.scorecard.rules,
                name=f"{loop.project.name}: base and tuned",
                seed=loop.seed,
                by=loop.by,
            )
        for username in ("eve", "nils"):
            evaluation.invite_rater(campaign=found, user=User.objects.get(username=username), by=loop.by)
        loop.campaign = found


def open_queue(loop: Loop) -> None:
    """Tickets in no set are left for labelers to answer anew; without any, some of those that are trained on."""
    with loop.stage("queue"):
        if Queue.objects.filter(project=loop.project).exists():
            return
        left = Example.objects.filter(project=loop.project, split=None).order_by("pk")
        if not left.exists():
            left = Example.objects.filter(project=loop.project, split=Split.TRAIN).order_by("pk")[:60]
        annotation.open_queue(project=loop.project, name="Label tickets", examples=left, overlap=1, by=loop.by)


def plan_text(loop: Loop) -> str:
    """What was read, guessed and planned, printed before the long stages begin."""
    table = plan.table(loop.sizes, loop.load, spent=time.monotonic() - loop.started)
    return "\n".join([loop.read, *loop.source.remarks, table])
