"""JSON in. What no database keeps in a text is refused here, once for all views."""

import re
from collections.abc import Iterator
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


class KeepableJSON(JSONParser):
    """DRF's parser, which refuses a NUL character or half of a surrogate pair anywhere in the body and says where it stands."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            value = super().parse(stream, media_type, parser_context)
            found = next(_unkeepable(value, ""), None)
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        if found is not None:
            raise ParseError(
                f"{found or 'The body'} holds a NUL character or half of a surrogate pair, which no text can keep; remove it."
            )
        return value


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
