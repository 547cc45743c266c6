"""What machines ask: is the process alive, can it work, how is it doing. Anybody may ask, so an error's own text goes to the log."""

import logging

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from ftplatform.jobs import selectors as jobs

AWAY = "away"
log = logging.getLogger(__name__)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Database, broker and a worker, each with its word; 503 when one is missing."""
    found = {"database": _database(), "broker": _broker()}
    found["worker"] = (
        "unknown"
        if found["database"] != "ok"
        else "ok"
        if jobs.worker_is_here(now=timezone.now())
        else "none has reported within a minute"
    )
    ready = all(word == "ok" for word in found.values())
    return JsonResponse({"ready": ready, **found}, status=200 if ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: jobs by state, and whether a worker is here."""
    lines = ["# HELP ft_jobs Live jobs by state.", "# TYPE ft_jobs gauge"]
    lines += [f'ft_jobs{{state="{state}"}} {count}' for state, count in sorted(jobs.live_counts().items())]
    lines += ["# HELP ft_worker_up A worker reported within a minute.", "# TYPE ft_worker_up gauge"]
    lines.append(f"ft_worker_up {int(jobs.worker_is_here(now=timezone.now()))}")
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        log.warning("readyz: the database is away: %s", error)
        return AWAY
    return "ok"


def _broker() -> str:
    try:
        cache.get("readyz")
    except RedisError as error:
        log.warning("readyz: the broker is away: %s", error)
        return AWAY
    return "ok"
