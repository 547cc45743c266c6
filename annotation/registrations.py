"""What this room registers in the rooms below: job kinds, loop steps, waiting lists, the data lamp, queues, search."""

from __future__ import annotations

from django.urls import reverse

from annotation import selectors
from annotation.jobs import IMPORT
from annotation.models import DatasetVersion, Import, QueueCursor
from ftplatform.jobs import kinds
from ftplatform.jobs.models import Job
from ftplatform.projects.access import LABELERS, READERS, REVIEWERS, Access
from ftplatform.ui import registries
from ftplatform.ui.numbers import thousands
from ftplatform.ui.registries import Lamp, LoopStep, QueueCard, SearchHit, WaitingItem

kinds.register(IMPORT)

HITS = 8
NEEDS_A_LOOK = 0.05
"""The share of unresolved tickets from which the data lamp asks for a look."""


def _href(name: str, access: Access, *more: object) -> str:
    return reverse(f"annotation:{name}", args=[access.project.slug, *more])


def _newest(access: Access, kind: str) -> DatasetVersion | None:
    return DatasetVersion.objects.filter(project=access.project, kind=kind).order_by("-pk").first()


# ── the loop ──


def tickets_step(access: Access) -> LoopStep:
    href = _href("tickets", access)
    if access.project.task_revision_id is None:
        return LoopStep(
            "tickets", "Tickets", "todo", "describe the task", href=reverse("projects:task", args=[access.project.slug])
        )
    job = Job.objects.filter(project=access.project, kind=IMPORT.name, state__in=Job.LIVE).order_by("pk").first()
    if job:
        return LoopStep("tickets", "Tickets", "running", "", job.percent, href)
    return LoopStep("tickets", "Tickets", "done" if selectors.counts_of(access.project).tickets else "todo", href=href)


def test_set_step(access: Access) -> LoopStep:
    href = _href("test-set", access)
    if _newest(access, DatasetVersion.Kind.EVALUATION):
        return LoopStep("test-set", "Test set", "done", href=href)
    if not selectors.counts_of(access.project).tickets:
        return LoopStep("test-set", "Test set", "locked", "there is no ticket yet – import some")
    return LoopStep("test-set", "Test set", "todo", href=href)


def labels_step(access: Access) -> LoopStep:
    counts = selectors.counts_of(access.project)
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
    version = _newest(access, DatasetVersion.Kind.SFT)
    if version:
        return LoopStep("dataset", "Dataset", "done", f"v{version.number}", href=href)
    if not _newest(access, DatasetVersion.Kind.EVALUATION):
        return LoopStep(
            "dataset", "Dataset", "locked", "a training set is kept apart from the test set – draw that first"
        )
    return LoopStep("dataset", "Dataset", "todo", href=href)


# ── home ──


def waiting(access: Access) -> list[WaitingItem]:
    """Unresolved tickets for reviewers; imports that stopped for admins."""
    items: list[WaitingItem] = []
    if access.roles & REVIEWERS:
        unresolved = selectors.counts_of(access.project).unresolved
        items.append(
            WaitingItem(
                unresolved,
                "ticket is unresolved" if unresolved == 1 else "tickets are unresolved",
                "People answered differently; a reviewer decides.",
                _href("labels", access),
                "Decide",
            )
        )
    if access.is_admin:
        last = Import.objects.filter(project=access.project).select_related("job").order_by("-pk").first()
        if last and last.job and last.job.state == Job.State.FAILED:
            items.append(
                WaitingItem(
                    1, "import stopped", last.job.error[:300], _href("import", access, last.pk), "See why", "bad"
                )
            )
    return items


def data_lamp(access: Access) -> Lamp:
    """Whether what is trained on is kept apart from what is measured on, and whether people agree on it."""
    test, train = _newest(access, DatasetVersion.Kind.EVALUATION), _newest(access, DatasetVersion.Kind.SFT)
    if test is None:
        return Lamp("Data", "todo", "Not yet known", "No test set is frozen.", _href("test-set", access), "Draw it")
    if train is None:
        text = f"{test} holds {thousands(test.size)} tickets; no training set is frozen."
        return Lamp("Data", "todo", "Not yet known", text, _href("datasets", access), "Freeze one")
    counts = selectors.counts_of(access.project)
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
    opened = list(selectors.open_queues(access.project))
    mine = {one.queue_id: one.submitted for one in QueueCursor.objects.filter(queue__in=opened, labeler=access.user)}
    return [
        QueueCard(
            queue.name,
            f"{queue.overlap} people a ticket" if queue.overlap > 1 else "Each ticket goes to one person",
            _href("label", access, queue.pk),
            "Label",
            mine.get(queue.pk, 0),
            queue.total // queue.overlap,
            "tickets",
        )
        for queue in opened
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


registries.register_loop_step("tickets", tickets_step)
registries.register_loop_step("test-set", test_set_step)
registries.register_loop_step("labels", labels_step)
registries.register_loop_step("dataset", dataset_step)
registries.register_waiting(waiting)
registries.register_lamp(2, data_lamp)
registries.register_queue(queues)
registries.register_search(search)
registries.register_job_link(IMPORT.name, import_link)
