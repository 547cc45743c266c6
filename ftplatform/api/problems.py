"""Errors as RFC 9457 problem documents, made in this one place."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from ftplatform.errors import Refused
from ftplatform.outage import RETRY_AFTER_SECONDS, database_is_away

CONTENT_TYPE = "application/problem+json"
TITLES = {400: "Not accepted", 401: "Who are you?", 403: "Not allowed", 404: "Not found", 405: "Method not allowed",
          409: "Conflict", 413: "Too large", 415: "Media type", 422: "Not the same request", 429: "Too many requests",
          503: "Away for a moment", 507: "No space"}  # fmt: skip


def problem(
    status: int, detail: str, *, code: str = "", errors: list[dict[str, str]] | None = None, **more: Any
) -> Response:
    """A problem document: type, title, status, detail, code, errors: [{field, message}]."""
    body = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": detail}
    if code:
        body["code"] = code
    return Response({**body, "errors": errors or [], **more}, status=status, content_type=CONTENT_TYPE)


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None lets an unforeseen error become a 500 with its traceback in the log."""
    if isinstance(error, Refused):
        errors = [{"field": one.field, "message": one.message} for one in error.errors]
        return problem(error.status, error.message, code=error.code, errors=errors, **error.data)
    if isinstance(error, DjangoValidationError):
        errors = [{"field": "", "message": message} for message in error.messages]
        return problem(400, " ".join(error.messages), code="invalid", errors=errors)
    if isinstance(error, Http404):
        return problem(404, "There is no such thing here, or it is not yours to see.", code="not-found")
    if isinstance(error, PermissionDenied):
        return problem(403, str(error) or "Your role in this project does not allow it.", code="forbidden")
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flat(error.detail))
        return problem(400, "Some fields are not acceptable; each is listed.", code="invalid", errors=errors)
    if isinstance(error, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024**2
        return problem(413, f"The body is larger than {most} MB; send less at a time.", code="body-too-large")
    if database_is_away(error):
        away = problem(503, "The database is away for a moment; send the request again.", code="database-away")
        away["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return away
    answer = exception_handler(error, context)
    if answer is None:
        return None
    made = problem(answer.status_code, str(getattr(error, "detail", error)), code=getattr(error, "default_code", ""))
    for name in ("WWW-Authenticate", "Retry-After"):
        if name in answer:
            made[name] = answer[name]
    return made


def _flat(detail: Any, field: str = "") -> Any:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flat(inner, f"{field}.{name}" if field else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(inner, field)
    else:
        yield {"field": "" if field == "non_field_errors" else field, "message": str(detail)}
