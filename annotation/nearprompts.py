"""Prompts that are nearly the same: they go to one set together, and a dataset's card counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from annotation.neardup import clusters

THRESHOLD = 0.8
"""Jaccard of character 5-grams of the normalised prompts."""
MOST_CHARACTERS = 20_000_000
"""Of all prompts together: the join takes some seconds and half a gigabyte for them (see neardup.expected_memory)."""


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
    groups: list[int | None] = [None] * len(prompts)
    characters = sum(map(len, prompts))
    if characters > MOST_CHARACTERS:
        why = f"{characters:,} characters of prompts are more than the {MOST_CHARACTERS:,} that are compared"
        return NearPrompts(groups, why)
    for number, members in enumerate(clusters(prompts, THRESHOLD)):
        for prompt in members:
            groups[prompt] = number
    return NearPrompts(groups)
