"""What the frame and the home page say of training: the loop's step, what waits, two lamps."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.urls import reverse

from evaluation.making import Making
from ftplatform.jobs.models import Job
from ftplatform.lineage import Told
from ftplatform.projects import facts
from ftplatform.projects.access import Access
from ftplatform.ui.registries import Lamp, LoopStep, WaitingItem
from inference.models import ModelVersion
from inference.uses import Use
from training import selectors
from training.models import TrainingRun

ENDED_LATELY = timedelta(days=14)
WAITING_SHOWN = 20


_RUNS = TrainingRun.objects.filter(project=OuterRef("pk")).order_by("-number")
_RECENT = _RUNS.filter(job__finished_at__gte=Now() - ENDED_LATELY)
_UNMEASURED = _RECENT.filter(model_version__isnull=False, model_version__scorecards=None)


def _run(row: facts.Row | None) -> TrainingRun | None:
    """With its job."""
    if row is None:
        return None
    job = {name.removeprefix("job__"): row.pop(name) for name in _JOB_COLUMNS}
    run = facts.instance(TrainingRun, row)
    run.job = facts.instance(Job, job)
    return run


_JOB_COLUMNS = ("job__id", "job__state", "job__done", "job__total")
WITHOUT_WEIGHT = (
    "seed",
    "samples",
    "save_every",
    "logging_steps",
    "precision",
    "gradient_checkpointing",
    "time_budget_seconds",
)
"""Settings that make no other try: chance, the clock, what is looked at and kept."""

NEWEST_RUN = facts.register("newest_run", facts.one(_RUNS, "id", "number", "hyperparameters", *_JOB_COLUMNS), _run)
HAS_TUNED = facts.register("has_tuned", Exists(_RUNS.filter(model_version__isnull=False)), bool)
FAILED_RUNS = facts.register(
    "failed_runs",
    facts.several(_RECENT.filter(job__state=Job.State.FAILED), "number", "job__error", most=WAITING_SHOWN),
    list,
    place="home",
)
UNMEASURED = facts.register(
    "unmeasured",
    facts.several(_UNMEASURED, "number", "model_version__name", most=WAITING_SHOWN),
    list,
    place="home",
)
TRIED = facts.register(
    "tried",
    facts.several(
        _RUNS.filter(model_version__isnull=False),
        *("number", "hyperparameters", "dataset_version_id", "base_version_id", "result__validation_loss"),
        most=50,
    ),
    list,
    place="home",
)


def runs_step(access: Access) -> LoopStep:
    """Running with its percent; done once a run made a version; locked with the reason until there is a baseline."""
    slug = access.project.slug
    href = reverse("training:runs", args=[slug])
    newest = NEWEST_RUN.of(access)
    if newest is None:
        lock = selectors.training_lock(access.project)
        if not lock.is_open:
            return LoopStep("runs", "Runs", "locked", lock.reason)
        return LoopStep("runs", "Runs", "todo", href=href)
    assert newest.job
    if newest.job.is_live:
        percent = newest.job.percent
        note = f"{percent} %" if percent is not None else ""
        return LoopStep("runs", "Runs", "running", note, percent, reverse("training:run", args=[slug, newest.number]))
    if newest.job.state == Job.State.FAILED:
        return LoopStep("runs", "Runs", "waiting", "failed", href=href)
    return LoopStep("runs", "Runs", "done" if HAS_TUNED.of(access) else "todo", href=href)


def waiting_runs(access: Access) -> list[WaitingItem]:
    """Runs that failed and were not resumed, and versions that no scorecard has measured yet."""
    if not access.is_admin:
        return []
    slug = access.project.slug
    failed, unmeasured = FAILED_RUNS.of(access), UNMEASURED.of(access)
    items = []
    if failed:
        number, reason = failed[0]["number"], failed[0]["job__error"].partition("\n")[0][:140] or "no reason given"
        items.append(
            WaitingItem(
                len(failed),
                "training run failed" if len(failed) == 1 else "training runs failed",
                f"Run {number}: {reason}",
                reverse("training:run", args=[slug, number]),
                "See why",
                "bad",
            )
        )
    if unmeasured:
        number, name = unmeasured[0]["number"], unmeasured[0]["model_version__name"]
        items.append(
            WaitingItem(
                len(unmeasured),
                "tuned version has no scorecard" if len(unmeasured) == 1 else "tuned versions have no scorecard",
                f"{name} came out of run {number}; whether it is better is not known yet.",
                reverse("training:run", args=[slug, number]),
                "See the run",
            )
        )
    return items


def hyperparameters_lamp(access: Access) -> Lamp:
    """In order once two runs of different settings stand side by side, on the same rows and model: one run is a guess, however good."""
    runs = TRIED.of(access)
    href = reverse("training:runs", args=[access.project.slug])
    if not runs:
        return Lamp("Hyperparameters", "todo", "Not yet known", "No run has ended yet.")
    alike = max(_comparable(runs).values(), key=lambda group: (len({_setting(run) for run in group}), len(group)))
    different = {_setting(run) for run in alike}
    if len(different) == 1:
        seeds = len({run["hyperparameters"].get("seed") for run in alike})
        again = f" with {seeds} seeds" if seeds > 1 else ""
        return Lamp(
            "Hyperparameters", "wait", "Needs a look", f"One setting was tried{again}; another may do better.", href, "Runs"
        )  # fmt: skip
    losses = [(run["result__validation_loss"], run["number"]) for run in alike if run["result__validation_loss"]]
    best = f"; run {min(losses)[1]} has the lowest validation loss" if losses else ""
    return Lamp("Hyperparameters", "good", "In order", f"{len(different)} settings were tried{best}.", href, "Runs")


def _comparable(runs: list[facts.Row]) -> dict[tuple[object, ...], list[facts.Row]]:
    """Runs whose validation losses are of the same rows, weights and base model."""
    groups: dict[tuple[object, ...], list[facts.Row]] = {}
    for run in runs:
        weight = run["hyperparameters"].get("short_field_weight", 1.0)
        groups.setdefault((run["dataset_version_id"], run["base_version_id"], weight), []).append(run)
    return groups


def _setting(run: facts.Row) -> str:
    """What decides the weights, besides chance and the clock."""
    return str(sorted((k, v) for k, v in run["hyperparameters"].items() if k not in WITHOUT_WEIGHT))


def overfitting_lamp(access: Access) -> Lamp:
    """The diagnosis of the newest run."""
    run = NEWEST_RUN.of(access)
    if run is None:
        return Lamp("Overfitting", "todo", "Not yet known", "No run yet.")
    found = selectors.diagnosis_of(run)
    words = {"good": "In order", "wait": "Needs a look", "bad": "Needs a look", "todo": "Not yet known"}
    text = found.headline if found.state == "todo" else f"{found.headline} {found.evidence}"
    href = reverse("training:run", args=[access.project.slug, run.number])
    return Lamp("Overfitting", found.state, words[found.state], text, href, f"Run {run.number}")


def tell_run(run: TrainingRun) -> Told:
    """Its line in a lineage."""
    href = reverse("training:run", args=[run.project.slug, run.number])
    return Told(f"Training {str(run).lower()}", str(run.hyperparameters.get("method", "")), href)


def _maker(version: ModelVersion) -> TrainingRun | None:
    """The run that made a version here."""
    runs = TrainingRun.objects.select_related("project", "dataset_version", "baseline").defer("baseline__content")
    return runs.filter(model_version=version).first()


def making_of_version(version: ModelVersion) -> Making | None:
    """For the version's scorecards: the run that made it."""
    run = _maker(version)
    if run is None:
        return None
    told = tell_run(run)
    return Making(told.title, told.detail, told.href, run.dataset_version, run.baseline)


def uses_of_version(access: Access, version: ModelVersion) -> list[Use]:
    """The run that made a version with its dataset, and those that began from it."""
    slug = version.project.slug
    made = _maker(version)
    began = TrainingRun.objects.filter(base_version=version).select_related("dataset_version").order_by("-number")[:20]
    uses = []
    if made:
        rows = made.dataset_version
        href = reverse("annotation:dataset", args=[slug, rows.kind, rows.number])
        uses = [
            Use("made by", str(made), f"held against {str(made.baseline).lower()}", tell_run(made).href),
            Use("made with", str(rows), f"the rows of {str(made).lower()}", href),
        ]
    return uses + [
        Use("used by", str(run), f"tuned with {run.dataset_version}", reverse("training:run", args=[slug, run.number]))
        for run in began
    ]
