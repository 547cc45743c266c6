"""Prompts that are nearly the same: they go to one set together, and a dataset's card counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from annotation.neardup import clusters

THRESHOLD = 0.8
"""Jaccard of character 5-grams of the normalised prompts."""
FORM_SHARE = 0.2
"""A group of near prompts with more of all prompts than that is a form letter and no leak: what differs in it is the question."""

MOST_CHARACTERS = 20_000_000
"""Of all prompts together: the join takes some seconds and half a gigabyte for them (see neardup.expected_memory)."""


@dataclass(frozen=True)
class NearPrompts:
    """groups: one number per prompt, equal for prompts that are near, also through others; None for one that stands alone.
    skipped: why nothing was compared, or empty."""

    groups: list[int | None]
    skipped: str = ""

    @property
    def sizes(self) -> list[int]:
        """How many prompts each group has, the largest first."""
        return sorted(self._counts().values(), reverse=True)

    def without_forms(self) -> tuple[list[int | None], int]:
        """The groups without those that hold so many of the prompts that they are one form, filled in again and again; and the size of
        the largest of these, or 0."""
        forms = {group: size for group, size in self._counts().items() if size > FORM_SHARE * len(self.groups)}
        return [None if group in forms else group for group in self.groups], max(forms.values(), default=0)

    def _counts(self) -> Counter[int]:
        return Counter(group for group in self.groups if group is not None)


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
