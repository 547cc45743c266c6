"""A service's refusal on a page: the reason in a sentence, what to do, and nothing lost."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ftplatform.errors import Refused


class ErrorPages:
    """Turns a Refused that no view caught into a page with the frame. The API has its own handler."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refused):
            return None
        return render(request, "errors/refused.html", {"refused": exception}, status=exception.status)
