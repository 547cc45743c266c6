"""JSON in. What no database keeps in a text is refused here, once for all views."""

import re
from collections.abc import Iterator
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 64
"""Levels of a body: far more than any of ours has, and far fewer than Python or PostgreSQL take."""
UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


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
            raise ParseError(
                f"{place} holds a NUL character or half of a surrogate pair, which no text can keep; remove it."
            )
        return value


def _measure(value: Any, levels: int) -> None:
    """Raises RecursionError where the value goes deeper than that many levels."""
    if levels < 0:
        raise RecursionError
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _measure(one, levels - 1)


def unkeepable_place(value: Any) -> str:
    """Where the first text stands that cannot be kept, in words that begin a sentence; empty where there is none."""
    found = next(_unkeepable(value, ""), None)
    return "" if found is None else found or "The body"


def _unkeepable(value: Any, place: str) -> Iterator[str]:
    """The places of texts that cannot be kept, in order."""
    if isinstance(value, str):
        if UNKEEPABLE.search(value):
            yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            if UNKEEPABLE.search(name):
                yield f"A name in {place}" if place else "A name"
            yield from _unkeepable(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _unkeepable(inner, f"{place}.{at}" if place else str(at))
