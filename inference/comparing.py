"""Two answers beside each other: where their words differ, and which items they differ most on.

Scores of single items are kept by the room above (a scorecard); it registers how to read them, so that nothing imports upwards.
What can be told from the answers alone (was the choice right, how long is the text) is worked out here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.models import GenerationCell

MOST_TOKENS = 1600
"""Words and signs of one text that are compared: the comparison is quadratic at worst, and a longer pair is not read by marks."""

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")


# ── words ──


@dataclass(frozen=True)
class Piece:
    text: str
    differs: bool


def word_differences(left: str, right: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces; what stands only on one side differs. The pieces of a side joined are its text.

    Spaces alone between two differing words differ too: marks are read as phrases. Texts that are too long, or that share no
    word, come back unmarked: a page that is marked from top to bottom tells nothing.
    """
    tokens = _TOKEN.findall(left), _TOKEN.findall(right)
    if max(map(len, tokens)) > MOST_TOKENS or left == right:
        return [Piece(left, False)], [Piece(right, False)]
    matcher = difflib.SequenceMatcher(None, *tokens, autojunk=False)
    differs = [True] * len(tokens[0]), [True] * len(tokens[1])
    for block in matcher.get_matching_blocks():
        for side, start in ((0, block.a), (1, block.b)):
            differs[side][start : start + block.size] = [False] * block.size
    pieces = [_pieces(one, _bridged(one, marks)) for one, marks in zip(tokens, differs, strict=True)]
    return pieces[0], pieces[1]


def _bridged(tokens: Sequence[str], differs: list[bool]) -> list[bool]:
    """Marks the spaces between two marked tokens, and unmarks spaces that stand alone."""
    for at, token in enumerate(tokens):
        if token.isspace():
            before = at > 0 and differs[at - 1]
            differs[at] = before and at + 1 < len(tokens) and differs[at + 1]
    return differs


def _pieces(tokens: Sequence[str], differs: Sequence[bool]) -> list[Piece]:
    pieces: list[Piece] = []
    for token, mark in zip(tokens, differs, strict=True):
        if pieces and pieces[-1].differs == mark:
            pieces[-1] = Piece(pieces[-1].text + token, mark)
        else:
            pieces.append(Piece(token, mark))
    return pieces


# ── scores of single items ──


@dataclass(frozen=True)
class ItemScores:
    """One metric of one cell. values: one per item, in the order of the split's items; None where there is none.

    more_is_better is None where neither is: the length of an answer.
    """

    name: str
    title: str
    values: Sequence[float | None]
    more_is_better: bool | None = True


ScoresProvider = Callable[["GenerationCell"], Sequence[ItemScores]]
"""provider(cell) → the metrics that the room above keeps for single items of this cell; none is an empty list."""

_providers: list[ScoresProvider] = []


def register_scores(provider: ScoresProvider) -> None:
    if provider not in _providers:
        _providers.append(provider)


def kept_scores(cell: GenerationCell) -> dict[str, ItemScores]:
    """name → what the rooms above keep for the cell's items."""
    return {scores.name: scores for provider in _providers for scores in provider(cell)}


@dataclass(frozen=True)
class Difference:
    """right − left on one metric; `gain` turned so that more is better, None where an item has no score on both sides."""

    metric: ItemScores
    by_item: list[float | None]

    def gain(self, at: int) -> float | None:
        value = self.by_item[at]
        return value if value is None or self.metric.more_is_better is not False else -value


def difference(left: ItemScores, right: ItemScores) -> Difference:
    """Raises ValueError when the two are not of the same items."""
    by_item = [
        None if a is None or b is None else b - a for a, b in zip(left.values, right.values, strict=True)
    ]  # fmt: skip
    return Difference(right, by_item)


def order(found: Difference, show: str) -> list[int]:
    """Places of the items to list, the telling ones first. show: largest, worse, better or all (in the set's order)."""
    gains = [(found.gain(at), at) for at in range(len(found.by_item))]
    known = [(gain, at) for gain, at in gains if gain is not None]
    if show == "worse":
        return [at for gain, at in sorted(known) if gain < 0]
    if show == "better":
        return [at for gain, at in sorted(known, key=lambda one: (-one[0], one[1])) if gain > 0]
    if show == "largest":
        return [at for gain, at in sorted(known, key=lambda one: (-abs(one[0]), one[1])) if gain]
    return list(range(len(found.by_item)))
