"""Spaces: one between words, none at the ends of lines, one empty line between paragraphs."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from annotation.cleaning.rule import Change, Look, Rule, least
from annotation.cleaning.spans import Span
from annotation.cleaning.text import Text

_BLANK = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_LINE_END = "\n\r\x0b\x0c\x85\u2028\u2029"
_ODD = (_BLANK + _LINE_END).replace(" ", "").replace("\n", "")
# All but a single space or line end between what shows.
_RUN = re.compile(f"[{_BLANK}{_LINE_END}](?:[{_BLANK}{_LINE_END}]+|(?<=[{_ODD}])|\\Z|(?<=\\A.))", re.DOTALL)
_RUNS = ("  ", " \n", "\n ", "\n\n\n")  # what there is to change where no space is odd
_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_FAR = 1 << 62
_LIST_ITEM = re.compile(r"(?:[-*+•]|\d{1,3}[.)])[ \t]")


def prepare() -> Look:
    """One space between words (also for tabs, no-break and typographic spaces), none at the ends of lines or of the text,
    line ends as \\n, at most one empty line between paragraphs. The indentation of list items stays, in spaces."""
    return _look


def _look(text: Text) -> Iterable[Change]:
    return () if text.is_plain and _is_tidy(text.value) else _changes(text)


def _changes(text: Text) -> Iterator[Change]:
    value = text.value
    for match in _RUN.finditer(value):
        start, end = match.span()
        run = match[0]
        if text.code:
            start, end = _outside_code(text.code, start, end)
            if start >= end:
                continue
            run = value[start:end]
        after = _wanted(value, start, end, run)
        if after != run:
            yield least(start, run, after)


def _is_tidy(value: str) -> bool:
    """Whether nothing is to change in a text whose spaces and ends of lines are those of ASCII."""
    if value.strip() != value:
        return False
    for run in _RUNS:  # noqa: SIM110 -- any() with its generator costs twice as much, and this runs on every text
        if run in value:
            return False
    return True


def _wanted(value: str, start: int, end: int, run: str) -> str:
    if start == 0 or end == len(value):
        return ""
    lines = _ENDS.split(run)
    if len(lines) == 1:
        return " "
    indent = lines[-1].expandtabs(4) if _LIST_ITEM.match(value, end) else ""
    return "\n" * min(len(lines) - 1, 2) + " " * len(indent)


def _outside_code(code: list[Span], start: int, end: int) -> Span:
    """The part of a run of spaces that is no code: code neither begins nor ends with spaces that this rule may change."""
    number = max(bisect_right(code, (start, _FAR)) - 1, 0)
    for code_start, code_end in code[number : number + 3]:
        if code_start <= start < code_end:
            start = min(code_end, end)
        elif start < code_start < end:
            end = code_start
    return start, end


RULE = Rule(
    name="whitespace",
    title="Whitespace",
    prepare=prepare,
    leaves="Code blocks, and the nesting of lists.",
    source="Unicode UAX 14, 5.1; UAX 44, White_Space",
)
