"""Mojibake: UTF-8 that was read as another encoding, found by its byte patterns and read again.

The approach is ftfy's (Robyn Speer, "ftfy", 2019, https://doi.org/10.5281/zenodo.2591652): what a wrong codec makes of UTF-8's
lead and continuation bytes is rare in prose. This is an implementation of its own, without dependency, that gives exact places
and repairs only sequences whose result is a letter, sign or emoji that a ticket has; the rest stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from annotation.cleaning.rule import Change

# In the order of how often they do harm. cp1252 leaves five bytes undefined; browsers and Python's latin-1 give C1 controls there.
CODECS = ("cp1252", "mac_roman", "cp850", "cp437")

# Leads of two, three and four bytes that are tried: of two, Latin, Greek, Cyrillic, Hebrew, Arabic. In other codecs only Western
# letters (with œ, ƒ), punctuation and emoji, where their signs (√, ├) are sure.
_LEADS = {"cp1252": (range(0xC2, 0xDC), range(0xE0, 0xF0), range(0xF0, 0xF5))}
_FEW_LEADS = ((0xC2, 0xC3, 0xC5, 0xC6), range(0xE2, 0xE3), range(0xF0, 0xF1))

_MARKS = frozenset("“”‘’‚„…–—™›‹•†‡ˆ˜\u00a0«»®°")  # continuation bytes that also follow a letter in prose
_SURE_LEADS = (0xE2, 0xEF, *range(0xF0, 0xF5))  # â€™ and its kin, ï»¿, emoji

_LOST = {"Ã": "à", "Â": "", "â€": "”"}  # whose last byte was made a space (of a no-break one), or cut as undefined


@dataclass(frozen=True)
class _Codec:
    byte_of: dict[str, int]
    pattern: re.Pattern[str]
    signs: tuple[frozenset[str], frozenset[str]]
    """What leads and what continues."""
    leads_are_letters: bool
    """Â and Ã are, √ and ├ are not: those are never written before what follows them in mojibake."""


@cache
def _codec(name: str) -> _Codec:
    sign_of = {}
    for byte in range(0x80, 0x100):
        try:
            sign_of[byte] = bytes([byte]).decode(name)
        except UnicodeDecodeError:
            sign_of[byte] = chr(byte)
    if name == "cp1252":
        byte_of = {chr(byte): byte for byte in range(0x80, 0xC0)} | {sign: byte for byte, sign in sign_of.items()}
    else:
        byte_of = {sign: byte for byte, sign in sign_of.items()}
    continuations = frozenset(sign for sign, byte in byte_of.items() if 0x80 <= byte < 0xC0)
    leads = [frozenset(sign_of[byte] for byte in octets) for octets in _LEADS.get(name, _FEW_LEADS)]
    more = _class(continuations)
    two, three, four = map(_class, leads)
    one = f"(?:{two}{more}|{three}{more}{{2}}|{four}{more}{{3}})"
    lost = r"|(?:(?<=[a-z ])|^)Ã(?= |$)|(?<=[a-z0-9.,;:!?) ])Â(?= )|â€(?=[\s.,;:!?)]|$)" if name == "cp1252" else ""
    signs = frozenset().union(*leads), continuations
    return _Codec(byte_of, re.compile(f"{one}+{lost}"), signs, leads_are_letters=name == "cp1252")


def _class(signs: Iterable[str]) -> str:
    return f"[{re.escape(''.join(sorted(signs)))}]"


def repairs(text: str) -> list[Change]:
    """Sequences that were UTF-8, read as such: one level of what may have been encoded several times, by the codec that explains
    most of the text."""
    found: list[Change] = []
    if text.isascii() or not ("Ã" in text or "Â" in text or _any_hint().search(text)):
        return found
    for codec in map(_codec, CODECS):
        these = [change for match in codec.pattern.finditer(text) if (change := _repair(text, match, codec))]
        found = max(found, these, key=_explained)
    return found


@cache
def _any_hint() -> re.Pattern[str]:
    """A lead with a continuation, of any codec: not much prose has one, and it is found quickly."""
    leads, continuations = zip(*(_codec(name).signs for name in CODECS), strict=True)
    return re.compile(_class(frozenset().union(*leads)) + _class(frozenset().union(*continuations)))


def _explained(changes: list[Change]) -> int:
    return sum(change.end - change.start for change in changes)


def _repair(text: str, match: re.Match[str], codec: _Codec) -> Change | None:
    wrong = match[0]
    if wrong in _LOST:
        return Change(match.start(), match.end(), _LOST[wrong])
    octets = bytes(codec.byte_of[sign] for sign in wrong)
    try:
        right = octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    if not all(map(_belongs, right)):
        return None
    if codec.leads_are_letters and len(right) == 1 and _may_be_meant(octets[0], wrong, right, before, after):
        return None
    return Change(match.start(), match.end(), right)


def _may_be_meant(lead: int, wrong: str, right: str, before: str, after: str) -> bool:
    """Whether a single sequence may be what somebody wrote: capitals before a quotation mark or trade mark, 'CAFÉ™', 'À…'."""
    if len(wrong) > 2:
        return lead not in _SURE_LEADS  # a lone letter of another script: é”…
    inside = before.isalnum() or after.isalnum()
    if lead == 0xC2:  # Â before signs and spaces
        return wrong[1] in _MARKS and wrong[1] not in "\u00a0®°" and before.isupper()
    if lead == 0xC3:  # Ã before all letters of Western Europe
        ends_word = before.isupper() and not after.isalpha()
        return wrong[1] in _MARKS and (ends_word or not (inside or wrong[1] == "\u00a0"))
    return not right.isalpha() or before.isupper() or not inside


def _belongs(sign: str) -> bool:
    """Whether a text may have this sign, at least between two repairs: nothing private, unassigned, no control of ASCII."""
    return unicodedata.category(sign) not in ("Co", "Cn", "Cs")
