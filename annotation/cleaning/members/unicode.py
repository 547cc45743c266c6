"""One form for each letter: mojibake repaired, NFC, ligatures and styled alphabets as plain letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from annotation.cleaning.mojibake import repairs
from annotation.cleaning.rule import Change, Look, Remark, Rule, least
from annotation.cleaning.text import Text

# An ASCII sign never composes with what stands before it, so that these pieces can be normalised one by one.
_PIECE = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")
# Latin ligatures, full-width letters and digits, mathematical alphabets: form without meaning (Unicode, UAX 15, compatibility).
_STYLED = re.compile("[\ufb00-\ufb06０-９Ａ-Ｚａ-ｚ\U0001d400-\U0001d7ff]+")
_LOST = re.compile("\ufffd+")


def prepare() -> Look:
    """Repairs mojibake (UTF-8 read as Windows-1252, Latin-1, Mac Roman, code page 437 or 850, also several times over),
    composes letters with their accents (NFC) and writes ligatures (ﬁ), full-width (Ａ) and mathematical letters (𝐀) plainly.

    Notes letters that are lost for good (�).
    """
    return _look


def _look(text: Text) -> Iterable[Change | Remark]:
    value = text.value
    if value.isascii():
        return ()
    found = repairs(value)
    if not found and text.is_plain:
        return ()
    if not found and not unicodedata.is_normalized("NFC", value):
        found = [
            least(m.start(), m[0], composed)
            for m in _PIECE.finditer(value)
            if (composed := unicodedata.normalize("NFC", m[0])) != m[0]
        ]
    if not found:
        found = [
            Change(m.start(), m.end(), plain)
            for m in _STYLED.finditer(value)
            if (plain := unicodedata.normalize("NFKC", m[0])) != m[0]
        ]
    lost = _LOST.finditer(value) if "\ufffd" in value else ()
    return [*found, *(Remark(*match.span(), "a letter that was lost when the text was decoded") for match in lost)]


RULE = Rule(
    name="unicode",
    title="Unicode and mojibake",
    prepare=prepare,
    leaves="Emoji, other scripts, superscripts and fractions, typographic quotation marks.",
    source="Unicode UAX 15; the approach of ftfy (Speer 2019)",
)
