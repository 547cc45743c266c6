"""Tickets: the list with its filters and search, and one ticket with all that was ever said of it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from annotation import selectors, services
from annotation.models import Example, Split
from ftplatform.keepable import shown
from ftplatform.keys import key_of
from ftplatform.projects.access import READERS, REVIEWERS, enter, enter_by

SIZES = (15, 50, 200)
SPLITS = [("", "All"), *((split, split.label) for split in Split), ("none", "No split")]
STATES = [("", "Any status"), *Example.State.choices]


@login_required
@require_GET
def tickets(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    asked = request.GET
    wanted = selectors.TicketFilter(
        split=_one_of(asked.get("split", ""), [value for value, _ in SPLITS]),
        state=_one_of(asked.get("state", ""), Example.State.values),
        q=shown(asked.get("q", "")).strip()[:200],
        flagged=asked.get("flagged") == "1",
    )
    size = next((one for one in SIZES if str(one) == asked.get("size")), SIZES[1])
    page = selectors.ticket_page(
        access.project, wanted, size=size, before=key_of(asked.get("before", "")), after=key_of(asked.get("after", ""))
    )
    query = asked.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    spec = access.project.task_revision.spec if access.project.task_revision else None
    context = {
        "access": access,
        "page": page,
        "wanted": wanted,
        "counts": selectors.counts_of(access.project),
        "spec": spec,
        "choice": spec.choice_fields[0] if spec and spec.choice_fields else None,
        "splits": SPLITS,
        "states": STATES,
        "query": query.urlencode(),
        "here": "tickets",
    }
    return render(request, "annotation/tickets.html", context)


def _one_of(value: str, known: list[str]) -> str:
    return value if value in known else ""


@login_required
@require_GET
def ticket(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    access, example = enter_by(
        request, Example.objects.select_related("content", "source"), READERS, project__slug=slug, pk=pk
    )
    reviews = bool(access.roles & REVIEWERS)
    spec = access.project.task_revision.spec if access.project.task_revision else None
    content = getattr(example, "content", None)
    inputs = content.inputs if content else {}
    context = {
        "access": access,
        "example": example,
        "glyph_name": selectors.STATE_GLYPHS[Example.State(example.state)],
        "inputs": [(column, inputs.get(column.name, "")) for column in spec.inputs] if spec else [],
        "raw": content.raw if content else {},
        "labels": example.resolved_labels.order_by("field"),
        "history": selectors.history(example),
        "thread": selectors.thread(example),
        "items": example.dataset_items.select_related("version").order_by("-version_id")[:20],
        "skips": selectors.skips(example) if reviews else [],
        "reviews": reviews,
        "here": "tickets",
    }
    return render(request, "annotation/ticket.html", context)


@login_required
@require_POST
def flag(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Marks a ticket for a second look, or takes the mark off."""
    access, example = enter_by(request, Example.objects.all(), REVIEWERS, project__slug=slug, pk=pk)
    flagged = request.POST.get("flagged") == "1"
    services.flag_example(example=example, flagged=flagged, by=access.actor)
    told = f"Ticket {example.pk} is flagged." if flagged else f"The flag of ticket {example.pk} is cleared."
    messages.success(request, told)
    return redirect("annotation:ticket", slug, pk)
