"""Whether a run of digits is a phone number: international form, a national form of the languages here, or a word before it."""

from __future__ import annotations

import re

from annotation.cleaning.phone_words import Said, said
from annotation.cleaning.text import Text

# What other rules read: dates (with a time behind), spans of years, IP addresses; and, without a word that says otherwise, amounts.
_NEVER = re.compile(
    r"(?:(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?(?:[ T].*)?|\d\d?[-/.] ?\d\d?[-/.] ?(?:19|20)\d\d(?: .*)?|(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d|"
    r"(?:\d{1,3}\.){3}\d{1,3})\Z"
)
# Somebody's number, and nothing but "is" behind it: "my order number" and "mi número de pedido" are others.
_OWN_NUMBER = re.compile(
    r"\b(?:(?:my|his|her|our|their|contact)(?: new| other)? number|(?:mi|nuestro)(?: nuevo)? n[uú]mero|(?:meine|unsere)(?: neue)? nummer|"
    r"(?:mon|notre)(?: nouveau)? num[eé]ro|(?:mitt|vårt|hans|hennes)(?: nya)? (?:nummer|nr))(?: (?:is|es|ist|lautet|est|är))?(?: (?:now|ahora|jetzt|nu|le|el))?"
    r"[ :.,=-]{0,3}\Z",
    re.IGNORECASE,
)
_OWN_NUMBER_SIGNS = 40
_BESIDE = 10  # signs between a word and what may be an amount or a number of any kind: "we paid 633 880 107"
_INTERNATIONAL = re.compile(r"\(?(?:\+|00[ .-]?)[1-9]")
_SPANISH_WITHOUT_GAPS = re.compile(r"(?:[67]\d{8}|[89][1-8]\d{7})\Z")  # nine digits, which anything else may have too
_AMOUNT = re.compile(r"[1-9]\d{0,2}(?:([ .])\d{3})(?:\1\d{3})*\Z")

# National forms, the digits as they are grouped; each is too particular to be an amount.
_NATIONAL = re.compile(
    r"""
      \(?0[1-9]\d{0,3}\)?[ ./-]{0,3}\d{1,4}(?:[ .-]?\d{2,4}){1,4}(?:[ ]?-[ ]?\d{1,4})?  # Germany, Sweden, Britain: 030 / 123 45 67, 08-123 456, 0711 123456-0
    | 0\d(?:[ .-]\d\d){4} | 0[ .-]\d{3}(?:[ .-]\d\d){3}                                                          # France: 06 12 34 56 78
    | [6789]\d\d(?:[ .-]\d{3}){2} | [6789]\d\d(?:[ .-]\d\d){3} | [6789]\d[ .-]\d{3}(?:[ .-]\d\d){2}  # Spain
    | (?:1[ .-])?(?:\(\d{3}\)[ -]?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|(?!\d\d0[ ]\d\d0[ ]\d{3}0)[2-9][0-8]\d[ ][2-9]\d\d[ ]\d{4})        # North America
    | 0[1-9]\d{8,10}                                                               # without gaps: ten digits or more
    """,
    re.VERBOSE,
)


def is_phone(match: re.Match[str], text: Text) -> bool:
    """Whether the matched run of digits, in its place in the text, is a phone number."""
    written = match["number"].replace("\u2011", "-")
    if "–" in written:
        if written[0] not in "0+(" and (" " in written or written.count("–") < 2):
            return False  # a span of numbers: 600–700 000
        written = written.replace("–", "-")
    digits = sum(map(str.isdigit, written))
    if not 7 <= digits <= 15 or written.count("(") != written.count(")") or _NEVER.match(written):
        return False
    if digits >= 8 and _INTERNATIONAL.match(written):
        return True
    word = said(match.string, match.start())
    if _is_national(written, digits, text, word):
        return True
    if word and word.kind in ("phone", "call"):
        return True
    before = match.string[max(0, match.start() - _OWN_NUMBER_SIGNS) : match.start()]
    return _OWN_NUMBER.search(before) is not None


def _is_national(written: str, digits: int, text: Text, word: Said | None) -> bool:
    """Whether the digits have a form that phones of one country have, and no word says that they are something else."""
    if word and word.kind == "order":
        return False
    beside = word.kind if word and word.gap <= _BESIDE else ""
    if _AMOUNT.match(written) and (digits != 9 or written[0] not in "679" or beside == "amount"):
        return False
    if _NATIONAL.fullmatch(written):
        return True
    return (
        text.language == "es" and beside not in ("amount", "thing") and _SPANISH_WITHOUT_GAPS.match(written) is not None
    )
