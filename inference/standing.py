"""What the frame and the home page say of this room: two steps of the loop, what waits, a lamp, things found by search."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from ftplatform.jobs.models import Job
from ftplatform.projects.access import Access
from ftplatform.ui.registries import Lamp, LoopStep, SearchHit, WaitingItem
from inference.models import Deployment, GenerationCell, GenerationRun, ModelVersion

COMPRESSIONS = ("merge", "bnb-nf4", "bnb-int8", "torch-int8", "distil")
ENDED_LATELY = timedelta(days=14)
HITS = 8


def compare_step(access: Access) -> LoopStep:
    """Open as soon as two cells stand on the same split of a set; done once a version that was tuned here is among them."""
    href = reverse("inference:compare", args=[access.project.slug])
    cells = GenerationCell.objects.filter(run__project=access.project, run__job__state=Job.State.SUCCEEDED)
    tuned = cells.filter(model_version__source=ModelVersion.Source.TRAINED).exists()
    if tuned:
        return LoopStep("compare", "Compare", "done", href=href)
    if cells[:2].count() > 1:
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
    failed = list(
        GenerationRun.objects.filter(
            project=access.project,
            job__state=Job.State.FAILED,
            job__finished_at__gte=timezone.now() - ENDED_LATELY,
        )
        .select_related("job")
        .order_by("-number")[:20]
    )
    down = list(
        Deployment.objects.filter(model_version__project=access.project, health="down").select_related("model_version")[:20]
    )  # fmt: skip
    items = []
    if failed:
        one = failed[0]
        reason = one.job.error.splitlines()[0][:140] if one.job and one.job.error else "no reason given"
        items.append(
            WaitingItem(
                len(failed),
                "generation run stopped" if len(failed) == 1 else "generation runs stopped",
                f"{one}: {reason}",
                reverse("inference:generation", args=[slug, one.number]),
                "Resume it",
                "bad",
            )
        )
    if down:
        items.append(
            WaitingItem(
                len(down),
                "address does not answer" if len(down) == 1 else "addresses do not answer",
                f"{down[0].model_version}: {down[0].health_message[:140]}",
                reverse("inference:model", args=[slug, down[0].model_version.number]),
                "See it",
                "bad",
            )
        )
    return items


def compression_lamp(access: Access) -> Lamp:
    """Whether a smaller child of a tuned version exists."""
    compressed = Q(method__in=COMPRESSIONS) | Q(method__startswith="gguf")
    newest = ModelVersion.objects.filter(compressed, project=access.project).order_by("-number").first()
    if newest is None:
        return Lamp(
            "Compression",
            "todo",
            "Not yet known",
            "No version has been made smaller yet; what that would cost in quality is not known.",
        )
    href = reverse("inference:model", args=[access.project.slug, newest.number])
    return Lamp(
        "Compression",
        "wait",
        "Needs a look",
        f"{newest} is smaller; its scorecard tells what it lost.",
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
