"""Queues with everybody's progress, and what people could not agree on."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from annotation import selectors, services
from annotation.answers import fields_for, from_form, told
from annotation.forms import QueueForm
from annotation.models import Annotation, Example, Queue
from ftplatform.errors import Refused
from ftplatform.projects.access import ADMIN, LABELERS, READERS, REVIEWERS, enter, enter_by
from ftplatform.projects.selectors import required_task

UNRESOLVED_SHOWN = 50


@login_required
@require_http_methods(["GET", "POST"])
def labels(request: HttpRequest, slug: str) -> HttpResponse:
    """Queues and what waits for a review; a POST opens a queue."""
    access = enter(request, slug, ADMIN if request.method == "POST" else READERS)
    form = QueueForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            queue = services.open_queue(
                project=access.project,
                name=values["name"],
                examples=selectors.queue_tickets(access.project, values["source"], values["limit"]),
                overlap=values["overlap"],
                by=access.actor,
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, f"“{queue.name}” is open: {queue.total // queue.overlap} tickets.")
            return redirect("annotation:labels", slug)
    unresolved = selectors.ticket_page(
        access.project, selectors.TicketFilter(state=Example.State.UNRESOLVED), size=UNRESOLVED_SHOWN
    )
    context = {
        "access": access,
        "form": form,
        "queues": selectors.queues_of(access.project),
        "unresolved": unresolved,
        "counts": selectors.counts_of(access.project),
        "reviews": bool(access.roles & REVIEWERS),
        "labels": bool(access.roles & LABELERS),
        "here": "labels",
    }
    return render(request, "annotation/labels.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def close(request: HttpRequest, slug: str, queue: int) -> HttpResponse:
    access, found = enter_by(request, Queue.objects.all(), ADMIN, project__slug=slug, pk=queue)
    services.close_queue(queue=found, by=access.actor)
    messages.success(request, f"“{found.name}” is closed. Tickets in people’s hands may still be submitted.")
    return redirect("annotation:labels", slug)


@login_required
@require_POST
def reopen(request: HttpRequest, slug: str, queue: int) -> HttpResponse:
    access, found = enter_by(request, Queue.objects.all(), ADMIN, project__slug=slug, pk=queue)
    told = f"“{found.name}” is open again."
    if left_out := services.reopen_queue(queue=found, by=access.actor).left_out:
        told += f" {left_out:,} of its answers are asked for in another open queue by now, and no longer here."
    messages.success(request, told)
    return redirect("annotation:labels", slug)


@login_required
@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Everybody's answers to one ticket, and the reviewer's own, which then counts alone."""
    access, example = enter_by(
        request, Example.objects.select_related("content"), REVIEWERS, project__slug=slug, pk=pk, erased_at=None
    )
    revision = required_task(access.project.task_revision)
    answers = selectors.current_answers(example)
    values, note, errors = _agreed(answers), "", dict[str, str]()
    if request.method == "POST":
        values, errors = from_form(revision.spec, request.POST)
        note = request.POST.get("note", "")
        try:
            if errors:
                raise Refused("bad-value", next(iter(errors.values())))
            services.adjudicate(example=example, values=values, note=note, by=access.actor)
        except Refused as refused:
            errors = told(revision.spec, values, errors, refused)
        else:
            messages.success(request, f"Ticket {example.pk} is decided.")
            following = selectors.tickets(
                access.project, selectors.TicketFilter(state=Example.State.UNRESOLVED)
            ).first()
            if following is not None:
                return redirect("annotation:review", slug, following.pk)
            return redirect("annotation:labels", slug)
    context = {
        "access": access,
        "example": example,
        "spec": revision.spec,
        "inputs": [(column, example.content.inputs.get(column.name, "")) for column in revision.spec.inputs],
        "answers": answers,
        "fields": fields_for(revision.spec, values, errors=errors),
        "note": note,
        "problem": errors.get("", ""),
        "here": "labels",
    }
    return render(request, "annotation/review.html", context, status=422 if errors else 200)


def _agreed(answers: list[Annotation]) -> dict[str, Any]:
    """Where all people say the same, that stands in the form already; where they differ, nothing leans to either."""
    people = [one.values for one in answers if one.author_id is not None]
    if not people:
        return {}
    return {name: value for name, value in people[0].items() if all(one.get(name) == value for one in people)}
