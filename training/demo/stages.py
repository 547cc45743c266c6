"""The loop, stage by stage. Each stage finds what an earlier demo left and goes on from there, so a second demo is quick and an
interrupted one loses nothing. Everything goes through the same services as the pages and the API."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation import services as annotation
from annotation.models import DatasetVersion, Example, Import, Queue, Split
from evaluation import services as evaluation
from evaluation.models import Campaign, Scorecard
from evaluation.services.scorecards import default_rules
from ftplatform.accounts import services as accounts
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import Role, User
from ftplatform.artifacts.services import store_file
from ftplatform.jobs import services as jobs
from ftplatform.jobs.models import Job
from ftplatform.projects import services as projects
from ftplatform.projects.models import Project
from inference import services as inference
from inference.models import ModelVersion
from training import services as training
from training.demo import plan
from training.demo.tickets import Source
from training.models import TrainingRun

Tell = Callable[[str, int, int | None, str], None]
"""tell(stage, done, total, unit): draws the stage's bar."""

PEOPLE = {"ada": Role.ADMIN, "lea": Role.LABELER, "eve": Role.EXPERT, "nils": Role.EXPERT}
JOB_PATIENCE = 1800.0


class DemoError(Exception):
    """The loop cannot go on; the message says at which stage, why, and what to do."""


@dataclass
class Loop:
    """What the stages hand on to each other."""

    source: Source
    seed: int
    limit: int | None
    tell: Tell
    by: Actor
    started: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)
    project: Project = field(init=False)
    sizes: plan.Sizes = field(init=False)
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
        job = jobs.wait(job, timeout=JOB_PATIENCE, tell=lambda now: self.tell(stage, now.done, now.total, now.unit))
        if job.state != Job.State.SUCCEEDED:
            raise DemoError(f"{job.title} {job.state}: {job.error or 'no reason given'}")
        return job


def people() -> dict[str, str]:
    """The demo's sign-ins: random passwords, kept 0600 in FT_HOME and printed again by the next demo."""
    path = Path(settings.FT_HOME) / "demo_passwords.json"
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in PEOPLE:
        known.setdefault(name, secrets.token_urlsafe(9))
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(known, indent=1), encoding="utf-8")
    by = Actor.system("demo")
    for name, password in known.items():
        user = User.objects.filter(username=name).first()
        if user is None:
            accounts.create_user(username=name, password=password, email=f"{name}@example.org", by=by)
        elif not user.check_password(password):
            user.set_password(password)
            user.save(update_fields=["password"])
    return known


def begin_model() -> subprocess.Popen[bytes] | None:
    """Starts to prepare the embedded model beside the first stages; half a minute of parsing that needs nothing of them."""
    if (model_folder() / "config.json").exists():
        return None
    log = (Path(settings.FT_HOME) / "logs" / "embedded-model.log").open("ab")
    return subprocess.Popen(
        [sys.executable, "-m", "inference.embedded", str(model_folder())],
        stdout=log,
        stderr=log,
        cwd=settings.BASE_DIR,
    )


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
        usable = Example.objects.filter(project=loop.project, state=Example.State.RESOLVED).count()
        try:
            loop.sizes = plan.sizes(usable, leave_some=loop.source.slug == "building-questions")
        except plan.TooFew as error:
            raise DemoError(f"{loop.source.path.name}: {error}") from error


def register_model(loop: Loop, preparing: subprocess.Popen[bytes] | None) -> None:
    with loop.stage("model"):
        if preparing is not None and preparing.wait() != 0:
            log = Path(settings.FT_HOME) / "logs" / "embedded-model.log"
            raise DemoError(f"The embedded model could not be prepared: {log.read_text(errors='replace')[-800:]}")
        loop.base = inference.register_embedded(project=loop.project, folder=model_folder(), by=loop.by)


def freeze_test_set(loop: Loop) -> None:
    """The test set comes first, before anything is measured or trained."""
    with loop.stage("test set"):
        found = loop.project.dataset_versions.filter(kind=DatasetVersion.Kind.EVALUATION).first()
        loop.evaluation_set = found or annotation.freeze_evaluation_set(
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
                evaluation_set=loop.evaluation_set, base_model=loop.base, seed=loop.seed, by=loop.by
            )
        job = loop.wait("baseline", job)
        loop.baseline = Scorecard.objects.get(pk=job.result["scorecard"])


def freeze_dataset(loop: Loop) -> None:
    with loop.stage("dataset"):
        found = loop.project.dataset_versions.filter(kind=DatasetVersion.Kind.SFT).order_by("-number").first()
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
    """The measured recipe for so small a model and budget (stack.md). The 1e-5 to 5e-5 of the literature is for full tuning of 7B."""
    budget = plan.training_budget(time.monotonic() - loop.started, _candidate_seconds(loop))
    return {
        "method": "lora",
        "lora_r": 16,
        "lora_alpha": 32,
        "learning_rate": 1.5e-3,
        "weight_decay": 0.01,
        "warmup_ratio": 0.05,
        "schedule": "cosine",
        "batch_size": 4,
        "epochs": 2.0,
        "time_budget_seconds": budget,
        "patience": 3,
        "seed": loop.seed,
        "short_field_weight": loop.source.target_weight,
    }


def _candidate_seconds(loop: Loop) -> float:
    """What the candidate's answers will take at most: what the base took for the same conditions. Tuned answers are shorter."""
    cells = loop.baseline.generation_run.cells.select_related("condition")
    return sum(cell.seconds for cell in cells if cell.condition.shots == 0)


def compare(loop: Loop) -> None:
    with loop.stage("comparison"):
        job = Job.objects.filter(project=loop.project, kind="evaluation.compare").order_by("pk").first()
        if job is None:
            assert loop.run.model_version
            job = evaluation.request_comparison(
                baseline=loop.baseline, candidate=loop.run.model_version, validation_set=loop.dataset, by=loop.by
            )
        job = loop.wait("comparison", job)
        loop.scorecard = Scorecard.objects.get(pk=job.result["scorecard"])


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
    """Tickets in no set are left for labelers to answer anew, by two people each, so that agreement can be measured."""
    with loop.stage("queue"):
        if Queue.objects.filter(project=loop.project).exists():
            return
        left = Example.objects.filter(project=loop.project, split=None).order_by("pk")
        if not left.exists():
            left = Example.objects.filter(project=loop.project, split=Split.TRAIN).order_by("pk")[:60]
        annotation.open_queue(project=loop.project, name="Label tickets", examples=left, overlap=1, by=loop.by)


def report(loop: Loop) -> dict[str, Any]:
    """The JSON of contracts.md. It invents no human rating."""
    base, ours = loop.baseline.content, loop.scorecard.content
    conditions = {row["name"]: row["metrics"] for row in base["conditions"]}
    serving = ours["settings"]["serving"]
    result = loop.run.result
    return {
        "project": loop.project.slug,
        "examples": Example.objects.filter(project=loop.project).count(),
        "evaluation_set": {
            "id": loop.evaluation_set.pk,
            "hash": loop.evaluation_set.hash,
            "examples": loop.evaluation_set.size,
        },
        "dataset_version": {
            "id": loop.dataset.pk,
            "hash": loop.dataset.hash,
            "train": loop.dataset.counts.get("train", 0),
            "validation": loop.dataset.counts.get("validation", 0),
        },
        "baseline": {
            "model_version": loop.base.pk,
            "scorecard": loop.baseline.pk,
            "condition": base["best"],
            "conditions": {
                name: {metric: _figure(one) for metric, one in metrics.items()} for name, metrics in conditions.items()
            },
            "metrics": {metric: _figure(conditions[name][metric]) for metric, name in base["best"].items()},
            "trivial": {
                row["name"]: {metric: _figure(one) for metric, one in row["metrics"].items()} for row in base["trivial"]
            },
        },
        "training_run": {
            "id": loop.run.pk,
            **{
                name: result.get(name)
                for name in (
                    "steps",
                    "tokens",
                    "tokens_per_second",
                    "best_step",
                    "stopped_early",
                    "train_loss",
                    "validation_loss",
                )
            },
        },
        "tuned": {
            "model_version": loop.run.model_version_id,
            "scorecard": loop.scorecard.pk,
            "condition": serving,
            "metrics": {row["name"]: _figure(row["candidate"]) for row in ours["comparisons"]},
            "parse_rate": ours["parse_rate"].get(f"candidate {serving}", {}),
        },
        "deltas": {
            row["name"]: {"value": row["delta"]["value"], "ci": row["delta"]["ci"], "p": row["p"]}
            for row in ours["comparisons"]
        },
        "campaign": {
            "id": loop.campaign.pk,
            "url": f"/projects/{loop.project.slug}/campaigns/{loop.campaign.number}/",
            "items": loop.campaign.items.count(),
            "ratings": (ours["human"] or {}).get("ratings", 0),
        },
        "verdict": {
            "value": loop.scorecard.verdict,
            "reasons": [ours["sentence"], *([ours["needed"]] if ours["needed"] else [])],
        },
        "threats": ours["threats"],
        "seconds": loop.seconds,
    }


def _figure(figure: dict[str, Any]) -> dict[str, Any]:
    return {"value": figure["value"], "ci": figure["ci"], "n": figure["n"]}


def plan_text(loop: Loop) -> str:
    """The plan, printed before the long stages begin."""
    sizes = loop.sizes
    return (
        f"Plan: {sizes.test} test tickets, {sizes.validation} for validation, {sizes.train} to train on"
        + (f", {sizes.unlabelled} left for labelers" if sizes.unlabelled else "")
        + f"; about {plan.TOTAL_SECONDS:.0f} s in all, of which training gets {plan.TRAINING_SECONDS[0]:.0f} to {plan.TRAINING_SECONDS[1]:.0f} s: "
        "its first steps are timed and their number set to fit."
    )
