"""Reads of tickets, queues and datasets, each page-sized. Lists go by key; counts come from the project's counters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, F, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.utils import timezone

from annotation.models import (
    Annotation,
    CurrentAnswer,
    DatasetItem,
    DatasetVersion,
    Example,
    HandoutSlot,
    Import,
    Lease,
    Queue,
    QueueCursor,
    ResolvedLabel,
    Split,
)
from annotation.render import neutralise_values
from ftplatform.accounts.models import User
from ftplatform.projects import counters
from ftplatform.projects.models import Project
from ftplatform.projects.spec import TaskSpec

SNIPPET = 160
THREAD_SHOWN = 3
LAST_ANSWERS = 10
QUEUES_SHOWN = 100

STATE_GLYPHS = {
    Example.State.NEW: "todo",
    Example.State.LABELLED: "todo",
    Example.State.RESOLVED: "good",
    Example.State.UNRESOLVED: "wait",
}


# ── tickets ──


@dataclass(frozen=True)
class TicketFilter:
    """What the list is narrowed to. split: a Split, `none` or empty. state: an Example.State or empty. q: a part of the text."""

    split: str = ""
    state: str = ""
    q: str = ""
    flagged: bool = False

    @property
    def is_narrowed(self) -> bool:
        return bool(self.split or self.state or self.q or self.flagged)


@dataclass(frozen=True)
class TicketRow:
    """A ticket in a list. snippet: its first input, or what stands around the match, as (before, match, after)."""

    example: Example
    snippet: tuple[str, str, str]
    label: Any
    confidence: float | None

    @property
    def glyph(self) -> str:
        return STATE_GLYPHS[Example.State(self.example.state)]


@dataclass(frozen=True)
class TicketPage:
    rows: list[TicketRow]
    newer: int | None
    older: int | None


def tickets(project: Project, wanted: TicketFilter) -> QuerySet[Example]:
    """A project's tickets, newest first, on the indexes (project, split | state, -id)."""
    rows = Example.objects.filter(project=project)
    if wanted.split:
        rows = rows.filter(split=None if wanted.split == "none" else wanted.split)
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.flagged:
        rows = rows.filter(is_flagged=True)
    if wanted.q:
        rows = rows.filter(_holds(project, wanted.q))
    return rows.order_by("-pk")


def _holds(project: Project, text: str) -> Q:
    """The text stands in one of the inputs, whatever the case; a number is a ticket's own, too."""
    spec = project.task_revision.spec if project.task_revision else None
    found = Q(pk=int(text)) if text.isascii() and text.isdecimal() and len(text) < 18 else Q(pk=None)
    for column in spec.inputs if spec else ():
        found |= Q(**{f"content__inputs__{column.name}__icontains": text})
    return found


def ticket_page(
    project: Project, wanted: TicketFilter, *, size: int, before: int | None = None, after: int | None = None
) -> TicketPage:
    """One page by key: the tickets older than `before`, or the nearest that are newer than `after`."""
    rows = tickets(project, wanted).select_related("content")
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        has_newer, found = len(found) > size, list(reversed(found[:size]))
        has_older = True
    else:
        found = list((rows.filter(pk__lt=before) if before is not None else rows)[: size + 1])
        has_older, found = len(found) > size, found[:size]
        has_newer = before is not None
    return TicketPage(
        rows=_rows(project, found, wanted.q),
        newer=found[0].pk if found and has_newer else None,
        older=found[-1].pk if found and has_older else None,
    )


def _rows(project: Project, examples: list[Example], q: str) -> list[TicketRow]:
    spec = project.task_revision.spec if project.task_revision else None
    choice = spec.choice_fields[0].name if spec and spec.choice_fields else ""
    labels = {
        label.example_id: label for label in ResolvedLabel.objects.filter(example__in=examples, field=choice) if choice
    }
    return [
        TicketRow(
            example=example,
            snippet=_snippet(example, spec, q),
            label=labels[example.pk].value if example.pk in labels else None,
            confidence=labels[example.pk].confidence if example.pk in labels else None,
        )
        for example in examples
    ]


def _snippet(example: Example, spec: TaskSpec | None, q: str) -> tuple[str, str, str]:
    if example.erased_at:
        return "(erased)", "", ""
    inputs = example.content.inputs
    names = [column.name for column in spec.inputs] if spec else list(inputs)
    texts = [" ".join(str(inputs.get(name) or "").split()) for name in names]
    for text in texts:
        match = re.search(re.escape(" ".join(q.split())), text, re.IGNORECASE) if q else None
        if match:
            begin = max(0, match.start() - SNIPPET // 3)
            lead = "…" if begin else ""
            return lead + text[begin : match.start()], match[0], text[match.end() : match.end() + SNIPPET]
    return (texts[0][:SNIPPET] if texts else ""), "", ""


def history(example: Example) -> list[Annotation]:
    """Every answer to a ticket, the newest first: nothing is ever overwritten."""
    rows = example.annotations.select_related("author", "task_revision").annotate(replaced=F("superseded_by"))
    return list(rows.order_by("-pk"))


def skips(example: Example) -> list[Lease]:
    """Who gave a ticket back for good, and why where they said so; the last first."""
    rows = Lease.objects.filter(example=example, state=Lease.State.SKIPPED).select_related("labeler", "queue")
    return list(rows.order_by("-ended_at"))


def current_answers(example: Example) -> list[Annotation]:
    """What each person says of a ticket now, reviews last."""
    rows = CurrentAnswer.objects.filter(example=example).select_related("annotation__author")
    return sorted((row.annotation for row in rows), key=lambda one: (one.source == Annotation.Source.REVIEW, one.pk))


def newest_of(answer: Annotation) -> Annotation:
    """What the author says of the ticket now: the end of the chain that the answer stands in."""
    chain = Annotation.objects.filter(example=answer.example_id, author=answer.author_id, source=answer.source)
    return chain.select_related("lease").get(superseded_by=None)


def thread(example: Example) -> list[Example]:
    """The last few earlier tickets of the same group, oldest first. A ticket whose group is its own prompt has none."""
    rows = Example.objects.filter(
        project=example.project_id, group_key=example.group_key, pk__lt=example.pk, erased_at=None
    )
    return list(reversed(rows.select_related("content").order_by("-pk")[:THREAD_SHOWN]))


def imports_of(project: Project) -> QuerySet[Import]:
    return Import.objects.filter(project=project).select_related("job", "created_by").order_by("-pk")


# ── counts ──


@dataclass(frozen=True)
class Counts:
    """What the project's counters say; no row of tickets is counted."""

    tickets: int = 0
    new: int = 0
    labelled: int = 0
    resolved: int = 0
    unresolved: int = 0
    train: int = 0
    validation: int = 0
    test: int = 0

    @property
    def free(self) -> int:
        """Tickets that are in no set."""
        return max(0, self.tickets - self.train - self.validation - self.test)


def counts_of(project: Project) -> Counts:
    return counts_from(counters.read(project.pk))


def counts_from(read: Mapping[str, int]) -> Counts:
    """Of the project's counters, name → count."""
    states = {state: max(0, read.get(f"state:{state}", 0)) for state in Example.State.values}
    splits = {split: max(0, read.get(f"split:{split}", 0)) for split in Split.values}
    return Counts(tickets=read.get("tickets", 0), **states, **splits)


# ── queues ──


@dataclass(frozen=True)
class QueueFacts:
    """A queue and who did how much in it. done counts answers, as many a ticket as the overlap asks."""

    queue: Queue
    people: list[QueueCursor]

    @property
    def done(self) -> int:
        return sum(one.submitted for one in self.people)


def queues_of(project: Project) -> list[QueueFacts]:
    people = QueueCursor.objects.select_related("labeler").order_by("-submitted", "labeler__username")
    rows = Queue.objects.filter(project=project).order_by("-is_open", "-pk")
    found = rows.prefetch_related(Prefetch("cursors", people, to_attr="people"))[:QUEUES_SHOWN]
    return [QueueFacts(queue, list(queue.people)) for queue in found]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class OwnProgress:
    """How far one labeler is in a queue. tickets: all of the queue; last_hour: answers of the last sixty minutes."""

    submitted: int
    skipped: int
    tickets: int
    last_hour: int


def own_progress(queue: Queue, labeler: User, counted: int = 0) -> OwnProgress:
    """In one query: it is read with every ticket. counted: answers that will have been submitted when it is shown."""
    since = timezone.now() - timedelta(hours=1)
    recent = Lease.objects.filter(
        queue=OuterRef("queue"), labeler=OuterRef("labeler"), ended_at__gte=since, state=Lease.State.SUBMITTED
    )
    count = recent.order_by().values("labeler").annotate(n=Count("pk")).values("n")
    cursors = QueueCursor.objects.filter(queue=queue, labeler=labeler).annotate(recent=Subquery(count))
    submitted, skipped, last_hour = cursors.values_list("submitted", "skipped", "recent").first() or (0, 0, 0)
    tickets = queue.total // queue.overlap
    return OwnProgress(submitted + counted, skipped, tickets, last_hour=(last_hour or 0) + counted)


def last_answers(queue: Queue, labeler: User, limit: int = LAST_ANSWERS) -> list[Annotation]:
    """The labeler's last answers in a queue, the newest first, each as it stands now; on (labeler, queue, -ended_at)."""
    ended = Lease.objects.filter(queue=queue, labeler=labeler, state=Lease.State.SUBMITTED, ended_at__isnull=False)
    order = list(ended.order_by("-ended_at").values_list("example_id", flat=True)[:limit])
    rows = CurrentAnswer.objects.filter(
        example__in=order, author=labeler, source=Annotation.Source.HUMAN
    ).select_related("annotation__example__content", "annotation__lease")
    found = {row.example_id: row.annotation for row in rows}
    return [found[pk] for pk in order if pk in found]


def kept_drafts(queue: Queue, labeler: User, limit: int = LAST_ANSWERS) -> list[Lease]:
    """What the labeler wrote in a queue and does not count: the lease ran out, or the answer came too late. The newest first."""
    rows = Lease.objects.filter(queue=queue, labeler=labeler, draft__isnull=False).exclude(state=Lease.State.LIVE)
    return list(rows.exclude(draft={}).select_related("example__content").order_by("-ended_at")[:limit])


def queues_in_hand(project: Project, labeler: User) -> list[Queue]:
    """Queues of which the labeler holds a ticket, closed ones too; the one of the ticket that was shown first comes first."""
    live = Lease.objects.filter(queue__project=project, labeler=labeler, state=Lease.State.LIVE).select_related("queue")
    ordered = live.order_by(F("shown_at").asc(nulls_last=True), "created_at")
    return list({lease.queue_id: lease.queue for lease in ordered}.values())


def open_queues(project: Project) -> QuerySet[Queue]:
    return Queue.objects.filter(project=project, is_open=True).order_by("pk")


QUEUE_SOURCES = {
    "new": "New tickets, nobody has answered yet",
    "labelled": "Begun tickets: labelled in part by a file, or by fewer people than were asked",
    "unresolved": "Unresolved tickets, answers differ",
    "resolved": "Resolved tickets outside the test set, to check labels that came with a file",
    "all": "All tickets outside the test set",
}


def queue_tickets(project: Project, source: str, limit: int | None) -> QuerySet[Example]:
    """Tickets for a new queue, oldest first: none of the test set, none erased, none that stands in an open queue or, of a closed one, is
    still in somebody's hands."""
    now = timezone.now()
    rows = Example.objects.filter(project=project, erased_at=None).exclude(split=Split.TEST)
    if source != "all":
        rows = rows.filter(state=source)
    queues = Queue.objects.filter(project=project)
    in_hands = HandoutSlot.objects.filter(queue__in=queues, state=HandoutSlot.State.LEASED, leased_until__gte=now)
    rows = rows.exclude(handout_slots__queue__in=queues.filter(is_open=True)).exclude(pk__in=in_hands.values("example"))
    rows = rows.order_by("pk")
    return rows[:limit] if limit else rows


# ── sets ──


def settled_values(project: Project) -> dict[int, dict[str, Any]]:
    """Ticket → field → the value that counts, of all tickets that have one."""
    values: dict[int, dict[str, Any]] = {}
    labels = ResolvedLabel.objects.filter(example__project=project).values_list("example_id", "field", "value")
    for example, name, value in labels.iterator(chunk_size=5000):
        values.setdefault(example, {})[name] = value
    return values


def versions_of(project: Project, kind: str | None = None) -> QuerySet[DatasetVersion]:
    rows = DatasetVersion.objects.filter(project=project).select_related(
        "created_by", "evaluation_set", "task_revision"
    )
    return (rows.filter(kind=kind) if kind else rows).order_by("-pk")


# The version's items by (version, position), each ticket's labels by the unique (example, field). Only tickets of which a label was
# settled since (or none is left) are read and compared: of all others nothing can have changed. Items are NFC, labels as typed.
CHANGED_LABELS = """
SELECT i.content -> 'values', now.labels FROM (
  SELECT i.id FROM annotation_datasetitem i
  LEFT JOIN LATERAL (SELECT max(l.resolved_at) AS at FROM annotation_resolvedlabel l WHERE l.example_id = i.example_id) last ON true
  WHERE i.version_id = %s AND (last.at IS NULL OR last.at > %s) OFFSET 0
) touched
JOIN annotation_datasetitem i ON i.id = touched.id
JOIN annotation_example e ON e.id = i.example_id AND e.erased_at IS NULL
LEFT JOIN LATERAL (SELECT normalize(jsonb_object_agg(l.field, l.value)::text, NFC)::jsonb AS labels
                   FROM annotation_resolvedlabel l WHERE l.example_id = i.example_id) now ON true
WHERE i.content -> 'values' IS DISTINCT FROM now.labels
"""
SETTLED_BESIDE = timedelta(hours=1)
"""A label may have been settled before the version was frozen, in a transaction that ended after it."""


def changed_labels(version: DatasetVersion) -> int:
    """How many tickets of a version have other labels today than it was frozen with. Texts are frozen with control tokens made
    harmless, so the few that differ are looked at once more."""
    with connection.cursor() as cursor:
        cursor.execute(CHANGED_LABELS, [version.pk, version.created_at - SETTLED_BESIDE])
        differing = [(json.loads(frozen), json.loads(now or "{}")) for frozen, now in cursor.fetchall()]
    if not differing:
        return 0
    spec = version.task_revision.spec
    return sum(neutralise_values(spec, now)[0] != frozen for frozen, now in differing)


def item_page(version: DatasetVersion, split: str, *, start: int, size: int) -> tuple[list[DatasetItem], int | None]:
    """Items from a position on, and the position to go on from; None at the end."""
    rows = version.items.filter(position__gte=start)
    found = list((rows.filter(split=split) if split else rows).order_by("position")[: size + 1])
    return found[:size], found[size].position if len(found) > size else None


def answered_in(queue: Queue) -> int:
    return int(QueueCursor.objects.filter(queue=queue).aggregate(total=Sum("submitted"))["total"] or 0)
