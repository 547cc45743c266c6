"""Bodies in. What is too large for memory, and what no database keeps in a text, is refused here, once for all views."""

from io import BytesIO
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, JSONParser

from ftplatform.errors import Refused
from ftplatform.keepable import NAMED, unkeepable_place

DEEPEST = 64
"""Levels of a body: far more than any of ours has, and far fewer than Python or PostgreSQL take."""


def _bounded(stream: IO[bytes]) -> IO[bytes]:
    """The body, in memory. Django's own bound does not hold here: DRF reads the stream past it. Raises Refused."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = stream.read(most + 1)
    if len(body) > most:
        raise Refused(
            "body-too-large", f"The body is larger than {most // 1024**2} MB; send less at a time.", status=413
        )
    return BytesIO(body)


class BoundedForm(FormParser):
    """DRF's parser of forms without files, for bodies that fit."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return super().parse(_bounded(stream), media_type, parser_context)


class ShallowJSON(JSONParser):
    """DRF's parser, which refuses a body that is too large, or nested so deeply that nothing could walk it. For views that name the
    field of a text that cannot be kept, or keep what they can of it."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            value = super().parse(_bounded(stream), media_type, parser_context)
            _measure(value, DEEPEST)
        except RecursionError as error:
            raise ParseError(f"The body is nested more than {DEEPEST} levels deep.") from error
        return value


class KeepableJSON(ShallowJSON):
    """Refuses a NUL character or half of a surrogate pair anywhere in the body, too, and says where it stands."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        value = super().parse(stream, media_type, parser_context)
        if place := unkeepable_place(value):
            raise ParseError(f"{place} holds {NAMED}.")
        return value


def _measure(value: Any, levels: int) -> None:
    """Raises RecursionError where the value goes deeper than that many levels."""
    if levels < 0:
        raise RecursionError
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _measure(one, levels - 1)
