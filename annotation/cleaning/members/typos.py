"""Typing errors, corrected by dictionary: well-known misspellings, and slips that can only mean one frequent word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.slips import correction
from annotation.cleaning.text import WORD, Text
from annotation.cleaning.vocabulary import SERVED, known, zipf
from annotation.cleaning.wordlists import pairs

_LETTER = r"[^\W\d_]"
# A word of prose: nothing of an identifier, a path, a file name or a compound beside it.
_IN_PROSE = re.compile(
    rf"(?<![\w@#/\\.\-'’&=+$])(?<![.:]{{2}}){_LETTER}{{3,30}}(?:['’]{_LETTER}{{1,3}})?(?![\w@#/\\\-&=+$(]|['’.:]\w)"
)
_SENTENCE_BEGINS = re.compile(r"(?:\A|[.!?:…\n]['\"”’)]*|[-*•>])\s*$")
_NEAR = 40  # signs in which a neighbour is looked for
_FOREIGN = 3.5  # Zipf from which a misspelling is a common word of another language


@dataclass(frozen=True)
class _Settings:
    own: Mapping[str, str]
    protected: frozenset[str]


def prepare(*, dictionary: Mapping[str, str] | None = None, protect: Iterable[str] = ()) -> Look:
    """Corrects well-known misspellings of the text's language, and words in lower case that no language here has and that are
    one slip (a letter doubled, missing, too many, swapped with the next, an accent forgotten) from one frequent word, between
    neighbours that the language has.

    dictionary  misspelling → correction, for all texts, whatever their language; in lower case
    protect     words that are never touched, in any case: products, names, terms
    """
    own = {wrong.lower(): right for wrong, right in (dictionary or {}).items()}
    for wrong, right in own.items():
        if not re.fullmatch(rf"{_LETTER}{{3,30}}", wrong):
            raise CleaningInputError(f"dictionary: {wrong!r} is no single word of 3 to 30 letters")
        if again := [word for word in WORD.findall(right.lower()) if word in own]:
            raise CleaningInputError(
                f"dictionary: {right!r}, which corrects {wrong!r}, has the misspelling {again[0]!r}"
            )
    words = [protect] if isinstance(protect, str) else protect
    settings = _Settings(own, frozenset(part.lower() for word in words for part in WORD.findall(word)))
    return lambda text: _look(text, settings)


def _look(text: Text, settings: _Settings) -> Iterator[Change]:
    language = text.language
    if language is None and not settings.own:
        return
    odd = set(text.words).difference(_fine(language)).union(settings.own.keys() & set(text.words))
    if not odd:
        return
    value = text.value
    for word in WORD.finditer(value):
        if word[0].lower() not in odd:
            continue
        match = _IN_PROSE.match(value, word.start())
        right = _right(match, language, settings) if match else None
        if match and right and not text.is_fixed(*match.span()):
            yield Change(*match.span(), right[0].upper() + right[1:] if match[0][0].isupper() else right)


@cache
def _fine(language: str | None) -> frozenset[str]:
    """Words of the language that are no misspelling of it."""
    return frozenset(zipf(language)) - pairs("misspellings", language).keys() if language else frozenset()


def _right(match: re.Match[str], language: str | None, settings: _Settings) -> str | None:
    """What the word should be; None where it is right, not ours to say, or unclear."""
    word = match[0]
    lower = word.lower().replace("’", "'")
    if lower in settings.protected or word[1:] != word[1:].lower():
        return None
    if lower in settings.own:
        return settings.own[lower]
    if language is None:
        return None
    capital = word[0].isupper()
    if capital and language != "de" and not _begins_sentence(match):
        return None  # a name
    right = pairs("misspellings", language).get(lower)
    if right:
        return right if not _is_foreign(lower, language) or _among_own(match, language) else None
    if capital or lower in known() or not lower.isalpha() or not _among_own(match, language):
        return None
    return correction(lower, language)


def _begins_sentence(match: re.Match[str]) -> bool:
    return (
        _SENTENCE_BEGINS.search(match.string, max(0, match.start() - 10), match.start()) is not None
        or match.start() == 0
    )


def _is_foreign(word: str, language: str) -> bool:
    return any(zipf(other).get(word, 0) >= _FOREIGN for other in SERVED if other != language)


def _among_own(match: re.Match[str], language: str) -> bool:
    """Whether the words beside it, one at least, are words of the language in lower case: no name, no quotation."""
    value = match.string
    before = WORD.findall(value, max(0, match.start() - _NEAR), match.start())[-1:]
    after = WORD.findall(value, match.end(), match.end() + _NEAR)[:1]
    beside = before + after
    own = zipf(language)
    return bool(beside) and all(word in own or (word in before and word.lower() in own) for word in beside)


RULE = Rule(
    name="typos",
    title="Typing errors",
    prepare=prepare,
    leaves="Names and other capitalised words within sentences, all capitals, code, addresses, protected words, words that any of the "
    "languages has, texts whose language is not known.",
    source="Damerau 1964, Commun. ACM 7(3); words/README.md",
)
