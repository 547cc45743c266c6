"""What the frame and the home page say of training: the loop's step, what waits, two lamps."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from ftplatform.jobs.models import Job
from ftplatform.projects.access import Access
from ftplatform.ui.registries import Lamp, LoopStep, WaitingItem
from inference.models import ModelVersion
from inference.uses import Use
from training import selectors
from training.models import TrainingRun

ENDED_LATELY = timedelta(days=14)
WAITING_SHOWN = 20


def runs_step(access: Access) -> LoopStep:
    """Running with its percent; done once a run made a version; locked with the reason until there is a baseline."""
    slug = access.project.slug
    href = reverse("training:runs", args=[slug])
    newest = TrainingRun.objects.filter(project=access.project).select_related("job").order_by("-number").first()
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
    done = newest.model_version_id is not None or TrainingRun.objects.filter(
        project=access.project, model_version__isnull=False
    ).exists()  # fmt: skip
    return LoopStep("runs", "Runs", "done" if done else "todo", href=href)


def waiting_runs(access: Access) -> list[WaitingItem]:
    """Runs that failed and were not resumed, and versions that no scorecard has measured yet."""
    if not access.is_admin:
        return []
    slug, since = access.project.slug, timezone.now() - ENDED_LATELY
    recent = TrainingRun.objects.filter(project=access.project, job__finished_at__gte=since).order_by("-number")
    failed = list(recent.filter(job__state=Job.State.FAILED).select_related("job")[:WAITING_SHOWN])
    unmeasured = list(
        recent.filter(model_version__isnull=False, model_version__scorecards=None).select_related("model_version")[
            :WAITING_SHOWN
        ]
    )
    items = []
    if failed:
        one = failed[0]
        items.append(
            WaitingItem(
                len(failed),
                "training run failed" if len(failed) == 1 else "training runs failed",
                f"{one}: {one.job.error.splitlines()[0][:140] if one.job and one.job.error else 'no reason given'}",
                reverse("training:run", args=[slug, one.number]),
                "See why",
                "bad",
            )
        )
    if unmeasured:
        one = unmeasured[0]
        items.append(
            WaitingItem(
                len(unmeasured),
                "tuned version has no scorecard" if len(unmeasured) == 1 else "tuned versions have no scorecard",
                f"{one.model_version} came out of {str(one).lower()}; whether it is better is not known yet.",
                reverse("training:run", args=[slug, one.number]),
                "See the run",
            )
        )
    return items


def hyperparameters_lamp(access: Access) -> Lamp:
    """In order once two runs of different settings stand side by side: one run is a guess, however good."""
    rows = TrainingRun.objects.filter(project=access.project, model_version__isnull=False).order_by("-number")
    runs = list(rows.values_list("number", "hyperparameters", "result")[:50])
    href = reverse("training:runs", args=[access.project.slug])
    if not runs:
        return Lamp("Hyperparameters", "todo", "Not yet known", "No run has ended yet.")
    different = {str(sorted((k, v) for k, v in settings.items() if k != "seed")) for _, settings, _ in runs}
    seeds = len({settings.get("seed") for _, settings, _ in runs})
    if len(different) == 1:
        again = f" with {seeds} seeds" if seeds > 1 else ""
        return Lamp(
            "Hyperparameters", "wait", "Needs a look", f"One setting was tried{again}; another may do better.", href, "Runs"
        )  # fmt: skip
    losses = [(result["validation_loss"], number) for number, _, result in runs if result.get("validation_loss")]
    best = f"; run {min(losses)[1]} has the lowest validation loss" if losses else ""
    return Lamp("Hyperparameters", "good", "In order", f"{len(different)} settings were tried{best}.", href, "Runs")


def overfitting_lamp(access: Access) -> Lamp:
    """The diagnosis of the newest run."""
    run = TrainingRun.objects.filter(project=access.project).select_related("job").order_by("-number").first()
    if run is None:
        return Lamp("Overfitting", "todo", "Not yet known", "No run yet.")
    found = selectors.run_view(run).diagnosis
    words = {"good": "In order", "wait": "Needs a look", "bad": "Needs a look", "todo": "Not yet known"}
    text = found.headline if found.state == "todo" else f"{found.headline} {found.evidence}"
    href = reverse("training:run", args=[access.project.slug, run.number])
    return Lamp("Overfitting", found.state, words[found.state], text, href, f"Run {run.number}")


def uses_of_version(version: ModelVersion) -> list[Use]:
    """The run that made a version, and those that began from it."""
    slug = version.project.slug
    made = TrainingRun.objects.filter(model_version=version).select_related("dataset_version").first()
    began = TrainingRun.objects.filter(base_version=version).select_related("dataset_version").order_by("-number")[:20]
    uses = [
        Use("made by", str(made), f"with {made.dataset_version}", reverse("training:run", args=[slug, made.number]))
    ] if made else []  # fmt: skip
    return uses + [
        Use("used by", str(run), f"tuned with {run.dataset_version}", reverse("training:run", args=[slug, run.number]))
        for run in began
    ]
