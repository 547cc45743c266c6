"""JSON in. What no database keeps in a text is refused here, once for all views."""

from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from ftplatform.keepable import NAMED, unkeepable_place

DEEPEST = 64
"""Levels of a body: far more than any of ours has, and far fewer than Python or PostgreSQL take."""


class ShallowJSON(JSONParser):
    """DRF's parser, which refuses a body that is nested so deeply that nothing could walk it. For views that name the field of a
    text that cannot be kept, or keep what they can of it."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            value = super().parse(stream, media_type, parser_context)
            _measure(value, DEEPEST)
        except RecursionError as error:
            raise ParseError(f"The body is nested more than {DEEPEST} levels deep.") from error
        return value


class KeepableJSON(ShallowJSON):
    """Refuses a NUL character or half of a surrogate pair anywhere in the body, too, and says where it stands."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
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
