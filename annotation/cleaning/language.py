"""Which language a text is in: naive Bayes over its frequent words.

Each word adds its log-probability in each language, a word that a language has not among its frequent ones a floor; the
best language counts when it leads by enough. Neighbours (Portuguese, Dutch, Danish …) compete, so that their texts are not
taken for one that is served.
"""

from __future__ import annotations

import struct
from functools import cache, lru_cache

from annotation.cleaning.vocabulary import NEIGHBOURS, SERVED, WORD, zipf

LANGUAGES = SERVED + NEIGHBOURS
FREQUENT = 4.3  # Zipf: some five thousand words per language
FLOOR = 3.3  # what a word counts where it is not frequent
LEAD = 1.2  # log10 of the odds against the next language
SHARE = 0.25  # of the words have to be frequent in the language that is found
FEW_SIGNS = (48, 96)  # some eight and sixteen words
SURE = 5.0  # a lead after those with which no others have to be read
MOST_SIGNS = 256

_LANES = struct.Struct(f"<{2 * len(LANGUAGES)}H")


@lru_cache(maxsize=1024)  # the same text is asked about again after a change of it
def found(folded: str) -> str | None:
    """ISO 639-1 of a served language; None where another fits better, or too little is said to tell.

    folded  how a text begins, casefolded; more than MOST_SIGNS change little
    """
    for signs in FEW_SIGNS:
        cut = folded.find(" ", signs)
        if cut > 0 and (language := _best(folded[:cut], SURE)):
            return language
    return _best(folded, LEAD)


def _best(folded: str, lead: float) -> str | None:
    """The served language whose odds lead by so much; None where a neighbour leads, or none does."""
    words = WORD.findall(folded)
    weights = _weights()
    total = sum([weights[word] for word in words if word in weights])
    scores = _LANES.unpack(total.to_bytes(_LANES.size, "little"))
    scores, frequent = scores[: len(LANGUAGES)], scores[len(LANGUAGES) :]
    second, first = sorted(scores)[-2:]
    best = scores.index(first)
    if best >= len(SERVED) or first - second < lead * 10 or frequent[best] < SHARE * len(words):
        return None
    return LANGUAGES[best]


@cache
def _weights() -> dict[str, int]:
    """For each word, as one number: in each of LANGUAGES ten times its Zipf frequency above the floor, 0 where it is not frequent,
    and again 1 where it is. Words that are alike share theirs: the time that this takes hangs on how much memory it reads."""
    lanes: dict[str, list[int]] = {}
    for number, language in enumerate(LANGUAGES):
        for word, frequency in zipf(language, FREQUENT).items():
            row = lanes.setdefault(word, [0] * 2 * len(LANGUAGES))
            row[number], row[len(LANGUAGES) + number] = round(10 * (frequency - FLOOR)), 1
    shared: dict[int, int] = {}
    packed = ((word, int.from_bytes(_LANES.pack(*row), "little")) for word, row in lanes.items())
    return {word: shared.setdefault(number, number) for word, number in packed}
