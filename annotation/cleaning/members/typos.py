"""Typing errors, corrected by dictionary: well-known misspellings, and slips that can only mean one frequent word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from annotation.cleaning import options, slips
from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.text import Text
from annotation.cleaning.vocabulary import NEIGHBOURS, SERVED, WORD, known, zipf
from annotation.cleaning.wordlists import collected, pairs

_LETTER = r"[^\W\d_]"
# A word of prose: nothing of an identifier, a path, a file name or a compound beside it.
_IN_PROSE = re.compile(
    rf"(?<![\w@#/\\.\-&=+$])(?<![.:]{{2}}){_LETTER}{{3,30}}(?:'{_LETTER}{{1,2}}(?!{_LETTER}))?(?![\w@#/\\\-&=+$(]|['’.:]\w)"
)
_SENTENCE_BEGINS = re.compile(r"(?:\A|[.!?:…\n]['\"”’)]*|[-*•>])\s*$")
_NEAR = 40  # signs in which a neighbour is looked for
_COMMON = 3.5  # Zipf of a common word
_RATHER = 1.0  # by how much a word is more frequent in the language that it rather is of
EVERYDAY = 4.3  # and of the five thousand words that make up most of a text: they are looked up first, in less memory


@dataclass(frozen=True)
class _Settings:
    own: Mapping[str, str]
    protected: frozenset[str]


def prepare(*, dictionary: Mapping[str, str] | None = None, protect: Iterable[str] = ()) -> Look:
    """Corrects well-known misspellings of the text's language, and words in lower case that no language here has and that are
    one slip (a letter doubled, missing, too many, swapped with the next, an accent forgotten) from one frequent word or, in English,
    among some forty thousand misspellings that were collected, between neighbours that the language has.

    dictionary  misspelling → correction, for all texts, whatever their language; in lower case
    protect     words that are never touched, in any case: products, names, terms
    """
    own = {wrong.casefold(): right for wrong, right in options.pairs("dictionary", dictionary).items()}
    for wrong, right in own.items():
        if not re.fullmatch(rf"{_LETTER}{{3,30}}", wrong):
            raise CleaningInputError(f"dictionary: {wrong!r} is not a single word of 3 to 30 letters")
        if again := [word for word in WORD.findall(right.casefold()) if word in own]:
            raise CleaningInputError(
                f"dictionary: {right!r}, which corrects {wrong!r}, has the misspelling {again[0]!r}"
            )
    untouched = [*options.words("protect", protect), *own.values()]  # what the caller's dictionary says is right
    settings = _Settings(own, frozenset(part for word in untouched for part in WORD.findall(word.casefold())))
    return lambda text: _look(text, settings)


def _look(text: Text, settings: _Settings) -> Iterator[Change]:
    language = text.language
    if language is None and not settings.own:
        return
    corrections = _corrections(text, language, settings)
    if not corrections:
        return
    for word in WORD.finditer(text.value):
        found = corrections.get(word[0].casefold())
        if found is None or text.is_fixed(*word.span()):
            continue
        match = _IN_PROSE.match(text.value, word.start())
        if match and match.end() == word.end() and _is_meant(match, found, language):
            right = found.right[0].upper() + found.right[1:] if word[0][0].isupper() else found.right
            yield Change(*word.span(), right)


class _Correction(NamedTuple):
    """What a word in lower case should be, and who says so."""

    right: str
    by: Literal["caller", "list", "vocabulary"]
    abroad: tuple[str, ...] = ()
    """Languages of which the misspelling is a common word."""


def _corrections(text: Text, language: str | None, settings: _Settings) -> dict[str, _Correction]:
    """Corrections of those words that may need one, before their places are looked at."""
    words = text.vocabulary
    found = {word: _Correction(settings.own[word], "caller") for word in settings.own.keys() & words}
    if language:
        listed = pairs("misspellings", language)
        for word in words - _fine(language, EVERYDAY) - _fine(language):
            if word in found:
                continue
            if word in listed:
                found[word] = _listed(word, language)
            elif len(word) > 3 and word in text.value and (right := _slip(word, language)):  # slips are in lower case
                found[word] = _Correction(right, "vocabulary")
    return {word: correction for word, correction in found.items() if word not in settings.protected}


@cache
def _fine(language: str, least: float = 0.0) -> frozenset[str]:
    """Words of the language that are no misspelling of it and at least so frequent."""
    return frozenset(zipf(language, least)) - pairs("misspellings", language).keys()


def _listed(word: str, language: str) -> _Correction:
    others = (other for other in SERVED + NEIGHBOURS if other != language)
    abroad = tuple(other for other in others if zipf(other).get(word, 0) >= _COMMON)
    return _Correction(pairs("misspellings", language)[word], "list", abroad)


@lru_cache(maxsize=1 << 16)  # what one ticket misspells, others do
def _slip(word: str, language: str) -> str | None:
    if word in known() or not word.isalpha():
        return None
    typed = collected().get(word) if language == "en" else None
    return typed or slips.correction(word, language)


def _is_meant(match: re.Match[str], found: _Correction, language: str | None) -> bool:
    """Whether the word, in its place, is prose of the text's language: no name, no quotation, no code in capitals."""
    word = match[0]
    if word[1:] != word[1:].lower():
        return False
    if found.by == "caller" or language is None:
        return True
    capital = word[0].isupper()
    if capital and (found.by == "vocabulary" or (language != "de" and not _begins_sentence(match))):
        return False
    return (found.by == "list" and not found.abroad) or _among_own(match, language, found.abroad)


def _begins_sentence(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - 10) : match.start()]
    return _SENTENCE_BEGINS.search(before) is not None


def _among_own(match: re.Match[str], language: str, abroad: tuple[str, ...]) -> bool:
    """Whether the words beside it, one at least, are words of the language in lower case, and not rather of a language that has the
    word itself: no name, no quotation."""
    value = match.string
    before = WORD.findall(value, max(0, match.start() - _NEAR), match.start())[-1:]  # may begin a sentence
    after = WORD.findall(value, match.end(), match.end() + _NEAR)[:1]
    if (not before and not after) or after != [word.lower() for word in after]:
        return False
    return all(_is_own(word.casefold(), language, abroad) for word in before + after)


def _is_own(word: str, language: str, abroad: tuple[str, ...]) -> bool:
    if word in pairs("misspellings", language) or (language == "en" and word in collected()):
        return True
    frequency = zipf(language).get(word)
    return frequency is not None and all(zipf(other).get(word, 0) <= frequency + _RATHER for other in abroad)


RULE = Rule(
    name="typos",
    title="Typing errors",
    prepare=prepare,
    leaves="Names and other capitalised words within sentences, all capitals, code, also a single line of it, addresses, protected words, "
    "other words that any of the languages has, texts whose language is not known.",
    source="Damerau 1964, Commun. ACM 7(3); words/NOTICE, misspellings/NOTICE",
)
