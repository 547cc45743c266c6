"""Rules made ready, and how they clean a text together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from annotation.cleaning.edits import Edit, Note, Places, apply_changes, compose
from annotation.cleaning.rule import Change, Look, Remark
from annotation.cleaning.text import Text

MOST_ROUNDS = 40
"""Rules end long before; this bounds what two that undo each other could do."""


@dataclass(frozen=True)
class CleanResult:
    """What cleaning made of a text.

    text      the cleaned text: `apply_edits(raw, edits)`
    edits     in order, apart, each with offsets in code points of the raw text; any of them may be left out
    notes     what a rule saw and left (ambiguous dates, lost letters), in order, with places in the raw text
    language  what the cleaned text is in, where a rule had to know it; None: not asked, another, or too little to tell
    """

    text: str
    edits: tuple[Edit, ...] = ()
    notes: tuple[Note, ...] = ()
    language: str | None = None


class Recipe:
    """Chosen rules with their options. Made by `prepare`; may be shared by threads."""

    def __init__(self, looks: Sequence[tuple[str, Look]], language: str | None) -> None:
        self._looks = tuple(looks)
        self._language = language

    @property
    def rules(self) -> list[str]:
        """Names of the rules, in the order in which they run."""
        return [name for name, _ in self._looks]

    def clean_many(self, texts: Iterable[str]) -> Iterator[CleanResult]:
        """Clean one text after the other."""
        return map(self.clean, texts)

    def clean(self, raw: str) -> CleanResult:
        """Clean one text.

        The rules take turns until each has looked at the text as it is and found nothing to change, so that one rule may
        uncover what another cleans, and cleaning the result again changes nothing.
        """
        text = Text(raw, self._language)
        edits: list[Edit] = []
        remarks: dict[str, list[Remark]] = {}
        number = quiet = 0
        while number < MOST_ROUNDS * len(self._looks):
            if quiet == len(self._looks):
                if text.is_in_its_language:
                    break
                text, quiet = Text(text.value, self._language), 0
            rule, look = self._looks[number % len(self._looks)]
            number += 1
            quiet += 1
            found = tuple(look(text))
            remarks[rule] = [one for one in found if isinstance(one, Remark)] if found else []
            if found and (changes := [one for one in found if isinstance(one, Change)]):
                edits = compose(edits, changes, rule, raw, text.value)
                text = text.changed(apply_changes(text.value, changes))
                quiet = 0
        return CleanResult(text.value, tuple(edits), _notes(raw, edits, remarks), text.known_language)


def _notes(raw: str, edits: list[Edit], remarks: dict[str, list[Remark]]) -> tuple[Note, ...]:
    """The remarks, which are about the cleaned text, with their places in the raw one."""
    if not any(remarks.values()):
        return ()
    places = Places(edits)
    found = []
    for rule, ones in remarks.items():
        for start, end, reason in ones:
            raw_start, raw_end = places.raw(start, end)
            found.append(Note(rule, raw_start, raw_end, raw[raw_start:raw_end], reason))
    return tuple(sorted(found, key=lambda note: (note.start, note.end)))
