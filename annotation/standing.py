"""What the frame and the home pages say of this room: four steps of the loop, what waits, the data lamp, queues, things found."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from annotation import selectors
from annotation.jobs import IMPORT
from annotation.models import DatasetVersion, Example, Import, QueueCursor
from ftplatform.jobs.models import Job
from ftplatform.jobs.selectors import live_job
from ftplatform.projects import facts
from ftplatform.projects.access import LABELERS, READERS, REVIEWERS, Access
from ftplatform.projects.counters import COUNTERS
from ftplatform.ui import registries
from ftplatform.ui.numbers import thousands
from ftplatform.ui.registries import Lamp, LoopStep, QueueCard, SearchHit, WaitingItem

HITS = 8
FLAGGED_COUNTED = 1000
"""So many flagged tickets are counted and no more; each is read in the index of those that are flagged."""
NEEDS_A_LOOK = 0.05
"""The share of unresolved tickets from which the data lamp asks for a look."""


def _href(name: str, access: Access, *more: object) -> str:
    return reverse(f"annotation:{name}", args=[access.project.slug, *more])


# ── facts ──


def _newest(kind: str) -> Any:
    rows = DatasetVersion.objects.filter(project=OuterRef("pk"), kind=kind).order_by("-pk")
    return facts.one(rows, "id", "kind", "number", "counts", "evaluation_set_id", "evaluation_set__number")


def _version(row: facts.Row | None) -> DatasetVersion | None:
    if row is None:
        return None
    apart = {"id": row["evaluation_set_id"], "number": row.pop("evaluation_set__number"), "kind": "evaluation"}
    version = facts.instance(DatasetVersion, row)
    if version.evaluation_set_id:
        version.evaluation_set = facts.instance(DatasetVersion, apart)
    return version


TEST_SET = facts.register("test_set", _newest(DatasetVersion.Kind.EVALUATION), _version)
TRAINING_SET = facts.register("training_set", _newest(DatasetVersion.Kind.SFT), _version)
LAST_IMPORT = facts.register(
    "last_import",
    facts.one(Import.objects.filter(project=OuterRef("pk")).order_by("-pk"), "id", "job__state", "job__error"),
    lambda row: row,
    place="home",
)

_flagged = Example.objects.filter(project=OuterRef("pk"), is_flagged=True).order_by("-pk")
FLAGGED = facts.register("flagged", facts.several(_flagged, "id", most=FLAGGED_COUNTED), len, place="home")


def _counts(access: Access) -> selectors.Counts:
    return selectors.counts_from(COUNTERS.of(access))


# ── the loop ──


def tickets_step(access: Access) -> LoopStep:
    href = _href("tickets", access)
    if access.project.task_revision_id is None:
        return LoopStep(
            "tickets", "Tickets", "todo", "describe the task", href=reverse("projects:task", args=[access.project.slug])
        )
    if job := live_job(access, IMPORT.name):
        return LoopStep("tickets", "Tickets", "running", "", job.percent, href)
    return LoopStep("tickets", "Tickets", "done" if _counts(access).tickets else "todo", href=href)


def test_set_step(access: Access) -> LoopStep:
    href = _href("test-set", access)
    if TEST_SET.of(access):
        return LoopStep("test-set", "Test set", "done", href=href)
    if not _counts(access).tickets:
        return LoopStep("test-set", "Test set", "locked", "there is no ticket yet – import some")
    return LoopStep("test-set", "Test set", "todo", href=href)


def labels_step(access: Access) -> LoopStep:
    counts = _counts(access)
    href = _href("labels", access)
    if not counts.tickets:
        return LoopStep("labels", "Labels", "locked", "there is no ticket yet – import some")
    if counts.resolved >= counts.tickets:
        return LoopStep("labels", "Labels", "done", href=href)
    percent = 100 * counts.resolved // counts.tickets
    state: registries.StepState = "waiting" if counts.unresolved else "running" if counts.resolved else "todo"
    return LoopStep("labels", "Labels", state, f"{percent} %" if percent else "", percent, href)


def dataset_step(access: Access) -> LoopStep:
    href = _href("datasets", access)
    version = TRAINING_SET.of(access)
    if version:
        return LoopStep("dataset", "Dataset", "done", f"v{version.number}", href=href)
    if not TEST_SET.of(access):
        return LoopStep(
            "dataset", "Dataset", "locked", "a training set is kept apart from the test set – draw that first"
        )
    return LoopStep("dataset", "Dataset", "todo", href=href)


# ── home ──


def waiting(access: Access) -> list[WaitingItem]:
    """Unresolved and flagged tickets for reviewers; imports that stopped for admins."""
    items: list[WaitingItem] = []
    if access.roles & REVIEWERS:
        unresolved = _counts(access).unresolved
        items.append(
            WaitingItem(
                unresolved,
                "ticket is unresolved" if unresolved == 1 else "tickets are unresolved",
                "People answered differently; a reviewer decides.",
                _href("labels", access),
                "Decide",
            )
        )
        flagged = FLAGGED.of(access)
        items.append(
            WaitingItem(
                flagged,
                "ticket is flagged" if flagged == 1 else "tickets are flagged",
                "Somebody wants a second look; its page says what was answered and skipped, and clears the flag.",
                _href("tickets", access) + "?flagged=1",
                "Look",
            )
        )
    if access.is_admin:
        last = LAST_IMPORT.of(access)
        if last and last["job__state"] == Job.State.FAILED:
            href = _href("import", access, last["id"])
            items.append(WaitingItem(1, "import stopped", last["job__error"][:300], href, "See why", "bad"))
    return items


def data_lamp(access: Access) -> Lamp:
    """Whether what is trained on is kept apart from what is measured on, and whether people agree on it."""
    test, train = TEST_SET.of(access), TRAINING_SET.of(access)
    if test is None:
        return Lamp("Data", "todo", "Not yet known", "No test set is frozen.", _href("test-set", access), "Draw it")
    if train is None:
        text = f"{test} holds {thousands(test.size)} tickets; no training set is frozen."
        return Lamp("Data", "todo", "Not yet known", text, _href("datasets", access), "Freeze one")
    counts = _counts(access)
    apart = f"{train} shares no ticket, group or question with {train.evaluation_set}."
    link = _href("dataset", access, train.kind, train.number)
    if counts.unresolved > NEEDS_A_LOOK * max(1, counts.tickets):
        text = f"{apart} {thousands(counts.unresolved)} of {thousands(counts.tickets)} tickets are unresolved."
        return Lamp("Data", "wait", "Needs a look", text, _href("labels", access), "Decide them")
    if train.evaluation_set_id != test.pk:
        text = f"{apart} {test} is newer; a training set for it is not frozen."
        return Lamp("Data", "wait", "Needs a look", text, _href("datasets", access), "Freeze one")
    return Lamp("Data", "good", "In order", apart, link, "Evidence")


def queues(access: Access) -> list[QueueCard]:
    """The open queues with the caller's own progress."""
    if not access.roles & LABELERS:
        return []
    mine = QueueCursor.objects.filter(queue=OuterRef("pk"), labeler=access.user).values("submitted")
    return [
        QueueCard(
            queue.name,
            f"{queue.overlap} people per ticket" if queue.overlap > 1 else "Each ticket goes to one person",
            _href("label", access, queue.pk),
            "Label",
            queue.mine or 0,
            queue.total // queue.overlap,
            "tickets",
        )
        for queue in selectors.open_queues(access.project).annotate(mine=Subquery(mine))
    ]


def search(access: Access, query: str) -> list[SearchHit]:
    if not access.roles & READERS or not query.strip():
        return []
    page = selectors.ticket_page(access.project, selectors.TicketFilter(q=query.strip()), size=HITS)
    return [
        SearchHit("Ticket", f"Ticket {row.example.pk}", "".join(row.snippet), _href("ticket", access, row.example.pk))
        for row in page.rows
    ]


def import_link(job: Job) -> str:
    source = Import.objects.filter(job=job).select_related("project").first()
    return reverse("annotation:import", args=[source.project.slug, source.pk]) if source else ""
