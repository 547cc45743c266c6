"""Words of a text, for the metrics that compare words: one tokenizer for every script, equal to the usual ones on ASCII.

rouge-score keeps only a–z and 0–9, so it drops a Greek, Arabic or Chinese text whole and cuts "café" to "caf". Here a
word is a run of letters, marks and digits of any script; where the script writes no spaces (Han, kana, Thai, Lao,
Khmer, Burmese) each code point is a word of its own, which compares by character, and so is each emoji, whatever its skin
tone or variant. On ASCII text both agree.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Literal

from evaluation.metrics.errors import MetricInputError

Tokenizer = Literal["unicode", "rouge-score"]

_ASCII_WORD = re.compile(r"[a-z0-9]+")
# First and last code point of blocks whose scripts put no spaces between words.
_SPACELESS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAA7F),  # Myanmar extended A
    (0xF900, 0xFAFF),  # Han compatibility
    (0x20000, 0x3FFFF),  # Han extensions B and later
)


_EMOJI = ((0x2600, 0x27BF), (0x1F000, 0x1F3FA), (0x1F400, 0x1FAFF))  # without the skin tones
_VARIANTS = (0xFE00, 0xFE0F)  # text or picture of the same sign


class _Spacing(dict[int, str]):
    """For `str.translate`: a letter stays, one of a spaceless script and an emoji get spaces around them, all else is a
    space."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if _VARIANTS[0] <= code <= _VARIANTS[1]:
            self[code] = ""
        elif any(first <= code <= last for first, last in _EMOJI):
            self[code] = f" {char} "
        else:
            self[code] = split_spaceless(char) if unicodedata.category(char)[0] in "LMN" else " "
        return self[code]


class _SpacelessSplit(dict[int, str]):
    """For `str.translate`: a code point of a spaceless script gets spaces around it."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = f" {char} " if any(first <= code <= last for first, last in _SPACELESS) else char
        return self[code]


_spacing = _Spacing()
_spaceless_split = _SpacelessSplit()


def split_spaceless(text: str) -> str:
    """The text with spaces around each code point of a script that writes none."""
    return text if text.isascii() else text.translate(_spaceless_split)


def words(text: str, tokenizer: Tokenizer = "unicode") -> list[str]:
    """Lower-cased words of a text without punctuation.

    "unicode"      as this module says; text that is not ASCII is NFKC-normalised and case-folded first, so that a
                   decomposed é, a full-width letter and ß/ss match
    "rouge-score"  runs of a–z and 0–9 only: exactly rouge-score's, for comparison with its published figures
    """
    if tokenizer not in ("unicode", "rouge-score"):
        raise MetricInputError(f"tokenizer={tokenizer!r}; it is 'unicode' or 'rouge-score'")
    if tokenizer == "rouge-score" or text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return unicodedata.normalize("NFKC", text).casefold().translate(_spacing).split()


class _Stems(dict[str, str]):
    """Porter's stems of ASCII words of more than three letters, as rouge-score has them; other words as they are.

    A dictionary, for most words of a corpus repeat and the rules cost 20 µs a word. It starts anew when it has grown to
    a large vocabulary (some 30 MB).
    """

    largest = 2**18

    def __missing__(self, word: str) -> str:
        if len(self) >= self.largest:
            self.clear()
        self[word] = str(_porter().stem(word)) if len(word) > 3 and word.isascii() else word
        return self[word]


@cache
def _porter():  # type: ignore[no-untyped-def]  # nltk has no types
    from nltk.stem.porter import PorterStemmer  # seconds to import: only who stems pays

    return PorterStemmer()


_stems = _Stems()


# A scorecard asks for several metrics of the same texts, and for the same references with every model.
@lru_cache(maxsize=2**15)
def stemmed_words(text: str, tokenizer: Tokenizer = "unicode", stemming: bool = True) -> tuple[str, ...]:
    """Words of a text, stemmed where `stemming` is set."""
    found = words(text, tokenizer)
    return tuple(filter(None, map(_stems.__getitem__, found)) if stemming else found)


def forget() -> None:
    """Empty the caches of words and stems, so that a measurement begins as a new process does."""
    _stems.clear()
    stemmed_words.cache_clear()
