"""Slips of the pen: words that no language has, one stroke from exactly one frequent word.

Candidates come from words without one letter (Garbe's symmetric deletes, 2012); which strokes count as slips is kept narrow
(Damerau 1964: four single strokes are most of all errors), so that an inflected or rare word is not "corrected": the first
letter and the ending are never touched but by a doubled letter.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from functools import cache

from annotation.cleaning.vocabulary import zipf

SHORTEST = 5
FREQUENT = 4.0  # Zipf of a word that a slip may be corrected to: ten in a million
LEAD = 1.0  # by how much it has to be more frequent than the next candidate
COMPOUNDING = ("de", "sv")
LONG = 10
ENDING = 2  # letters that may be an inflection

_VOWELS = frozenset("aeiouyäöüåáéíóúàèìòùâêîôû")


def correction(word: str, language: str) -> str | None:
    """The word that was meant, in lower case, where there is no doubt. `word`: lower case, in no vocabulary."""
    if len(word) < SHORTEST:
        return None
    targets, shortened = _index(language)
    found = set(shortened.get(word, ()))
    for place in range(len(word)):
        less = word[:place] + word[place + 1 :]
        if less in targets:
            found.add(less)
        found.update(target for target in shortened.get(less, ()) if len(target) == len(word))
    likely = sorted(
        (target for target in found if _is_sure(word, target, language)), key=targets.__getitem__, reverse=True
    )
    if not likely or (len(likely) > 1 and targets[likely[0]] - targets[likely[1]] < LEAD):
        return None
    return likely[0]


def _is_sure(word: str, target: str, language: str) -> bool:
    """Whether the slip is one of a kind that the language allows: compounds and endings make many words of German and Swedish
    that no list has, so that only long words are corrected there by other strokes than swapping, doubling and accents."""
    if not is_slip(word, target):
        return False
    if language not in COMPOUNDING or len(word) >= LONG:
        return True
    same = len(word) == len(target)
    return (same and (sorted(word) == sorted(target) or _plain(word) == _plain(target))) or (
        not same and _is_doubled(word, target)
    )


def _plain(word: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFD", word) if not unicodedata.combining(sign))


def is_slip(word: str, target: str) -> bool:
    """Whether one stroke of the kinds that count leads from `target` to `word`."""
    if len(word) == len(target):
        return _is_swap(word, target) or _is_other_letter(word, target)
    places = _left_out(word, target)
    return len(places) > 1 or (len(places) == 1 and 0 < places[0] < min(len(word), len(target)) - ENDING)


def _is_doubled(word: str, target: str) -> bool:
    return len(_left_out(word, target)) > 1  # either of two equal letters can be left out


def _left_out(word: str, target: str) -> list[int]:
    """Places of the letters of the longer word without each of which it is the shorter one."""
    longer, shorter = (word, target) if len(word) > len(target) else (target, word)
    return [n for n in range(len(longer)) if longer[:n] + longer[n + 1 :] == shorter]


def _is_swap(word: str, target: str) -> bool:
    differ = [n for n, (one, other) in enumerate(zip(word, target, strict=True)) if one != other]
    if len(differ) != 2 or differ[0] == 0 or differ[1] != differ[0] + 1:
        return False
    first, second = differ
    return word[first] == target[second] and word[second] == target[first]


def _is_other_letter(word: str, target: str) -> bool:
    """An accent that is missing, anywhere; else a vowel for a vowel, neither first nor in the ending."""
    differ = [n for n, (one, other) in enumerate(zip(word, target, strict=True)) if one != other]
    if len(differ) != 1:
        return False
    place = differ[0]
    written, meant = word[place], target[place]
    if unicodedata.normalize("NFD", meant)[0] == written:
        return True
    return written in _VOWELS and meant in _VOWELS and 0 < place < len(word) - ENDING - 1


def _may_be_meant(word: str, language: str) -> bool:
    """Long enough to be sure of; in German also without ss, which is how the vocabulary writes ß."""
    return len(word) >= SHORTEST and word.isalpha() and not (language == "de" and "ss" in word)


@cache
def _index(language: str) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    """Frequent words, and what they are without one letter."""
    targets = {word: value for word, value in zipf(language, FREQUENT).items() if _may_be_meant(word, language)}
    shortened: dict[str, set[str]] = defaultdict(set)
    for word in targets:
        for place in range(len(word)):
            shortened[word[:place] + word[place + 1 :]].add(word)
    return targets, {word: tuple(sorted(meant)) for word, meant in shortened.items()}
