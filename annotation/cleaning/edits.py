"""Edits: what becomes of which code points of the raw text, and how edits of several rules become one list."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from annotation.cleaning.rule import Change


class Edit(NamedTuple):
    """`raw[start:end]`, which is `before`, becomes `after`. Offsets count code points of the raw text; start < end.

    `rule` is the rule that had the last word: where one changes what another has made, both are one edit.
    """

    rule: str
    start: int
    end: int
    before: str
    after: str


class Note(NamedTuple):
    """Something a rule saw at `raw[start:end]` and left, with the reason: an ambiguous date, a lost letter."""

    rule: str
    start: int
    end: int
    text: str
    reason: str


def apply_edits(raw: str, edits: Iterable[Edit]) -> str:
    """The text after the given edits of it: all of a result, or those that a person has accepted.

    Raises ValueError where an edit belongs to another text or overlaps another.
    """
    pieces: list[str] = []
    place = 0
    for edit in sorted(edits, key=lambda one: one.start):
        if edit.start < place or raw[edit.start : edit.end] != edit.before:
            raise ValueError(f"the edit at {edit.start}–{edit.end} does not fit this text, or overlaps another edit")
        pieces += (raw[place : edit.start], edit.after)
        place = edit.end
    pieces.append(raw[place:])
    return "".join(pieces)


def apply_changes(text: str, changes: Sequence[Change]) -> str:
    """The text after a rule's changes, which are in order and apart."""
    pieces: list[str] = []
    place = 0
    for start, end, after in changes:
        if not place <= start < end <= len(text):
            raise AssertionError(f"changes out of order, overlapping or empty at {start}–{end}")
        pieces += (text[place:start], after)
        place = end
    pieces.append(text[place:])
    return "".join(pieces)


def compose(first: Sequence[Edit], changes: Sequence[Change], rule: str, raw: str, middle: str) -> list[Edit]:
    """One list of edits of `raw` that does what `first` (raw → middle) and then `changes` (of `middle`) do.

    Edits and changes that overlap in `middle` become one edit under the later rule's name; one that restores the raw text
    goes. What only touches stays apart: the result's edits are in order, never empty and never overlap, so that any
    choice among them can be applied. O(len(first) + len(changes)).
    """
    found: list[Edit] = []
    shift = 0  # place in middle − place in raw, after all edits passed so far
    i = j = 0
    while j < len(changes):
        low, high, after = changes[j]
        if i < len(first):
            begins = first[i].start + shift
            ends = begins + len(first[i].after)
            if ends <= low:
                found.append(first[i])
                shift += _growth(first[i])
                i += 1
                continue
            low = min(low, begins) if begins < high else low
        raw_start = low - shift
        pieces = [middle[low : changes[j].start], after]
        place, high = high, high
        j += 1
        while True:  # take in whatever reaches into what is taken in
            if i < len(first) and first[i].start + shift < high:
                high = max(high, first[i].start + shift + len(first[i].after))
                shift += _growth(first[i])
                i += 1
            elif j < len(changes) and changes[j].start < high:
                pieces += (middle[place : changes[j].start], changes[j].after)
                place = changes[j].end
                high = max(high, place)
                j += 1
            else:
                break
        pieces.append(middle[place:high])
        raw_end = high - shift
        before, made = raw[raw_start:raw_end], "".join(pieces)
        if before != made:
            found.append(Edit(rule, raw_start, raw_end, before, made))
    found.extend(first[i:])
    return found


class Places:
    """Where places of the cleaned text lie in the raw one."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self._edits = edits
        self._starts: list[int] = []
        self._shifts = [0]
        for edit in edits:
            self._starts.append(edit.start + self._shifts[-1])
            self._shifts.append(self._shifts[-1] + _growth(edit))

    def raw(self, start: int, end: int) -> tuple[int, int]:
        """The raw span of the cleaned one; what lies inside an edit is the whole of that edit."""
        return self._place(start, after=False), self._place(end - 1, after=True)

    def _place(self, place: int, *, after: bool) -> int:
        passed = bisect_right(self._starts, place)
        if passed:
            edit = self._edits[passed - 1]
            if place < self._starts[passed - 1] + len(edit.after):
                return edit.end if after else edit.start
        return place - self._shifts[passed] + after


def _growth(edit: Edit) -> int:
    return len(edit.after) - (edit.end - edit.start)
