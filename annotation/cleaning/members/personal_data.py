"""Personal data as typed placeholders: mail addresses, phones, accounts, cards, IP addresses, national identity numbers."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Literal, NamedTuple

from annotation.cleaning import national_ids as registry
from annotation.cleaning.checksums import luhn, mod97
from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.national_ids import NationalId
from annotation.cleaning.options import words
from annotation.cleaning.phones import is_phone
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.spans import Span
from annotation.cleaning.text import Text, touches
from annotation.cleaning.versions import is_numbered

Finder = Callable[[Text, list[Span]], Iterable[Span]]
"""Gives the places in a text where personal data of one kind stands, near the given ones."""


class _Kind(NamedTuple):
    name: str
    placeholder: str
    find: Finder
    needs: Literal["@", "digit", "digits", "close digits"]
    """Without which there is none, so that most texts are passed over quickly."""
    least: int = 0
    """Of those that need close digits: how many signs there are at least, without gaps, where one is."""


class _Seen(NamedTuple):
    """What a text has that personal data needs."""

    at: bool
    digit: bool
    loose: list[Span]
    """Where six digits stand together, whatever signs are between them."""
    close: list[tuple[Span, int]]
    """Where no sign is between them that a date has, and how many they are, with capitals."""

    def near(self, kind: _Kind) -> list[Span] | None:
        """Where to look for a kind; None: nowhere."""
        if kind.needs == "@":
            return [] if self.at else None
        if kind.needs == "digit":
            return [] if self.digit else None
        if kind.needs == "digits":
            return self.loose or None
        return [span for span, signs in self.close if signs >= kind.least] or None


_IBAN_LENGTHS = {  # SWIFT, IBAN Registry, release 99
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22,
    "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22,
    "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30,
    "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27,
    "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33,
    "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29,
    "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
_MAESTRO = ("5018", "5020", "5038", "56", "57", "58", "6304", "6390", "6759", "6761", "6762", "6763")
_CARD_LENGTHS = (  # the first prefix that fits has the lengths; longer ones go before
    *((prefix, tuple(range(19, 11, -1))) for prefix in _MAESTRO), ("2131", (15,)), ("1800", (15,)),
    ("4", (19, 16, 13)), ("34", (15,)), ("37", (15,)), ("3", (16, 15, 14)), ("5", (16,)), ("2", (16,)), ("6", (19, 18, 17, 16)),
)  # fmt: skip
_GAPS = " .\u00a0\u202f\u2009\u2011–-"
_WITHOUT_GAPS = str.maketrans("", "", _GAPS)

_LOCAL_SIGNS = frozenset(".!#$%&'*+/=?^_`{|}~-")  # RFC 5322, atext, and the point
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}(?:[^\W\d_]{2,24}|xn--[a-z0-9-]{2,59})(?![\w-])", re.IGNORECASE)
# The others begin with a digit, so that what they cannot be is passed over quickly; what has to stand before is looked at then.
_IBAN = re.compile(
    rf"\d\d(?<=[A-Z]{{2}}\d\d)(?:(?<![\w][A-Z]{{2}}\d\d)|(?<=IBAN[A-Z]{{2}}\d\d))(?:[{_GAPS}]{{0,2}}[A-Z0-9]{{1,4}}){{3,10}}",
    re.ASCII | re.IGNORECASE,
)
_CARDS = re.compile(
    r"\d(?<![\d.,+-]\d)(?:[ \u00a0\u2011–-]{0,2}\d){11,}(?![.,]?\d)|\d{4}(?<![\d.]\d{4})(?:\.\d{4}){3}(?![.]?\d)",
    re.ASCII,
)
_IPV4 = re.compile(r"\d(?<![\w.]\d)\d{0,2}(?:\.\d{1,3}){3}(?![\w]|\.\d|-[^\W\d])", re.ASCII)
_IPV6 = re.compile(
    r"[0-9a-f:](?<![\w:.].)[0-9a-f:]{1,38}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:]|\.\d)", re.IGNORECASE | re.ASCII
)
_PHONE = re.compile(
    r"""
    (?P<number>
      [+(\d] (?: (?<=\+)(?<![\w+].) | (?:(?<=\d)|(?<=\()(?=\+?\d{1,5}\)))(?<![\w.,/@#=€$£+-].)(?<!\d:.) )
      (?:(?<=[+(])\+?\d)? \d*+ (?:[ \u00a0\u202f./()-]{1,3}\d++|[–\u2011]\d{2,4}(?!\d)){0,12}
    )
    (?:[ ]?(?:x|ext\.?)[ ]?\d{1,5})?
    (?![\w@] | [.,:/-]\d | [ ]?(?:[€$£%] | (?:EUR|euros?|USD|dollars|GBP|pounds|SEK|kr|kronor|CHF)\b))
    """,
    re.ASCII | re.VERBOSE | re.IGNORECASE,
)
# Six digits with little between them: less has none of the numbers. Phones may have any sign there, others none that dates have.
_LEAST_DIGITS = 6
_CLUSTER = re.compile(r"\d(?:[^\w\n]{0,3}[\dA-Z]){5,}", re.ASCII)
_CLOSE = re.compile(r"\d(?:[^\w\n/:,;()]{0,3}[\dA-Z]){5,}", re.ASCII)
# As the rule for timestamps writes them.
_DATE = re.compile(r"(?:19|20)\d\d-[01]\d-[0-3]\d(?:T[0-2]\d:[0-5]\d(?::[0-5]\d)?)?", re.ASCII)
_LINK_LOCAL = re.compile(r"[0-9a-f]{4}(?<=\d...|.\d..|..\d.|...\d)::", re.IGNORECASE | re.ASCII)
_COLONS = re.compile(r":[0-9A-Fa-f]*:")


def prepare(*, national_ids: Iterable[str | NationalId] | None = None, keep: Iterable[str] = ()) -> Look:
    """Puts [EMAIL], [PHONE], [IBAN], [CARD], [IP] and a placeholder for each national identity number in place of what is one,
    everywhere in the text, code included. Accounts and cards count only when their check digits hold, so do identity numbers
    that have some.

    national_ids  names of `annotation.cleaning.national_ids`, or NationalId of one's own; None: all that are registered
    keep          kinds to leave, by name: email phone iban card ip
    """
    kept = set(words("keep", keep))
    known = {kind.name for kind in (*_CHECKED, *_PLAIN)}
    if unknown := kept - known:
        raise CleaningInputError(f"keep={sorted(unknown)}: the kinds are {', '.join(sorted(known))}")
    numbers = [
        _Kind(one.name, one.placeholder, _number_finder(one), "close digits", one.least_digits)
        for one in _national_ids(national_ids)
    ]
    kinds = tuple(kind for kind in (*_CHECKED, *numbers, *_PLAIN) if kind.name not in kept)
    return lambda text: _look(text, kinds)


def _look(text: Text, kinds: tuple[_Kind, ...]) -> Iterator[Change]:
    """An earlier kind takes what a later one would claim too."""
    found: list[Change] = []
    taken: list[Span] = []
    seen = _seen(text)
    for kind in kinds:
        near = seen.near(kind)
        for start, end in kind.find(text, near) if near is not None else ():
            if not touches(taken, start, end):
                insort(taken, (start, end))
                found.append(Change(start, end, kind.placeholder))
    return iter(sorted(found))


def _seen(text: Text) -> _Seen:
    value = text.value
    digits = sum(end - start for start, end in text.digits)
    loose = list(_clusters(value)) if digits >= _LEAST_DIGITS else []
    close = [match for start, end in loose for match in _CLOSE.finditer(value, start, end)]
    counted = [(match.span(), sum(map(str.isalnum, match[0]))) for match in close]
    return _Seen("@" in value, digits > 0, loose, counted)


def _clusters(value: str) -> Iterator[Span]:
    """Where six digits stand together, without a date that they begin with."""
    for match in _CLUSTER.finditer(value):
        start, end = match.span()
        if date := _DATE.match(value, start, end):
            rest = _CLUSTER.search(value, date.end(), end)
            if rest is None:
                continue
            start = rest.start()
        yield start, end


def _near(
    pattern: re.Pattern[str], value: str, clusters: list[Span], before: int, behind: int
) -> Iterator[re.Match[str]]:
    """Matches that begin in a cluster or up to `before` signs before one; what tells that they end reaches `behind` signs behind."""
    for start, end in clusters:
        for match in pattern.finditer(value, max(0, start - before), end + behind):
            if match.start() >= end:
                break
            yield match


def _emails(text: Text, clusters: list[Span]) -> Iterator[Span]:
    value = text.value
    at = value.find("@")
    while at >= 0:
        start = at
        while start > max(0, at - 64) and (value[start - 1].isalnum() or value[start - 1] in _LOCAL_SIGNS):
            start -= 1
        while start < at and value[start] in ".'*/=?&{|}~`":  # what stands before an address rather than in it
            start += 1
        domain = _DOMAIN.match(value, at + 1)
        if domain and start < at and value[at - 1] != ".":
            yield start, domain.end()
        at = value.find("@", at + 1)


class _Account(NamedTuple):
    """What is written as an account of a country that has them."""

    start: int
    end: int
    is_whole: bool
    """Whether it is as long as that country's are."""
    is_valid: bool
    """Whether its check digits hold too."""


def _accounts(value: str, clusters: list[Span]) -> Iterator[_Account]:
    """What begins as a country's accounts do, as far as they reach; a match may run on into the next word."""
    for match in _near(_IBAN, value, clusters, before=10, behind=24):  # letters in lower case are in no cluster
        start = match.start() - 2
        wanted = _IBAN_LENGTHS.get(value[start : start + 2].upper(), 0)
        if not wanted:
            continue
        signs = [place for place in range(start, match.end()) if value[place] not in _GAPS][:wanted]
        is_whole = len(signs) == wanted
        while signs and value[signs[-1] + 1 : signs[-1] + 2].isalnum():  # a word behind it, or a longer number
            signs.pop()
            is_whole = False
        if is_whole or value[start + 4] in _GAPS:  # DE41 1111 … is one that is cut off, DE41111111… may be a card
            is_valid = is_whole and mod97("".join(value[place] for place in signs).upper())
            yield _Account(start, signs[-1] + 1, is_whole, is_valid)


def _ibans(text: Text, clusters: list[Span]) -> Iterator[Span]:
    """Accounts as long as their country has them, check digits right."""
    for account in _accounts(text.value, clusters):
        if account.is_valid:
            yield account.start, account.end


def _cards(text: Text, clusters: list[Span]) -> Iterator[Span]:
    """Cards among groups of digits: other groups may stand before, and the month and year when they end behind. What is written as
    an account has none, also where its check digits are wrong."""
    value = text.value
    accounts = None
    for match in _near(_CARDS, value, clusters, before=0, behind=2):
        places = [place for place in range(*match.span()) if value[place] not in _GAPS]
        digits = "".join(value[place] for place in places)
        first = 0
        while first < len(digits):
            length = _card_length(digits, places, first)
            if length:
                if accounts is None:
                    accounts = [(one.start, one.end) for one in _accounts(value, clusters)]
                start, end = places[first], places[first + length - 1] + 1
                if not touches(accounts, start, end):
                    yield start, end
            first += length or 1


def _card_length(digits: str, places: list[int], first: int) -> int:
    """How many digits the card has that begins at the `first`; 0 where none does. It begins and ends with a group, and one of
    fewer than fifteen digits stands alone: with groups of its own size beside it, it would be a part of another number."""
    if first and places[first] == places[first - 1] + 1:
        return 0
    for length in next((lengths for prefix, lengths in _CARD_LENGTHS if digits.startswith(prefix, first)), ()):
        end = first + length
        if end > len(digits) or (end < len(digits) and places[end] == places[end - 1] + 1):
            continue
        if length < 15 and _goes_on(places, first, end):
            continue
        card = digits[first:end]
        if len(set(card)) > 1 and luhn(card):
            return length
    return 0


def _goes_on(places: list[int], first: int, end: int) -> bool:
    """Whether a group of three digits or more stands beside those from `first` to `end`."""
    before = first > 2 and places[first - 1] - places[first - 3] == 2
    behind = end + 2 < len(places) and places[end + 2] - places[end] == 2
    return before or behind


def _ipv4s(text: Text, clusters: list[Span]) -> Iterator[Span]:
    """Addresses, and no versions and sections: those are named as such."""
    value = text.value
    for match in _IPV4.finditer(value) if value.count(".") > 2 else ():
        if not is_numbered(value, match.start()) and _is_address(IPv4Address, match[0]):
            yield match.span()


def _ipv6s(text: Text, clusters: list[Span]) -> Iterator[Span]:
    """Addresses with a digit in them, so that C++'s :: and Perl's a::b are not taken for one."""
    for match in _IPV6.finditer(text.value) if _COLONS.search(text.value) else ():
        address = match[0]
        groups = address.count(":") > 2 or address.startswith("::") or _LINK_LOCAL.match(address)
        if groups and any(map(str.isdigit, address)) and _is_address(IPv6Address, address):
            yield match.span()


def _is_address(kind: Callable[[str], object], written: str) -> bool:
    try:
        kind(written)
    except AddressValueError:
        return False
    return True


def _phones(text: Text, clusters: list[Span]) -> Iterator[Span]:
    """Phones, but none within an account whose check digits are wrong."""
    accounts = None
    for match in _near(_PHONE, text.value, clusters, before=3, behind=24):  # an extension, a currency
        if not is_phone(match, text):
            continue
        if accounts is None:
            accounts = [(one.start, one.end) for one in _accounts(text.value, clusters) if one.is_whole]
        if not touches(accounts, *match.span()):
            yield match.span()


def _number_finder(one: NationalId) -> Finder:
    bounded = re.compile(rf"(?<![\w.,+-])(?:{one.pattern.pattern})(?![\w]|[.,-]\d)", one.pattern.flags)

    def find(text: Text, clusters: list[Span]) -> Iterator[Span]:
        for match in _near(bounded, text.value, clusters, before=4, behind=5):  # a letter or two, with a gap
            if one.is_valid(match[0].translate(_WITHOUT_GAPS).upper()):
                yield match.span()

    return find


def _national_ids(asked: Iterable[str | NationalId] | None) -> list[NationalId]:
    known = registry.members()
    if asked is None:
        return list(known.values())
    found = []
    if isinstance(asked, str):
        asked = [asked]
    elif not isinstance(asked, Iterable):
        raise CleaningInputError(f"national_ids={asked!r} is not a list of names or kinds")
    for one in asked:
        if not isinstance(one, str | NationalId):
            raise CleaningInputError(f"national_ids: {one!r} is neither a name nor a NationalId")
        if isinstance(one, str) and one not in known:
            raise CleaningInputError(f"there is no national id {one!r}; there are {', '.join(known)}")
        found.append(known[one] if isinstance(one, str) else one)
    return found


# What has check digits goes before what only looks like a number; national numbers stand between.
_CHECKED = (
    _Kind("email", "[EMAIL]", _emails, "@"),
    _Kind("iban", "[IBAN]", _ibans, "close digits", 10),
    _Kind("card", "[CARD]", _cards, "close digits", 12),
)
_PLAIN = (
    _Kind("ip", "[IP]", _ipv6s, "digit"),  # may end with an address of version 4
    _Kind("ip", "[IP]", _ipv4s, "digit"),
    _Kind("phone", "[PHONE]", _phones, "digits"),
)

RULE = Rule(
    name="personal_data",
    title="Personal data",
    prepare=prepare,
    leaves="Names and postal addresses, which no pattern tells from other words; numbers whose check digits do not hold.",
    source="RFC 5322, 3.4.1; ITU-T E.164; ISO 13616-1; ISO/IEC 7812-1; RFC 4291",
)
