"""Which language a text is in: naive Bayes over its frequent words.

Each word adds its log-probability in each language, a word that a language has not among its frequent ones a floor; the
best language counts when it leads by enough. Neighbours (Portuguese, Dutch, Danish …) compete, so that their texts are not
taken for one that is served.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from annotation.cleaning.vocabulary import NEIGHBOURS, SERVED, zipf

LANGUAGES = SERVED + NEIGHBOURS
FREQUENT = 4.3  # Zipf: some five thousand words a language
FLOOR = 3.3  # what a word counts where it is not frequent
LEAD = 1.2  # log10 of the odds against the next language
SHARE = 0.25  # of the words have to be frequent in the language that is found
MOST_WORDS = 40  # more change nothing


def found(words: Sequence[str]) -> str | None:
    """ISO 639-1 of a served language; None where another fits better, or too little is said to tell. `words`: lower case."""
    words = words[:MOST_WORDS]
    weights = _weights()
    scores = [0.0] * len(LANGUAGES)
    frequent = [0] * len(LANGUAGES)
    for word in words:
        for language, weight in weights.get(word, ()):
            scores[language] += weight
            frequent[language] += 1
    second, first = sorted(scores)[-2:]
    best = scores.index(first)
    if first - second < LEAD or frequent[best] < SHARE * len(words):
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
