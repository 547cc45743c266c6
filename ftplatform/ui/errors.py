"""Django's error handlers: a page with the frame, or below /api/ a problem document also where no view was found."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from ftplatform.api.problems import CONTENT_TYPE, TITLES


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 400, "The request is broken or too large.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, str(exception) or "Your role does not allow it.", exception=str(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, "There is no such thing here, or it is not yours to see.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, 500, "Something broke on our side; it was written into the server's log.")


def _answer(request: HttpRequest, status: int, detail: str, **context: Any) -> HttpResponse:
    if request.path.startswith("/api/"):
        body = {
            "type": "about:blank",
            "title": TITLES.get(status, "Error"),
            "status": status,
            "detail": detail,
            "errors": [],
        }
        return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
    return render(request, f"{status}.html", context, status=status)
