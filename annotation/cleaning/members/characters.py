"""Signs that nobody sees: controls, zero-width signs, hidden directions, private and broken code points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.text import Text

_UNSEEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls but tab, the ends of lines (also U+0085, see whitespace)
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, fillers, Mongolian selectors
    "\u200b\u200c\u200d\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc"
    "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
    "]+"
)
_JOINERS = "\u200c\u200d"
_DIRECTIONS = "\u200e\u200f"
_PICTURE_JOINER = "\u200d"
_SELECTORS = "\ufe0e\ufe0f"  # as text, as picture
_TAGS = frozenset(map(chr, range(0xE0020, 0xE0080)))
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_JOINED_SCRIPTS = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\u1800-\u18af\ufb50-\ufdff\ufe70-\ufefc]"
)
_PICTURE = re.compile("[#*0-9\u00a9\u00ae\u200d\u203c-\u3299\ufe0f\u20e3\U0001f000-\U0001faff\U000e0020-\U000e007f]")
_FLAG = "\U0001f3f4"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def prepare() -> Look:
    """Takes out control characters (with terminal colours), zero-width signs, soft hyphens, marks of direction outside
    right-to-left writing, hidden tag characters, private-use, unassigned and unpaired code points."""
    return _look


def _look(text: Text) -> Iterable[Change]:
    return () if text.is_plain else _changes(text.value)


def _changes(value: str) -> Iterator[Change]:
    turns = _RIGHT_TO_LEFT.search(value) is not None
    place = 0
    for match in _UNSEEN.finditer(value):
        start, end = match.span()
        if start < place:
            continue
        if colour := _ANSI.match(value, start):
            place = colour.end()
            yield Change(start, place, "")
            continue
        place = end
        kept = "".join(sign for number, sign in enumerate(match[0], start) if _has_work(value, number, turns=turns))
        if kept != match[0]:
            yield Change(start, end, kept)


def _has_work(text: str, place: int, *, turns: bool) -> bool:
    """Whether the sign does something there: joins an emoji or letters, chooses a glyph, turns the direction of writing.

    turns  whether the text has letters that are written from right to left
    """
    sign, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    if sign in _SELECTORS:
        return _PICTURE.match(before) is not None
    if sign in _JOINERS:
        letters = _JOINED_SCRIPTS.match(before) and _JOINED_SCRIPTS.match(after)
        pictures = sign == _PICTURE_JOINER and _PICTURE.match(before) and _PICTURE.match(after)
        return bool(letters or pictures)
    if sign in _DIRECTIONS:
        return turns
    if sign in _TAGS:  # England, Scotland and Wales; anywhere else tags are a way to hide text
        flag = text.rfind(_FLAG, max(0, place - 7), place)
        return flag >= 0 and all(tag in _TAGS for tag in text[flag + 1 : place])
    return False


RULE = Rule(
    name="characters",
    title="Control and special characters",
    prepare=prepare,
    leaves="Tabs and ends of lines, joiners inside emoji and in scripts that need them, marks of direction in right-to-left texts.",
    source="Unicode 15.1, chapters 4.12 and 23",
)
