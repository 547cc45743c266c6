"""Slips of the pen: words that no language has, one stroke from exactly one frequent word.

Candidates come from words without one letter (Garbe's symmetric deletes, 2012); which strokes count as slips is kept narrow
(Damerau 1964: four single strokes are most of all errors), so that an inflected or rare word is not "corrected": the first
letter and the ending are never touched but by a doubled letter.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from functools import cache
from typing import Literal

from annotation.cleaning.vocabulary import zipf

FREQUENT = 4.0  # Zipf of a word that a slip may be corrected to: ten in a million
LEAD = 1.0  # by how much it has to be more frequent than the next candidate
ENDING = 2  # letters that may be an inflection

Kind = Literal["swapped", "doubled", "accent", "letter", "vowel"]
# How long a word has to be, so that nothing else is likely meant. Compounds and endings make many words of German and Swedish that
# no list has.
SHORTEST: dict[Kind, int] = {"swapped": 5, "doubled": 5, "accent": 5, "letter": 6, "vowel": 7}
SHORTEST_OF_COMPOUNDS: dict[Kind, int] = {**SHORTEST, "letter": 10, "vowel": 10}
COMPOUNDING = ("de", "sv")

_VOWELS = frozenset("aeiouyäöüåáéíóúàèìòùâêîôû")


def correction(word: str, language: str) -> str | None:
    """The word that was meant, in lower case, where there is no doubt. `word`: lower case, in no vocabulary."""
    if language == "de" and any(pair in word for pair in ("ae", "oe", "ue")):
        return None  # foerderung is Förderung, written without umlauts, and not Forderung
    targets, near = _index(language)
    found = set(near.get(word, ()))
    for place in range(len(word)):
        found.update(near.get(word[:place] + word[place + 1 :], ()))
    shortest = SHORTEST_OF_COMPOUNDS if language in COMPOUNDING else SHORTEST
    likely = [target for target in found if (kind := slip(word, target)) and len(word) >= shortest[kind]]
    likely.sort(key=targets.__getitem__, reverse=True)
    if not likely or (len(likely) > 1 and targets[likely[0]] - targets[likely[1]] < LEAD):
        return None
    return likely[0]


def slip(word: str, target: str) -> Kind | None:
    """What kind of one stroke leads from `target` to `word`; None where it takes more, or another that does not count.

    swapped  neighbours, but not the first letter
    doubled  a letter written twice, or once instead of twice, anywhere
    accent   forgotten, anywhere
    letter   missing or too many, within the word
    vowel    another, within the word
    """
    if abs(len(word) - len(target)) > 1:
        return None
    if len(word) == len(target):
        return _same_length(word, target)
    places = _left_out(word, target)
    if len(places) > 1:  # either of two equal letters can be left out
        return "doubled"
    return "letter" if places and 0 < places[0] < min(len(word), len(target)) - ENDING else None


def _same_length(word: str, target: str) -> Kind | None:
    differ = [n for n, (one, other) in enumerate(zip(word, target, strict=True)) if one != other]
    if len(differ) == 2:
        first, second = differ
        swapped = second == first + 1 and first > 0 and word[first] == target[second] and word[second] == target[first]
        return "swapped" if swapped else None
    if len(differ) != 1:
        return None
    place = differ[0]
    written, meant = word[place], target[place]
    if unicodedata.normalize("NFD", meant)[0] == written:
        return "accent"
    within = 0 < place < len(word) - ENDING - 1
    return "vowel" if within and written in _VOWELS and meant in _VOWELS else None


def _left_out(word: str, target: str) -> list[int]:
    """Indexes at which deleting one letter turns the longer word into the shorter one."""
    longer, shorter = (word, target) if len(word) > len(target) else (target, word)
    return [n for n in range(len(longer)) if longer[:n] + longer[n + 1 :] == shorter]


def _may_be_meant(word: str, language: str) -> bool:
    """Long enough to be sure of; in German also without ss, which is how the vocabulary writes ß."""
    return len(word) >= SHORTEST["swapped"] and word.isalpha() and not (language == "de" and "ss" in word)


@cache
def _index(language: str) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    """Frequent words with their frequency, and an index: a word, whole or with one letter left out → the frequent words it comes from."""
    targets = {word: value for word, value in zipf(language, FREQUENT).items() if _may_be_meant(word, language)}
    near: dict[str, set[str]] = defaultdict(set)
    for word in targets:
        near[word].add(word)
        for place in range(len(word)):
            near[word[:place] + word[place + 1 :]].add(word)
    return targets, {word: tuple(sorted(meant)) for word, meant in near.items()}
