"""Reads of training runs: lists by key, curves, and what a run's page says about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Mod
from pydantic import ValidationError

from annotation.models import DatasetVersion
from evaluation.models import Scorecard
from ftplatform.jobs.models import Job
from ftplatform.projects.models import Project
from ftplatform.ui.numbers import duration, number, thousands
from inference.models import ModelVersion
from training import curves
from training.diagnosis import Diagnosis, Point, best_point, diagnose
from training.models import RunMetric, TrainingRun
from training.plan import RunPlan

UNSET = "–"
TRAIN_LOSS, VALIDATION_LOSS = "train_loss", "validation_loss"
ACCURACY = ".accuracy"
"""Ends the name of a choice field's metric, as the engine tells it."""


def runs_of(project: Project) -> QuerySet[TrainingRun]:
    """A project's runs, newest first, with what a row of the list shows."""
    return (
        TrainingRun.objects.filter(project=project)
        .select_related("job", "dataset_version", "base_version", "model_version", "created_by", "baseline")
        .order_by("-number")
    )


def page_of_runs(project: Project, *, before: int | None, size: int) -> tuple[list[TrainingRun], int | None]:
    """One page by key and the number to go on before; None at the end. Nothing is counted."""
    runs = runs_of(project)
    if before is not None:
        runs = runs.filter(number__lt=before)
    found = list(runs[: size + 1])
    return found[:size], found[size - 1].number if len(found) > size else None


def curve(run: TrainingRun, name: str) -> list[Point]:
    """(step, value) in the order of steps."""
    return list(run.curve.filter(name=name).order_by("step").values_list("step", "value"))


def watched(run: TrainingRun, *, last: int) -> dict[str, list[Point]]:
    """Both losses and the accuracy of each choice field, name → points, in one query. The losses are there, empty or not.

    last: the step that the run has reached. Of a long training curve every n-th point is read: a plot has room for no more.
    """
    every = max(1, last // curves.MOST_POINTS)
    read = Q(step=last) | Q(every=0) | ~Q(name=TRAIN_LOSS)
    rows = (
        RunMetric.objects.filter(run=run)
        .annotate(every=Mod("step", every))
        .filter(read)
        .filter(Q(name__in=(TRAIN_LOSS, VALIDATION_LOSS)) | Q(name__endswith=ACCURACY))
    )
    found: dict[str, list[Point]] = {TRAIN_LOSS: [], VALIDATION_LOSS: []}
    for name, step, value in rows.order_by("step").values_list("name", "step", "value"):
        found.setdefault(name, []).append((step, value))
    return found


@dataclass(frozen=True)
class RunView:
    """A run as its page shows it while it lives and after."""

    run: TrainingRun
    job: Job
    plot: curves.Plot | None
    accuracy: curves.Plot | None
    """Of choice fields on the validation rows."""
    diagnosis: Diagnosis
    best: Point | None
    train_points: int
    validation_points: int

    @property
    def is_live(self) -> bool:
        return self.job.is_live

    @property
    def loss_unit(self) -> str:
        """Both losses are weighted means: those of runs with other weights are other figures."""
        weight = self.run.hyperparameters.get("short_field_weight", 1.0)
        return "nats per trained token" + (f", tokens of choice fields × {shown(weight)}" if weight != 1 else "")

    @property
    def validation_rows(self) -> int:
        gone = sum(row["split"] == "validation" for row in self.run.left_out)
        return int(self.run.dataset_version.counts.get("validation", 0)) - gone


def run_view(run: TrainingRun) -> RunView:
    """Reads the curves and says what they mean. The run comes with its job."""
    assert run.job
    found = watched(run, last=run.job.done)
    train, validation = found.pop(TRAIN_LOSS), found.pop(VALIDATION_LOSS)
    best = best_point(validation)
    steps = run.job.total if run.job.is_live else None
    ended_at = run.job.done if not run.job.is_live and run.job.total and run.job.done < run.job.total else None
    return RunView(
        run=run,
        job=run.job,
        plot=curves.draw_losses(train, validation, steps=steps, best=best, ended_at=ended_at),
        accuracy=curves.draw_shares(
            {name.removesuffix(ACCURACY): points for name, points in sorted(found.items())},
            steps=steps or ended_at,
            best=best,
        ),
        diagnosis=_diagnosis(run, train, validation),
        best=best,
        train_points=len(train),
        validation_points=len(validation),
    )  # fmt: skip


def diagnosis_of(run: TrainingRun) -> Diagnosis:
    """What a run's page says of its curves, without drawing them. The run comes with its job."""
    assert run.job
    found = watched(run, last=run.job.done)
    return _diagnosis(run, found[TRAIN_LOSS], found[VALIDATION_LOSS])


def _diagnosis(run: TrainingRun, train: list[Point], validation: list[Point]) -> Diagnosis:
    assert run.job
    return diagnose(train, validation, patience=run.hyperparameters.get("patience"), is_live=run.job.is_live)


@dataclass(frozen=True)
class Setting:
    name: str
    value: str
    help: str
    was: str | None
    """The previous run's value where it differs."""


def previous_run(run: TrainingRun) -> TrainingRun | None:
    runs = TrainingRun.objects.filter(project_id=run.project_id, number__lt=run.number)
    return runs.select_related("base_version", "dataset_version").order_by("-number").first()


def settings_of(run: TrainingRun, previous: TrainingRun | None) -> list[Setting]:
    """The hyperparameters that are set, in the order of the plan's fields, with the previous run's value where it differs.

    Base model and rows come first where they are others: the page's head says what they are. A setting of an older platform version that the plan no longer has is shown too, under its own name.
    """
    ours = run.hyperparameters
    theirs = previous.hyperparameters if previous else {}
    helps = {name: field.description or "" for name, field in RunPlan.model_fields.items()}
    names = [*(name for name in RunPlan.model_fields if name in ours), *(name for name in ours if name not in helps)]
    settings = [
        Setting(
            name=title_of(name),
            value=shown(ours[name]),
            help=helps.get(name, ""),
            was=shown(theirs.get(name)) if previous and shown(theirs.get(name)) != shown(ours[name]) else None,
        )
        for name in names
    ]
    return _other_material(run, previous) + [
        setting for setting in settings if setting.value != UNSET or setting.was is not None
    ]


def _other_material(run: TrainingRun, previous: TrainingRun | None) -> list[Setting]:
    if previous is None:
        return []
    pairs = (
        (
            "Base model",
            "What the run begins from",
            version_title(run.base_version),
            version_title(previous.base_version),
        ),
        ("Rows", "What it learns from", run.material, previous.material),
    )
    return [Setting(name, str(ours), help, was=str(theirs)) for name, help, ours, theirs in pairs if ours != theirs]


def version_title(version: ModelVersion) -> str:
    """Two versions may bear one name."""
    return f"{version.name} (version {version.number})"


def warnings_of(run: TrainingRun) -> list[str]:
    """Of its settings; none where they are of an older plan that is no longer understood."""
    try:
        return RunPlan.model_validate(run.hyperparameters).warnings
    except ValidationError:
        return []


TITLES = {"lora_r": "LoRA rank", "lora_alpha": "LoRA alpha", "lora_dropout": "LoRA dropout", "max_grad_norm": "Largest gradient norm",
          "max_length": "Longest row", "overlong": "Unfit rows", "eval_every": "Evaluate every", "save_every": "Save every",
          "warmup_ratio": "Warm-up share", "time_budget_seconds": "Time budget", "max_steps": "Most steps",
          "short_field_weight": "Weight of choice fields"}  # fmt: skip


def title_of(name: str) -> str:
    """`weight_decay` → “Weight decay”: the words of the form, of the settings and of a refusal."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def shown(value: Any) -> str:
    """A setting as text, numbers short."""
    if value is None:
        return UNSET
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def machine_facts(run: TrainingRun, job: Job) -> list[tuple[str, str]]:
    """What it ran on and how fast, as far as it is known."""
    result = run.result
    hardware = result.get("hardware", {})
    rows = result.get("rows", {})
    facts = [
        ("Worker", job.worker),
        ("Device", " ".join(str(hardware[name]) for name in ("device", "name") if hardware.get(name))),
        ("Precision", hardware.get("precision", "")),
        ("Memory, highest", f"{number(hardware['peak_memory_bytes'] / 1e9, 1)} GB" if hardware.get("peak_memory_bytes") else ""),
        ("Speed", f"{thousands(result['tokens_per_second'])} tokens/s" if result.get("tokens_per_second") else ""),
        ("Tokens seen", thousands(result["tokens"]) if result.get("tokens") else ""),
        ("Training time", duration(result["seconds"]) if result.get("seconds") else ""),
        ("Rows", f"{thousands(rows['train'])} to train on, {thousands(rows['validation'])} for validation" if rows else ""),
        ("Attempts", str(job.attempt) if job.attempt > 1 else ""),
    ]  # fmt: skip
    return [(name, value) for name, value in facts if value]


# ── what a new run may be made of ──


def training_sets(project: Project) -> QuerySet[DatasetVersion]:
    return (
        DatasetVersion.objects.filter(project=project, kind=DatasetVersion.Kind.SFT)
        .select_related("evaluation_set")
        .order_by("-number")
    )


def tunable_versions(project: Project) -> QuerySet[ModelVersion]:
    """Versions whose files are here, base models first."""
    versions = ModelVersion.objects.filter(project=project, files__isnull=False)
    return versions.order_by(F("base").asc(nulls_first=True), "-number")


@dataclass(frozen=True)
class Lock:
    """Whether training is open in a project, and what to do where it is not."""

    is_open: bool
    reason: str = ""
    missing: str = ""
    """What lacks: dataset, model or baseline; the page links to where it is made."""


def training_lock(project: Project) -> Lock:
    """Open as soon as one base model has a baseline on the evaluation set of one training set."""
    versions = list(tunable_versions(project)[:100])
    if not versions:
        return Lock(False, "Training is locked until a model is registered whose files are here.", "model")
    sets = list(training_sets(project)[:100])
    evaluation_ids = {one.evaluation_set_id for one in sets}
    roots = {version.root_id for version in versions}
    if not sets:
        return Lock(False, "Training is locked until a training set is frozen.", "dataset")
    has_baseline = Scorecard.objects.filter(
        project=project, kind=Scorecard.Kind.BASELINE, evaluation_set_id__in=evaluation_ids, base_model_id__in=roots
    ).exists()
    if not has_baseline:
        return Lock(
            False,
            "Training is locked until the baseline scorecard exists: without it nobody could say whether tuning helped.",
            "baseline",
        )
    return Lock(True)
