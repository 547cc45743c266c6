"""Options of rules as they come from a caller: what is of the wrong type is told by the option's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from annotation.cleaning.errors import CleaningInputError


def words(option: str, value: Any) -> list[str]:
    """The strings of an option that takes one or several. Raises CleaningInputError where something else is given."""
    found = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else None
    if found is None or not all(isinstance(one, str) for one in found):
        raise CleaningInputError(f"{option}={value!r} is not a list of words")
    return found


def pairs(option: str, value: Any) -> dict[str, str]:
    """The strings by strings of an option, {} for None. Raises CleaningInputError where something else is given."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(side, str) for pair in value.items() for side in pair):
        raise CleaningInputError(f"{option}={value!r} is not a mapping of words to words")
    return dict(value)
