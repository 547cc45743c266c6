"""What a word is, which words a language has and how frequent they are. Data and source: words/NOTICE."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path

SERVED = ("en", "es", "de", "fr", "sv")
"""The languages that the rules know, ISO 639-1."""
NEIGHBOURS = ("pt", "it", "ca", "nl", "da", "nb", "fi", "pl")
"""Languages that are only told from those."""

WORD = re.compile(r"[^\W\d_]++(?:'[^\W\d_]{1,2}(?![^\W\d_]))?+")
"""A run of letters, with a short ending behind an apostrophe: "don't", but "c" and "est" of "c'est"."""

_FOLDER = Path(__file__).parent / "words"


@cache
def zipf(language: str, least: float = 0.0) -> dict[str, float]:
    """Zipf frequency (log10 of occurrences in a billion words) of each word that has at least `least`; words are casefolded,
    so that ß is ss. Not to be changed: it is shared."""
    found: dict[str, float] = {}
    with gzip.open(_FOLDER / f"{language}.txt.gz", "rt", encoding="utf-8") as file:
        for line in file:
            first, *words = line.split()
            frequency = float(first)
            if frequency < least:
                break  # the lines come in falling order
            found.update(dict.fromkeys(words, frequency))
    return found


@cache
def known() -> frozenset[str]:
    """All words of all languages here, casefolded: none of them is a slip of the pen."""
    return frozenset().union(*(zipf(language) for language in SERVED + NEIGHBOURS))
