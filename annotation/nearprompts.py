"""Prompts that are nearly the same: they go to one set together, and a dataset's card counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from annotation.neardup import near_duplicates
from annotation.splits import join_groups

THRESHOLD = 0.8
"""Jaccard of character 5-grams of the normalised prompts."""
MOST_CHARACTERS = 5_000_000
"""Of all prompts together: the join takes about a hundred bytes for each (see neardup)."""


@dataclass(frozen=True)
class NearPrompts:
    """groups: a number a prompt, equal for prompts that are near, also through others; None for one that stands alone.
    skipped: why nothing was compared, or empty."""

    groups: list[int | None]
    skipped: str = ""

    @property
    def sizes(self) -> list[int]:
        """How many prompts each group has, the largest first."""
        return sorted(Counter(group for group in self.groups if group is not None).values(), reverse=True)


def find_near_prompts(prompts: Sequence[str]) -> NearPrompts:
    """The near prompts among normalised ones; equal prompts are near, too."""
    characters = sum(map(len, prompts))
    if characters > MOST_CHARACTERS:
        why = f"{characters:,} characters of prompts are more than the {MOST_CHARACTERS:,} that are compared"
        return NearPrompts([None] * len(prompts), why)
    distinct = list(dict.fromkeys(prompts))
    linked = _linked(len(distinct), [(one, other) for one, other, _ in near_duplicates(distinct, THRESHOLD)])
    number = dict(zip(distinct, linked, strict=True))
    count = Counter(number[prompt] for prompt in prompts)
    return NearPrompts([number[prompt] if count[number[prompt]] > 1 else None for prompt in prompts])


def _linked(size: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """A group number a text, joined along the pairs. Each pair is an edge: its two ends share a key of their own."""
    edges = [at for pair in pairs for at in pair]
    keys: list[int | None] = [None] * size + [at // 2 for at in range(len(edges))]
    owners: list[int | None] = [*range(size), *edges]
    return join_groups(owners, keys)[:size]
