"""What a rule is: it looks at a text and says what it would change, and what it saw and left."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from annotation.cleaning.text import Text


class Change(NamedTuple):
    """Replace `text[start:end]` by `after`. Never empty: what is put in between replaces a neighbour together with itself,
    so that no two changes can begin at the same place."""

    start: int
    end: int
    after: str


def least(start: int, before: str, after: str) -> Change:
    """The change of `before`, which begins at `start`, without what stays the same at its ends; never empty."""
    most = min(len(before) - 1, len(after))
    low = 0
    while low < most and before[low] == after[low]:
        low += 1
    high = 0
    while high < most - low and before[-1 - high] == after[-1 - high]:
        high += 1
    return Change(start + low, start + len(before) - high, after[low : len(after) - high])


class Remark(NamedTuple):
    """Something that the rule saw at `text[start:end]` and left as it is."""

    start: int
    end: int
    reason: str


Look = Callable[[Text], Iterable[Change | Remark]]
"""Changes in order of their place, none touching another; remarks anywhere among them."""


@dataclass(frozen=True)
class Rule:
    """A member of the registry. `prepare(**options)` reads the options once and gives what looks at each text.

    A rule that is run on its own result must come to an end: each change has to lead towards a form that it leaves.
    """

    name: str
    title: str
    prepare: Callable[..., Look]
    leaves: str
    """What it does not touch, for the page where rules are chosen."""
    source: str = ""

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """Keyword-only parameters of `prepare`, by name."""
        parameters = inspect.signature(self.prepare).parameters.values()
        return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
