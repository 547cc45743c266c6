"""Whether a number with points belongs to a version, a chapter or the like, which the word before it says."""

from __future__ import annotations

import re

_NUMBERED = re.compile(
    r"(?:\bv|\bver|(?:\b|app)versi[oó]n(?:en|snummer)?|release|firmware|build|section|chapter|clause|secci[oó]n|cap[ií]tulo|art[ií]culo|abschnitt|kapitel|chapitre|"
    r"article|avsnitt|§)(?: (?:is|ist|es|est|är|now|number|nummer|n[úu]mero|num[ée]ro|nr\.?|no\.?|n°)){0,2}[ .:=]{0,3}\Z",
    re.IGNORECASE,
)
_FARTHEST = 32  # signs before the number in which the word stands


def is_numbered(text: str, start: int) -> bool:
    """Whether the number at `start` is named as that of a version, a build, a section: "version 10.11.2023", but not "version of …"."""
    return _NUMBERED.search(text, max(0, start - _FARTHEST), start) is not None
