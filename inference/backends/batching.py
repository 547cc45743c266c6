"""Which prompts are computed together: padded to the longest of a batch, they cost what they would if all were as long.

More batches pad less, and each costs what no row pays for: the prompts' shared beginning, and in each forward the reading of all
weights. The cut with the least cost is found by dynamic programming over the prompts by length.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """What a batch costs beside its padded tokens, in tokens of a large forward."""

    shared: int
    """Tokens that all prompts begin with, computed once a batch."""
    steps: int
    """Forwards that follow the first, as long as the longest answer may be."""
    a_forward: int
    """What a forward costs whatever its number of rows. On two cores and the embedded model one row takes 90 ms, 96 take 480."""


def cut(lengths: Sequence[int], *, most_rows: int, most_tokens: int, room: int, cost: Cost) -> list[int]:
    """How many of the prompts, in their order, each batch takes; the counts add up to ``len(lengths)``.

    lengths      tokens of each prompt, the longest first; ValueError where they are not so
    most_rows    of a batch, at least 1
    most_tokens  of a batch, each row padded and with `room` behind it; a single prompt may have more
    """
    if any(shorter > longer for longer, shorter in itertools.pairwise(lengths)):
        raise ValueError("the prompts have to come with the longest first")
    fixed = cost.shared + cost.a_forward * (1 + cost.steps)
    best: list[tuple[int, int]] = [(0, 0)]  # of the first n prompts: what they cost, and where their last batch begins
    for end in range(1, len(lengths) + 1):
        first = max(0, end - most_rows)
        best.append(
            min(
                (best[begin][0] + fixed + (end - begin) * (lengths[begin] - cost.shared), begin)
                for begin in range(first, end)
                if begin == end - 1 or (end - begin) * (lengths[begin] + room) <= most_tokens
            )
        )
    counts: list[int] = []
    end = len(lengths)
    while end:
        begin = best[end][1]
        counts.append(end - begin)
        end = begin
    return counts[::-1]


def shared_prefix_length(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences begin with in common."""
    for at, tokens in enumerate(zip(*sequences, strict=False)):
        if len(set(tokens)) > 1:
            return at
    return min(len(sequence) for sequence in sequences)
