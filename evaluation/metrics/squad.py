"""SQuAD's normalisation of short answers, widened from ASCII to any script."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


@lru_cache(maxsize=4096)
def _dropped(char: str) -> bool:
    """ASCII punctuation as SQuAD's script has it, and Unicode's punctuation categories as MLQA's adds them."""
    return char in _ASCII_PUNCTUATION or unicodedata.category(char).startswith("P")


def normalised(text: str, articles: bool = True) -> str:
    """Lower case, without punctuation, English articles (unless `articles` is off) and surplus white space.

    Equal to the `normalize_answer` of SQuAD's evaluation script on ASCII text (Rajpurkar et al. 2016). Text that is
    not ASCII is composed first (NFC) and loses the punctuation of all scripts (Lewis et al. 2020, MLQA).
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = "".join(char for char in text.lower() if not _dropped(char))
    if articles:
        text = _ARTICLES.sub(" ", text)
    return " ".join(text.split())
