"""Personal data as typed placeholders: mail addresses, phones, accounts, cards, IP addresses, national identity numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

from annotation.cleaning import national_ids as registry
from annotation.cleaning.checksums import luhn, mod97
from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.national_ids import NationalId
from annotation.cleaning.phones import is_phone
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.text import Text


class _Kind(NamedTuple):
    """A kind of personal data: what finds candidates, and what says of a match whether it is one."""

    name: str
    placeholder: str
    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool]
    hint: re.Pattern[str]


_IBAN_LENGTHS = {  # SWIFT, IBAN Registry, release 99
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22,
    "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22,
    "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30,
    "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27,
    "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33,
    "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29,
    "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
_CARD_LENGTHS = (("4", (13, 16, 19)), ("34", (15,)), ("37", (15,)), ("3", (14, 15, 16)), ("5", (16,)), ("2", (16,)), ("6", (16, 17, 18, 19)))
_GAPS = str.maketrans("", "", " .-\u00a0\u202f\u2009")

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.!#$%&'*+/=?^`{|}~-]{0,63}[\w+]@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_IBAN = re.compile(r"(?<![\w])[A-Z]{2}\d{2}(?:[ \u00a0-]?[A-Z0-9]{1,4}){3,10}", re.IGNORECASE)
_CARD = re.compile(r"(?<![\w.,+-])\d(?:[ \u00a0-]?\d){12,18}(?![\w]|[.,-]\d)", re.ASCII)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f:]*:[0-9a-f]*:)[0-9a-f:]{2,39}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:]|\.\d)", re.IGNORECASE | re.ASCII)
_PHONE = re.compile(r"(?<![\w.,/@#=€$£-])(?<!\d:)(?:\+|\(\+?)?\d(?:[ \u00a0\u202f./()-]{0,3}\d){6,15}(?![\w@]|[.,:/-]\d| ?[€$£%])", re.ASCII)

_AT = re.compile("@")
_DIGITS = re.compile(r"\d(?:[^\w\n]{0,3}\d){6}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}\d\d[ \u00a0-]?[A-Z0-9]", re.IGNORECASE)
_DOTTED = re.compile(r"\d\.\d{1,3}\.\d")
_COLONS = re.compile(r":[0-9a-f]*:", re.IGNORECASE)


def prepare(*, national_ids: Iterable[str | NationalId] | None = None, keep: Iterable[str] = ()) -> Look:
    """Puts [EMAIL], [PHONE], [IBAN], [CARD], [IP] and a placeholder for each national identity number in place of what is one,
    everywhere in the text, code included. Accounts and cards count only when their check digits hold, so do identity numbers
    that have some.

    national_ids  names of `annotation.cleaning.national_ids`, or NationalId of one's own; None: all that are registered
    keep          kinds to leave, by name: email phone iban card ip
    """
    kept = {keep} if isinstance(keep, str) else set(keep)
    if unknown := kept - {kind.name for kind in _KINDS}:
        raise CleaningInputError(f"keep={sorted(unknown)}: the kinds are {', '.join(sorted({kind.name for kind in _KINDS}))}")
    kinds = [kind for kind in _KINDS if kind.name not in kept]
    numbers = [_number_kind(one) for one in _national_ids(national_ids)]
    place = next((n for n, kind in enumerate(kinds) if kind.name == "phone"), len(kinds))
    ordered = (*kinds[:place], *numbers, *kinds[place:])  # what has check digits before what only looks like a number
    return lambda text: _look(text, ordered)


def _look(text: Text, kinds: tuple[_Kind, ...]) -> Iterator[Change]:
    value = text.value
    found: list[Change] = []
    for kind in kinds:
        if not kind.hint.search(value):
            continue
        for match in kind.pattern.finditer(value):
            start, end = _span(kind, match)
            if end and not any(start < other.end and other.start < end for other in found):
                found.append(Change(start, end, kind.placeholder))
    yield from sorted(found)


def _span(kind: _Kind, match: re.Match[str]) -> tuple[int, int]:
    """Where the match is what it is taken for; (0, 0) where it is not."""
    if kind.name == "iban":
        return _iban(match)
    return match.span() if kind.holds(match) else (0, 0)


def _iban(match: re.Match[str]) -> tuple[int, int]:
    """The account within a match that may run on into the next word: as long as its country has them, check digits right."""
    wanted = _IBAN_LENGTHS.get(match[0][:2].upper())
    signs = [place for place, sign in enumerate(match[0]) if sign not in " \u00a0-"]
    if wanted is None or len(signs) < wanted:
        return 0, 0
    end = signs[wanted - 1] + 1
    account = "".join(match[0][place] for place in signs[:wanted]).upper()
    follows = match.string[match.start() + end : match.start() + end + 1]
    if (follows.isalnum()) or not mod97(account):
        return 0, 0
    return match.start(), match.start() + end


def _is_card(match: re.Match[str]) -> bool:
    digits = match[0].translate(_GAPS)
    lengths = next((lengths for prefix, lengths in _CARD_LENGTHS if digits.startswith(prefix)), ())
    return len(digits) in lengths and len(set(digits)) > 1 and luhn(digits)


def _is_ipv4(match: re.Match[str]) -> bool:
    """An address, and no version: those are named as such."""
    if re.search(r"(?:\bv|versi[oó]n|release|firmware|build)[ .:]{0,2}$", match.string[max(0, match.start() - 12) : match.start()], re.IGNORECASE):
        return False
    try:
        IPv4Address(match[0])
    except AddressValueError:
        return False
    return True


def _is_ipv6(match: re.Match[str]) -> bool:
    """An address with a digit in it, so that C++'s :: and Perl's a::b are none."""
    try:
        IPv6Address(match[0])
    except AddressValueError:
        return False
    return any(map(str.isdigit, match[0])) and (match[0].count(":") > 2 or match[0].startswith("::"))


def _number_kind(one: NationalId) -> _Kind:
    bounded = re.compile(rf"(?<![\w.,+-])(?:{one.pattern.pattern})(?![\w]|[.,-]\d)", one.pattern.flags)
    return _Kind(one.name, one.placeholder, bounded, lambda match: one.is_valid(match[0].translate(_GAPS).upper()), re.compile(r"\d"))


def _national_ids(asked: Iterable[str | NationalId] | None) -> list[NationalId]:
    known = registry.members()
    if asked is None:
        return list(known.values())
    found = []
    for one in [asked] if isinstance(asked, str) else asked:
        if isinstance(one, str) and one not in known:
            raise CleaningInputError(f"there is no national id {one!r}; there are {', '.join(known)}")
        found.append(known[one] if isinstance(one, str) else one)
    return found


_KINDS = (
    _Kind("email", "[EMAIL]", _EMAIL, lambda match: True, _AT),
    _Kind("iban", "[IBAN]", _IBAN, lambda match: True, _COUNTRY),
    _Kind("card", "[CARD]", _CARD, _is_card, _DIGITS),
    _Kind("ip", "[IP]", _IPV4, _is_ipv4, _DOTTED),
    _Kind("ip", "[IP]", _IPV6, _is_ipv6, _COLONS),
    _Kind("phone", "[PHONE]", _PHONE, is_phone, _DIGITS),
)

RULE = Rule(
    name="personal_data",
    title="Personal data",
    prepare=prepare,
    leaves="Names and postal addresses, which no pattern tells from other words; numbers whose check digits do not hold.",
    source="RFC 5322, 3.4.1; ITU-T E.164; ISO 13616-1; ISO/IEC 7812-1; RFC 4291",
)
