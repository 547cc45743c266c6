"""What no database keeps in a text: NUL, and half of a surrogate pair. Refused with its place, or shown as a sign of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")
NAMED = "a NUL character or half of a surrogate pair, which no text can keep; remove it"
STANDS_FOR_IT = "\N{REPLACEMENT CHARACTER}"


def is_keepable(text: str) -> bool:
    return UNKEEPABLE.search(text) is None


def shown(text: str) -> str:
    """The text with a sign of its own in the place of what cannot be kept."""
    return UNKEEPABLE.sub(STANDS_FOR_IT, text)


def storable(value: Any) -> Any:
    """The same JSON as it can be kept: half-done work is never refused for a character."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list) else value


def unkeepable_place(value: Any) -> str:
    """Where the first text of a JSON value stands that cannot be kept, in words that begin a sentence; empty where there is none."""
    found = next(_unkeepable(value, ""), None)
    return "" if found is None else found or "The body"


def _unkeepable(value: Any, place: str) -> Iterator[str]:
    """The places of texts that cannot be kept, in order."""
    if isinstance(value, str):
        if not is_keepable(value):
            yield place
    elif isinstance(value, dict):
        for name, inner in value.items():
            if not is_keepable(name):
                yield f"A name in {place}" if place else "A name"
            yield from _unkeepable(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _unkeepable(inner, f"{place}.{at}" if place else str(at))
