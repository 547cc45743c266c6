"""Jobs: the list, one job with its events, cancel and resume."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from ftplatform.errors import Refused
from ftplatform.jobs import kinds, selectors, services
from ftplatform.jobs.models import Job
from ftplatform.keys import key_of
from ftplatform.projects.access import ADMIN, READERS, Access, enter
from ftplatform.ui.registries import job_href

PAGE = 50
EVENTS = 200


@login_required
@require_safe
def job_list(request: HttpRequest, slug: str) -> HttpResponse:
    access = enter(request, slug, READERS)
    jobs = selectors.jobs_of(access.project)
    before = key_of(request.GET.get("before", ""))
    if before is not None:
        jobs = jobs.filter(pk__lt=before)
    shown = list(jobs[: PAGE + 1])
    context = {
        "project": access.project,
        "jobs": shown[:PAGE],
        "older": shown[PAGE - 1].pk if len(shown) > PAGE else None,
        "worker_is_here": selectors.worker_is_here(now=timezone.now()),
    }
    return render(request, "jobs/list.html", context)


@login_required
@require_safe
def job_page(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The whole page, or for htmx only the part that moves; it asks again every two seconds while the job lives."""
    access = enter(request, slug, READERS)
    job, now = _job(access, pk), timezone.now()
    context = {
        "project": access.project,
        "job": job,
        "events": selectors.last_events(job, EVENTS),
        "href": job_href(job),
        "is_admin": access.is_admin,
        "lost_its_worker": job.has_lost_its_worker(now=now),
        "can_go_on": kinds.can_go_on(job.kind, job.error_code),
        "worker_is_here": selectors.worker_is_here(now=now),
    }
    part = request.headers.get("HX-Request") == "true"
    return render(request, "jobs/job_live.html" if part else "jobs/job.html", context)


@login_required
@require_POST
def cancel(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    try:
        services.cancel(job=_job(access, pk), by=access.actor)
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, "Asked to stop; what is complete is kept.")
    return redirect("jobs:job", slug, pk)


@login_required
@require_POST
def resume(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    access = enter(request, slug, ADMIN)
    try:
        services.resume(job=_job(access, pk), by=access.actor)
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, "Goes on from what is complete.")
    return redirect("jobs:job", slug, pk)


def _job(access: Access, pk: int) -> Job:
    return get_object_or_404(selectors.jobs_of(access.project), pk=pk)
