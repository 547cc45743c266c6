"""A service's refusal on a page, and a database that is away: the reason in a sentence, what to do, and nothing lost."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from ftplatform.errors import Refused
from ftplatform.outage import RETRY_AFTER_SECONDS, database_is_away


class ErrorPages:
    """Turns a Refused that no view caught into a page with the frame, and an outage into one without. The API has its own handler."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if database_is_away(exception):
            page = render_to_string("503.html")  # without the request: who signed in stands in the database
            return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        if not isinstance(exception, Refused):
            return None
        return render(request, "errors/refused.html", {"refused": exception}, status=exception.status)
