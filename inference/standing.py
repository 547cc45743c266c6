"""What the frame and the home page say of this room: two steps of the loop, what waits, a lamp, things found by search."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.urls import reverse

from ftplatform.jobs.models import Job
from ftplatform.projects import facts
from ftplatform.projects.access import Access
from ftplatform.ui.registries import Lamp, LoopStep, SearchHit, WaitingItem
from inference.models import Deployment, GenerationCell, GenerationRun, ModelVersion

COMPRESSIONS = ("merge", "bnb-nf4", "bnb-int8", "torch-int8", "distil")
ENDED_LATELY = timedelta(days=14)
HITS = 8
WAITING_SHOWN = 20


PROJECT = OuterRef("pk")
_CELLS = GenerationCell.objects.filter(run__project=PROJECT, run__job__state=Job.State.SUCCEEDED)
_FAILED = GenerationRun.objects.filter(
    project=PROJECT, job__state=Job.State.FAILED, job__finished_at__gte=Now() - ENDED_LATELY
)
_DOWN = Deployment.objects.filter(model_version__project=PROJECT, health="down").order_by("-pk")
_COMPRESSED = ModelVersion.objects.filter(Q(method__in=COMPRESSIONS) | Q(method__startswith="gguf"), project=PROJECT)

TUNED_ANSWERED = facts.register("tuned_answered", Exists(_CELLS.filter(model_version__source="trained")), bool)
ANSWERED = facts.register("answered", facts.several(_CELLS, "id", most=2), len)
FAILED_RUNS = facts.register(
    "failed_generations",
    facts.several(_FAILED.order_by("-number"), "number", "job__error", most=WAITING_SHOWN),
    list,
    place="home",
)
DOWN = facts.register(
    "down",
    facts.several(_DOWN, "model_version__name", "model_version__number", "health_message", most=WAITING_SHOWN),
    list,
    place="home",
)
COMPRESSED = facts.register(
    "compressed", facts.one(_COMPRESSED.order_by("-number"), "name", "number"), lambda row: row, place="home"
)


def compare_step(access: Access) -> LoopStep:
    """Open as soon as two cells stand on the same split of a set; done once a version that was tuned here is among them."""
    href = reverse("inference:compare", args=[access.project.slug])
    if TUNED_ANSWERED.of(access):
        return LoopStep("compare", "Compare", "done", href=href)
    if ANSWERED.of(access) > 1:
        return LoopStep("compare", "Compare", "todo", href=href)
    return LoopStep(
        "compare",
        "Compare",
        "locked",
        "two versions must have answered the same tickets; the baseline makes the first answers",
    )


def live_step(access: Access) -> LoopStep:
    return LoopStep(
        "live",
        "Live",
        "locked",
        "serving a version to users comes with a later release; until then export it and serve it yourself",
    )


def waiting_generations(access: Access) -> list[WaitingItem]:
    """Generation runs that stopped, and addresses that did not answer."""
    if not access.is_admin:
        return []
    slug = access.project.slug
    failed, down = FAILED_RUNS.of(access), DOWN.of(access)
    items = []
    if failed:
        number, reason = failed[0]["number"], failed[0]["job__error"].partition("\n")[0][:140] or "no reason given"
        items.append(
            WaitingItem(
                len(failed),
                "generation run stopped" if len(failed) == 1 else "generation runs stopped",
                f"Generation run {number}: {reason}",
                reverse("inference:generation", args=[slug, number]),
                "Resume it",
                "bad",
            )
        )
    if down:
        one = down[0]
        items.append(
            WaitingItem(
                len(down),
                "address does not answer" if len(down) == 1 else "addresses do not answer",
                f"{one['model_version__name']}: {one['health_message'][:140]}",
                reverse("inference:model", args=[slug, one["model_version__number"]]),
                "See it",
                "bad",
            )
        )
    return items


def compression_lamp(access: Access) -> Lamp:
    """Whether a smaller child of a tuned version exists."""
    newest = COMPRESSED.of(access)
    if newest is None:
        return Lamp(
            "Compression",
            "todo",
            "Not yet known",
            "No version has been made smaller yet; what that would cost in quality is not known.",
        )
    href = reverse("inference:model", args=[access.project.slug, newest["number"]])
    return Lamp(
        "Compression",
        "wait",
        "Needs a look",
        f"{newest['name']} is smaller; its scorecard tells what it lost.",
        href,
        "Version",
    )


def search(access: Access, text: str) -> list[SearchHit]:
    """Models by name, and generation runs by number."""
    slug = access.project.slug
    hits = [
        SearchHit("Model", one.name, f"version {one.number}, {one.get_source_display().lower()}", reverse("inference:model", args=[slug, one.number]))
        for one in ModelVersion.objects.filter(project=access.project, name__icontains=text).order_by("-number")[:HITS]
    ]  # fmt: skip
    if text.strip().isdecimal():
        runs = GenerationRun.objects.filter(project=access.project, number=int(text.strip()[:9]))
        hits += [
            SearchHit("Generation run", str(one), one.split, reverse("inference:generation", args=[slug, one.number])) for one in runs
        ]  # fmt: skip
    return hits
