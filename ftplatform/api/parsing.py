"""JSON in. What no database keeps in a text is refused here, once for all views."""

import re
from collections.abc import Iterator
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

DEEPEST = 64
"""Levels of a body: far more than any of ours has, and far fewer than Python or PostgreSQL take."""
UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


class KeepableJSON(JSONParser):
    """DRF's parser, which refuses a NUL character or half of a surrogate pair anywhere in the body and says where it stands, and a
    body that is nested so deeply that nothing could walk it."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            value = super().parse(stream, media_type, parser_context)
            place = unkeepable_place(value)
        except RecursionError as error:
            raise ParseError(f"The body is nested more than {DEEPEST} levels deep.") from error
        if place:
            raise ParseError(
                f"{place} holds a NUL character or half of a surrogate pair, which no text can keep; remove it."
            )
        return value


def unkeepable_place(value: Any) -> str:
    """Where the first text stands that cannot be kept, in words that begin a sentence; empty where there is none. Raises
    RecursionError below DEEPEST levels."""
    found = next(_unkeepable(value, "", DEEPEST), None)
    return "" if found is None else found or "The body"


def _unkeepable(value: Any, place: str, levels: int) -> Iterator[str]:
    """The places of texts that cannot be kept, in order."""
    if levels < 0:
        raise RecursionError
    if isinstance(value, str):
        if UNKEEPABLE.search(value):
            yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            if UNKEEPABLE.search(name):
                yield f"A name in {place}" if place else "A name"
            yield from _unkeepable(inner, f"{place}.{name}" if place else name, levels - 1)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _unkeepable(inner, f"{place}.{at}" if place else str(at), levels - 1)
