"""Suggests known names that are close to a misspelt one. Plain: the registries of every room and of the shelf share it."""

from collections.abc import Sequence
from difflib import get_close_matches


def hint(name: object, known: Sequence[str]) -> str:
    """The nearest of the known names, or all of them, in words that end an error's message."""
    near = get_close_matches(str(name), known, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
