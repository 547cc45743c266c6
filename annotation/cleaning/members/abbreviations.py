"""Abbreviations written out by a glossary."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.text import Text
from annotation.cleaning.vocabulary import SERVED, WORD
from annotation.cleaning.wordlists import pairs

_SENTENCE_ENDS = re.compile(r"[ \t]*(?:\Z|\n)")


class _Entry(NamedTuple):
    """An abbreviation, ready to be looked for where its first word stands."""

    words: frozenset[str]
    pattern: re.Pattern[str]
    lead: int
    """Signs before its first word."""
    expansion: str
    is_lower: bool
    within: tuple[int, ...]
    """Where the abbreviation stands inside its own expansion: VPN in "virtual private network (VPN)"."""


_Index = Mapping[str, list[_Entry]]


def prepare(*, glossary: Mapping[str, str] | None = None, built_in: bool = True) -> Look:
    """Writes abbreviations out. An entry in lower case also stands for its capitalised form and, from four letters on, for
    that in capitals (ASAP; ABT may be anything), one with capitals only for itself. A space in it may be missing in the text:
    "z. B." is "z.B." too.

    glossary   abbreviation → expansion, for all languages; goes before the built-in ones
    built_in   whether the short lists of the five languages count, in texts of their language
    """
    own = dict(glossary or {})
    for abbreviation, expansion in own.items():
        if not WORD.search(abbreviation) or not isinstance(expansion, str) or not expansion.strip():
            raise CleaningInputError(
                f"glossary: {abbreviation!r} = {expansion!r} is no abbreviation with its expansion"
            )
    for language in SERVED if own else ():
        _refuse_circles({**(pairs("glossaries", language) if built_in else {}), **own})
    without_language = _index(own)
    indexes = {language: _with_built_in(language, own) if built_in else without_language for language in SERVED}
    return lambda text: _look(text, indexes, without_language)


def _look(text: Text, indexes: Mapping[str, _Index], without_language: _Index) -> Iterator[Change]:
    value = text.value
    index = indexes.get(text.language or "", without_language)
    words = text.vocabulary
    likely = {
        first: entries
        for first in index.keys() & words
        if (entries := [entry for entry in index[first] if entry.words <= words])
    }
    if not likely:
        return
    place = 0
    for word in WORD.finditer(value):
        for entry in likely.get(word[0].casefold(), ()):
            start = word.start() - entry.lead
            match = entry.pattern.match(value, start) if start >= place else None
            if match and not (
                text.is_fixed(*match.span()) or _is_acronym(match, entry) or _reads_so_already(value, start, entry)
            ):
                place = match.end()
                yield Change(start, place, _written_out(match, entry.expansion))
                break


def _written_out(match: re.Match[str], expansion: str) -> str:
    """The expansion with the match's capital, and its full stop where the sentence ends with it."""
    written = match[0]
    if written[0].isupper() and not (len(written) > 1 and written.isupper()):
        expansion = expansion[0].upper() + expansion[1:]
    ends = written.endswith(".") and not expansion.endswith(".") and _SENTENCE_ENDS.match(match.string, match.end())
    return expansion + "." if ends else expansion


def _is_acronym(match: re.Match[str], entry: _Entry) -> bool:
    """Whether capitals, that the glossary does not have, make another word of it."""
    return entry.is_lower and match[0].isupper() and 1 < len(match[0]) < 4 and match[0].isalpha()


def _reads_so_already(value: str, start: int, entry: _Entry) -> bool:
    """Whether the abbreviation is part of its expansion here already."""
    return any(offset <= start and value.startswith(entry.expansion[1:], start - offset + 1) for offset in entry.within)


def _with_built_in(language: str, own: Mapping[str, str]) -> _Index:
    return _index({**pairs("glossaries", language), **own}) if own else _built_in(language)


@cache
def _built_in(language: str) -> _Index:
    return _index(pairs("glossaries", language))


def _index(glossary: Mapping[str, str]) -> _Index:
    """Entries by the first word of the abbreviation in lower case, longer ones first."""
    index: dict[str, list[_Entry]] = defaultdict(list)
    for abbreviation in sorted(glossary, key=len, reverse=True):
        first = WORD.search(abbreviation)
        if first:
            index[first[0].casefold()].append(_entry(abbreviation, glossary[abbreviation], first.start()))
    return dict(index)


def _entry(abbreviation: str, expansion: str, lead: int) -> _Entry:
    anywhere = 0 if any(map(str.isupper, abbreviation)) else re.IGNORECASE
    parts = r"[ \u00a0\u202f]?".join(map(re.escape, abbreviation.split()))
    pattern = re.compile(rf"(?<![\w@/.\-'’]){parts}(?![\w@/\-'’]|\.\w)", anywhere)
    within = tuple(match.start() for match in pattern.finditer(expansion))
    return _Entry(frozenset(WORD.findall(abbreviation.casefold())), pattern, lead, expansion, bool(anywhere), within)


def _refuse_circles(glossary: Mapping[str, str]) -> None:
    """An expansion that holds an abbreviation whose own expansion leads back would grow for ever."""
    entries = {abbreviation: _entry(abbreviation, expansion, 0) for abbreviation, expansion in glossary.items()}
    holds = {
        one: {other for other, entry in entries.items() if other != one and entry.pattern.search(expansion)}
        for one, expansion in glossary.items()
    }
    while ready := [one for one, others in holds.items() if not others & holds.keys()]:
        for one in ready:
            del holds[one]
    if holds:
        raise CleaningInputError(f"glossary: the expansions of {', '.join(sorted(holds))} lead back to each other")


RULE = Rule(
    name="abbreviations",
    title="Abbreviations",
    prepare=prepare,
    leaves="Code, addresses, parts of longer words, and texts whose language is not known (but for a glossary of one's own).",
)
