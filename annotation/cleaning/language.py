"""Which language a text is in: naive Bayes over its frequent words.

Each word adds its log-probability in each language, a word that a language has not among its frequent ones a floor; the
best language counts when it leads by enough. Neighbours (Portuguese, Dutch, Danish …) compete, so that their texts are not
taken for one that is served.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache, lru_cache

from annotation.cleaning.vocabulary import NEIGHBOURS, SERVED, zipf

LANGUAGES = SERVED + NEIGHBOURS
FREQUENT = 4.3  # Zipf: some five thousand words a language
FLOOR = 3.3  # what a word counts where it is not frequent
LEAD = 1.2  # log10 of the odds against the next language
SHARE = 0.25  # of the words have to be frequent in the language that is found
FEW_WORDS, SURE = 12, 5.0  # a lead after so many words that no others have to be read
MOST_WORDS = 40


@lru_cache(maxsize=1024)  # the same text is asked about again after each change of it
def found(words: tuple[str, ...]) -> str | None:
    """ISO 639-1 of a served language; None where another fits better, or too little is said to tell.

    words  the first ones of a text, casefolded; more than MOST_WORDS change little
    """
    weights = _weights()
    scores = [0.0] * len(LANGUAGES)
    frequent = [0] * len(LANGUAGES)
    read = 0
    for part in (words[:FEW_WORDS], words[FEW_WORDS:]):
        for word in part:
            for language, weight in weights.get(word, ()):
                scores[language] += weight
                frequent[language] += 1
        read += len(part)
        second, first = sorted(scores)[-2:]
        if first - second >= SURE:
            break
    best = scores.index(first)
    if first - second < LEAD or frequent[best] < SHARE * read:
        return None
    return LANGUAGES[best] if best < len(SERVED) else None


@cache
def _weights() -> dict[str, tuple[tuple[int, float], ...]]:
    """For each word the languages where it is frequent, by number, with its Zipf frequency above the floor."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, language in enumerate(LANGUAGES):
        for word, frequency in zipf(language, FREQUENT).items():
            found[word].append((number, frequency - FLOOR))
    return {word: tuple(weights) for word, weights in found.items()}
