"""Indentation inside fenced code blocks: tabs as spaces, and no margin that all lines share."""

from __future__ import annotations

from collections.abc import Iterator

from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.text import Text

_BLANK = " \t"


def prepare(*, tab_width: int = 4) -> Look:
    """Inside fenced code blocks, and nowhere else: leading tabs become spaces, the margin that all lines share beyond the
    fence's own goes, and so do spaces at the ends of lines.

    tab_width  columns between tab stops
    """
    if not isinstance(tab_width, int) or not 1 <= tab_width <= 16:
        raise CleaningInputError(f"tab_width={tab_width!r} is not a whole number within 1–16")
    return lambda text: _changes(text, tab_width) if text.fences else ()


def _changes(text: Text, tab_width: int) -> Iterator[Change]:
    for fence in text.fences:
        lines = _lines(text.value, fence.body_start, fence.body_end)
        widths = [len(indent.expandtabs(tab_width)) for _, indent, code, _ in lines if code]
        own = len(fence.indent.expandtabs(tab_width))
        margin = max(min(widths, default=0) - own, 0)
        for start, indent, code, trailing in lines:
            wanted = " " * (len(indent.expandtabs(tab_width)) - margin) if code else ""
            if indent != wanted:
                yield Change(start, start + len(indent), wanted)
            if trailing:
                end = start + len(indent) + len(code) + len(trailing)
                yield Change(end - len(trailing), end, "")


def _lines(text: str, start: int, end: int) -> list[tuple[int, str, str, str]]:
    """Each line's place, indentation, code and the blanks behind it."""
    found = []
    for line in text[start:end].split("\n"):
        body = line.removesuffix("\r")
        code = body.strip(_BLANK)
        indent = body[: len(body) - len(body.lstrip(_BLANK))]
        found.append((start, indent, code, body[len(indent) + len(code) :]))
        start += len(line) + 1
    return found


RULE = Rule(
    name="code_indentation",
    title="Indentation of code",
    prepare=prepare,
    leaves="All text outside fenced code blocks, and the relative indentation inside.",
    source="CommonMark 0.31, 4.5",
)
