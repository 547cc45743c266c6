"""Which language a text is in: naive Bayes over its frequent words.

Each word adds its log-probability in each language, a word that a language has not among its frequent ones a floor; the
best language counts when it leads by enough. Neighbours (Portuguese, Dutch, Danish …) compete, so that their texts are not
taken for one that is served.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from annotation.cleaning.vocabulary import NEIGHBOURS, SERVED, zipf

LANGUAGES = SERVED + NEIGHBOURS
FREQUENT = 4.3  # Zipf: some five thousand words a language
FLOOR = 3.3  # what a word counts where it is not frequent
LEAD = 1.2  # log10 of the odds against the next language
SHARE = 0.25  # of the words have to be frequent in the language that is found
MOST_WORDS = 200

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def found(text: str) -> str | None:
    """ISO 639-1 of a served language; None where another fits better, or too little is said to tell."""
    words = _WORD.findall(text.lower()[: MOST_WORDS * 20])[:MOST_WORDS]
    rows, table = _table()
    numbers = [number for word in words if (number := rows.get(word)) is not None]
    if not numbers:
        return None
    scores = table[numbers].sum(axis=0)
    best = int(scores.argmax())
    first, second = np.partition(scores, -2)[[-1, -2]]
    common = np.count_nonzero(table[numbers, best])
    if first - second < LEAD or common < SHARE * len(words):
        return None
    return LANGUAGES[best] if best < len(SERVED) else None


@cache
def _table() -> tuple[dict[str, int], NDArray[np.float32]]:
    """A row a word, a column a language: Zipf frequency above the floor, 0 where it is not frequent."""
    lists = [zipf(language, FREQUENT) for language in LANGUAGES]
    rows = {word: number for number, word in enumerate(sorted(set().union(*lists)))}
    table = np.zeros((len(rows), len(LANGUAGES)), dtype=np.float32)
    for column, words in enumerate(lists):
        for word, frequency in words.items():
            table[rows[word], column] = frequency - FLOOR
    return rows, table
