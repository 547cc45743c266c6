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
    likely = sorted((target for target in found if is_slip(word, target)), key=targets.__getitem__, reverse=True)
    if not likely or (len(likely) > 1 and targets[likely[0]] - targets[likely[1]] < LEAD):
        return None
    return likely[0]


def is_slip(word: str, target: str) -> bool:
    """Whether one stroke of the kinds that count leads from `target` to `word`."""
    if len(word) == len(target):
        return _is_swap(word, target) or _is_other_letter(word, target)
    longer, shorter = (word, target) if len(word) > len(target) else (target, word)
    if len(longer) != len(shorter) + 1:
        return False
    places = [n for n in range(len(longer)) if longer[:n] + longer[n + 1 :] == shorter]
    if not places:
        return False
    doubled = len(places) > 1  # either of two equal letters can be left out
    return doubled or 0 < places[0] < len(shorter) - ENDING


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


@cache
def _index(language: str) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    """Frequent words, and what they are without one letter."""
    targets = {word: value for word, value in zipf(language, FREQUENT).items() if len(word) >= SHORTEST and word.isalpha()}
    shortened: dict[str, set[str]] = defaultdict(set)
    for word in targets:
        for place in range(len(word)):
            shortened[word[:place] + word[place + 1 :]].add(word)
    return targets, {word: tuple(sorted(meant)) for word, meant in shortened.items()}
