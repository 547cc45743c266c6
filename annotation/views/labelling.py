"""The labeler's page: one ticket, its fields, and what a hand needs to get through a hundred of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotation import selectors, services
from annotation.answers import NOTE, UNSURE, fields_for, from_form, told
from annotation.models import Annotation, Example, Lease, Queue
from annotation.services.labelling import MOST_SECONDS
from ftplatform.errors import Conflict, Refused
from ftplatform.keys import key_of
from ftplatform.projects.access import LABELERS, Access, enter_by


@login_required
@require_http_methods(["GET", "POST"])
def label(request: HttpRequest, slug: str, queue: int) -> HttpResponse:
    """The ticket in the labeler's hands; a POST submits it and shows the next. A refusal keeps what was typed."""
    access, found = _queue(request, slug, queue)
    if request.method == "POST":
        return _submit(request, access, found)
    return _next(request, access, found)


def _next(request: HttpRequest, access: Access, queue: Queue, ahead: str = "") -> HttpResponse:
    """The next ticket; no content where it is the one that the page has `ahead`: it is on the screen at once then."""
    context: dict[str, Any] = {"access": access, "queue": queue, "queue_name": queue.name}
    try:
        lease = services.take_lease(queue=queue, labeler=access.user)
    except Conflict:  # it is closed, and nothing of it is in these hands: the page says so
        lease = None
    if lease is not None and str(lease.pk) == ahead:
        return HttpResponse(status=204)
    if lease is not None:
        return _page(request, access, lease)
    context["drafts"] = selectors.kept_drafts(queue, access.user)
    context["progress"] = selectors.own_progress(queue, access.user)
    context["answered"] = selectors.answered_in(queue)
    return render(request, "annotation/queue_empty.html", context)


@login_required
@require_GET
def ahead(request: HttpRequest, slug: str, queue: int, lease: UUID) -> HttpResponse:
    """The page of the ticket after this one, fetched while this one is read. Nobody has seen it until this one is submitted."""
    access, found = _queue(request, slug, queue)
    held = _lease(access, found, str(lease))
    try:
        following = services.take_lease(queue=found, labeler=access.user, after=held)
    except Conflict:
        following = None
    if following is None:
        return HttpResponse(status=204)
    answer = _page(request, access, following, counted=1)
    answer["X-Lease"] = str(following.pk)
    return answer


def _page(
    request: HttpRequest,
    access: Access,
    lease: Lease,
    *,
    values: dict[str, Any] | None = None,
    note: str | None = None,
    errors: dict[str, str] | None = None,
    counted: int = 0,
    status: int = 200,
) -> HttpResponse:
    """counted: answers that are not submitted yet but will be when the page is shown."""
    lease = Lease.objects.select_related("queue__task_revision", "example__content", "example__source").get(pk=lease.pk)
    spec = lease.queue.task_revision.spec
    draft = dict(lease.draft or {})
    drafted_note, drafted_doubt = draft.pop(NOTE, ""), draft.pop(UNSURE, False)
    context = {
        **_ticket(lease.queue, lease.example),
        "access": access,
        "lease": lease,
        "fields": fields_for(
            spec,
            draft if values is None else values,
            suggestions=list(lease.example.suggestions.all()),
            errors=errors,
        ),
        "note": drafted_note if note is None else note,
        "has_draft": bool(lease.draft),
        "is_refused": errors is not None,
        "unsure": drafted_doubt if errors is None else "unsure" in request.POST,
        "problem": (errors or {}).get("", ""),
        "progress": selectors.own_progress(lease.queue, access.user, counted=counted),
    }
    return render(request, "annotation/label.html", context, status=status)


def _ticket(queue: Queue, example: Example) -> dict[str, Any]:
    """What of a ticket a labeler reads. Columns that brought labels are not shown: they would be copied, not checked."""
    spec = queue.task_revision.spec
    inputs = example.content.inputs
    first = spec.inputs[0]
    mapping = example.source.mapping if example.source else {}
    brought = {column for column, target in mapping.items() if target.startswith("field:")}
    return {
        "queue": queue,
        "queue_name": queue.name,
        "example": example,
        "spec": spec,
        "text": inputs.get(first.name, ""),
        "more_inputs": [(column, inputs.get(column.name, "")) for column in spec.inputs[1:]],
        "raw": {column: text for column, text in example.content.raw.items() if column not in brought},
        "thread": [(one, one.content.inputs.get(first.name, "")) for one in selectors.thread(example)],
    }


def _submit(request: HttpRequest, access: Access, queue: Queue) -> HttpResponse:
    lease = _lease(access, queue, request.POST.get("lease", ""))
    values, errors = from_form(queue.task_revision.spec, request.POST)
    note = request.POST.get("note", "")
    try:
        if errors:
            raise Refused("bad-value", next(iter(errors.values())))
        services.submit_annotation(
            lease=lease,
            values=values,
            seconds=_seconds(request.POST.get("seconds", "")),
            note=note,
            is_unsure="unsure" in request.POST,
            by=access.actor,
        )
    except Conflict as conflict:
        return _too_late(request, access, lease, conflict, values, note)
    except Refused as refused:
        said = told(queue.task_revision.spec, values, errors, refused)
        return _page(request, access, lease, values=values, note=note, errors=said, status=422)
    if request.htmx:  # type: ignore[attr-defined]  # the next ticket in the same answer: no second trip
        return _next(request, access, queue, ahead=request.POST.get("ahead", ""))
    return redirect("annotation:label", access.project.slug, queue.pk)


def _too_late(
    request: HttpRequest, access: Access, lease: Lease, conflict: Conflict, values: dict[str, Any], note: str
) -> HttpResponse:
    """What was typed, with the reason why it does not count. Where the labeler has submitted the ticket in another tab, saving this
    makes it a revision of that answer."""
    lease = Lease.objects.select_related("queue__task_revision", "example__content", "example__source").get(pk=lease.pk)
    submitted = lease.annotations.first()
    answer = selectors.newest_of(submitted) if submitted else None
    context = {
        **_ticket(lease.queue, lease.example),
        "access": access,
        "answer": answer,
        "conflict": conflict.message,
        "held": lease,
        "fields": fields_for(lease.queue.task_revision.spec, values),
        "note": note,
        "unsure": "unsure" in request.POST,
        "progress": selectors.own_progress(lease.queue, access.user),
    }
    return render(request, "annotation/label.html", context, status=conflict.status)


def _seconds(text: str) -> float | None:
    """The time that the page measured, where it can be believed."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= MOST_SECONDS else None


@login_required
@require_POST
def draft(request: HttpRequest, slug: str, queue: int, lease: UUID) -> HttpResponse:
    """Keeps half-done work: the form as it stands and the revision that it grew from. Answers the next revision."""
    access, found = _queue(request, slug, queue)
    held = _lease(access, found, str(lease))
    values, _ = from_form(found.task_revision.spec, request.POST)
    kept: dict[str, Any] = dict(values)
    if note := request.POST.get("note", "").strip():
        kept[NOTE] = note
    if "unsure" in request.POST:
        kept[UNSURE] = True
    revision = key_of(request.POST.get("revision", ""))
    if revision is None:
        return JsonResponse({"detail": "This page is out of date; reload it."}, status=400)
    try:
        saved = services.save_draft(lease=held, draft=kept, revision=revision)
    except Refused as refused:
        return JsonResponse({"detail": refused.message, **refused.data}, status=refused.status)
    return JsonResponse({"revision": saved.draft_revision})


@login_required
@require_POST
def skip(request: HttpRequest, slug: str, queue: int, lease: UUID) -> HttpResponse:
    access, found = _queue(request, slug, queue)
    try:
        services.skip_lease(
            lease=_lease(access, found, str(lease)), reason=request.POST.get("reason", ""), by=access.actor
        )
    except Conflict as conflict:
        messages.warning(request, conflict.message)
    return redirect("annotation:label", slug, queue)


@login_required
@require_POST
def flag(request: HttpRequest, slug: str, queue: int, lease: UUID) -> HttpResponse:
    """Marks the ticket for a second look, or takes the mark off; answers the button."""
    access, found = _queue(request, slug, queue)
    held = _lease(access, found, str(lease))
    services.flag_example(example=held.example, flagged=request.POST.get("flagged") == "1", by=access.actor)
    held.example.refresh_from_db(fields=["is_flagged"])
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("annotation:label", slug, queue)
    return render(
        request, "annotation/flag.html", {"access": access, "queue": found, "lease": held, "example": held.example}
    )


# ── one's own last answers ──


@login_required
@require_GET
def mine(request: HttpRequest, slug: str, queue: int) -> HttpResponse:
    access, found = _queue(request, slug, queue)
    first = found.task_revision.spec.inputs[0].name
    answers = [(one, one.example.content.inputs.get(first, "")) for one in selectors.last_answers(found, access.user)]
    drafts = [_kept(found, one) for one in selectors.kept_drafts(found, access.user)]
    context = {"access": access, "queue": found, "queue_name": found.name, "answers": answers, "drafts": drafts}
    return render(request, "annotation/mine.html", context)


def _kept(queue: Queue, lease: Lease) -> tuple[Lease, str, str]:
    """(lease, the ticket's text, the draft as lines to be copied)."""
    spec = queue.task_revision.spec
    draft = dict(lease.draft or {})
    lines = [f"{one.heading}: {draft[one.name]}" for one in spec.fields if one.name in draft]
    if note := draft.get(NOTE):
        lines.append(f"Note: {note}")
    if draft.get(UNSURE):
        lines.append("Not sure")
    return lease, lease.example.content.inputs.get(spec.inputs[0].name, ""), "\n".join(lines)


@login_required
@require_GET
def undo(request: HttpRequest, slug: str, queue: int) -> HttpResponse:
    """Opens the labeler's last answer."""
    access, found = _queue(request, slug, queue)
    last = next(iter(selectors.last_answers(found, access.user, 1)), None)
    if last is None or last.lease is None:
        messages.warning(request, "You have submitted nothing in this queue yet.")
        return redirect("annotation:label", slug, queue)
    # Not always this queue: a later one may have asked for the ticket again.
    return redirect("annotation:revise", slug, last.lease.queue_id, last.pk)


@login_required
@require_http_methods(["GET", "POST"])
def revise(request: HttpRequest, slug: str, queue: int, annotation: int) -> HttpResponse:
    """An own answer, opened again as it stands now, with a way to the one before it. Saving writes a new one that supersedes it; the
    old one stays in the ticket's history. Where another tab or the back button had an older one, what was typed stands beside the newer, and is saved over it."""
    access, found = _queue(request, slug, queue)
    answer = get_object_or_404(
        Annotation.objects.select_related("example__content", "example__source", "lease__queue"),
        pk=annotation,
        author=access.user,
        lease__queue=found,
    )
    newest = selectors.newest_of(answer)
    if request.method == "GET" and newest.pk != answer.pk and newest.lease:
        return redirect("annotation:revise", slug, newest.lease.queue_id, newest.pk)
    spec = found.task_revision.spec  # not the answer's own: it is revised under the task as it is now
    values, note, unsure, status = answer.values, answer.note, answer.is_unsure, 200
    errors: dict[str, str] = {}
    if request.method == "POST":
        values, errors = from_form(spec, request.POST)
        note, unsure = request.POST.get("note", ""), "unsure" in request.POST
        try:
            if errors:
                raise Refused("bad-value", next(iter(errors.values())))
            services.revise_annotation(annotation=answer, values=values, note=note, is_unsure=unsure, by=access.actor)
        except Refused as refused:
            errors = told(spec, values, errors, refused)
            status = refused.status if refused.status == 409 else 422
        else:
            messages.success(request, f"Your answer to ticket {answer.example_id} is changed.")
            return redirect("annotation:label", slug, queue)
        newest = selectors.newest_of(answer)
    last = selectors.last_answers(found, access.user)
    place = next((at for at, one in enumerate(last, 1) if one.pk == newest.pk), None)
    context = {
        **_ticket(found, answer.example),
        "access": access,
        "answer": newest,
        "is_changed": newest.pk != answer.pk,
        "fields": fields_for(spec, values, errors=errors),
        "note": note,
        "unsure": unsure,
        "problem": "" if newest.pk != answer.pk else errors.get("", ""),
        "place": place,
        "last": last,
        "before": last[place] if place and place < len(last) else None,
        "progress": selectors.own_progress(found, access.user),
    }
    return render(request, "annotation/label.html", context, status=status)


def _queue(request: HttpRequest, slug: str, queue: int) -> tuple[Access, Queue]:
    return enter_by(request, Queue.objects.select_related("task_revision"), LABELERS, project__slug=slug, pk=queue)


def _lease(access: Access, queue: Queue, key: str) -> Lease:
    """The caller's own lease in this queue; anybody else's does not exist."""
    try:
        wanted = UUID(key)
    except ValueError:
        raise Http404 from None
    return get_object_or_404(
        Lease.objects.select_related("example__project"), pk=wanted, queue=queue, labeler=access.user
    )
