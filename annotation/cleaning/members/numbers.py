"""Numbers with a decimal point and without separators of thousands, units as the SI writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from annotation.cleaning.rule import Change, Look, Remark, Rule
from annotation.cleaning.text import Text

_SPACES = " \u00a0\u202f\u2009"
_APOSTROPHES = "'’"

_WITH_COMMA = ("es", "de", "fr", "sv")  # where decimals follow a comma; English has a point

_UNITS = {
    # spelling, in lower case → sign. Only spellings that mean nothing else behind a number.
    "mm": "mm", "cm": "cm", "m": "m", "km": "km", "kms": "km", "mts": "m", "mtrs": "m", "mtr": "m",
    "m2": "m²", "m²": "m²", "qm": "m²", "sqm": "m²", "sq.m": "m²", "sq m": "m²", "m^2": "m²", "kvm": "m²", "mt2": "m²", "mts2": "m²",
    "m3": "m³", "m³": "m³", "cbm": "m³", "m^3": "m³", "km2": "km²", "km²": "km²", "cm2": "cm²", "cm²": "cm²", "cm3": "cm³", "cm³": "cm³",
    "mg": "mg", "kg": "kg", "kgs": "kg", "kilo": "kg", "kilos": "kg", "grs": "g", "gr": "g", "ml": "ml", "cl": "cl", "dl": "dl", "ltr": "l", "ltrs": "l",
    "kw": "kW", "kwh": "kWh", "mwh": "MWh", "khz": "kHz", "mhz": "MHz", "ghz": "GHz", "hz": "Hz",
    "mb": "MB", "gb": "GB", "tb": "TB", "kbit/s": "kbit/s", "mbit/s": "Mbit/s", "mbps": "Mbit/s", "gbps": "Gbit/s",
    "km/h": "km/h", "kmh": "km/h", "kph": "km/h", "°c": "°C", "° c": "°C", "ºc": "°C", "º c": "°C", "°f": "°F",
    "$": "$", "kr": "kr", "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "sek": "SEK", "chf": "CHF", "gbp": "GBP", "usd": "USD", "£": "GBP",
    "%": "%",
}  # fmt: skip
_APART = {"m", "mm"}  # only in lower case and behind a space: 10M and 10m are millions, minutes, metres
_BEFORE = {"€": "EUR", "£": "GBP", "EUR": "EUR", "GBP": "GBP", "CHF": "CHF", "SEK": "SEK", "USD": "USD", "US$": "USD"}

_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_GROUPS = rf"\d{{1,3}}(?:(?P<thousands>[.,{_APOSTROPHES}{_SPACES}])\d{{3}}(?:(?P=thousands)\d{{3}})*+)(?!\d)"
_NUMBER = re.compile(
    rf"""
    (?P<sign>[-−+])?
    (?:(?P<before>US\$|[$€£]|EUR|GBP|CHF|SEK|USD)[{_SPACES}]?)?
    (?P<whole>{_GROUPS}|\d{{1,12}})
    (?:(?P<point>[.,])(?P<decimals>\d{{1,9}}))?
    (?P<none>,-|,–)?
    (?:(?P<gap>[{_SPACES}]?)(?P<unit>{_UNIT})(?![\w²³^/]|-\w))?
    (?![\w@#/]|[.,:'’]\d|-\w|[{_SPACES}]\d{{3}}\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What may stand between a number and the word before, and belongs to it: a sign, a currency.
_LEAD = re.compile(
    rf"(?<![\w.,:/+#@$€£{_APOSTROPHES}^~=-])(?<![0-9][{_SPACES}])[-−+]?(?:(?:US\$|[$€£]|EUR|GBP|CHF|SEK|USD)[{_SPACES}]?)?\Z",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"[0-9]+")


class _Left(Exception):
    """Why a number is left as it is."""


def prepare() -> Look:
    """Writes 1.234,50 € as 1234.50 EUR: decimal point, no separators of thousands, a space before the unit, units in their SI
    signs (qm and m2 as m², kgs as kg, ° c as °C) and currencies in their ISO 4217 codes behind the amount.

    What "1.234" is, hangs on the language; where that does not tell, it is noted and left.
    """
    return _look


def _look(text: Text) -> Iterator[Change | Remark]:
    for match in _numbers(text.value):
        if match["thousands"] is None and match["point"] is None and not (match["unit"] or match["before"]):
            continue
        if text.is_fixed(*match.span()):
            continue
        try:
            after = _plain(match, text)
        except _Left as left:
            yield Remark(*match.span(), str(left))
            continue
        if after != match[0]:
            yield Change(*match.span(), after)


def _numbers(value: str) -> Iterator[re.Match[str]]:
    """What is written as a number of its own, one after the other; looked for at digits only, which are few."""
    place = 0
    for digits in _DIGITS.finditer(value):
        start = digits.start()
        if start < place:
            continue
        match = _NUMBER.match(value, start)
        lead = _LEAD.search(value, max(place, start - 5), start) if match else None
        if lead and (match := _NUMBER.match(value, lead.start())):
            place = match.end()
            yield match


def _plain(match: re.Match[str], text: Text) -> str:
    written = match["unit"] or ""
    if written and (match["before"] or (written.lower() in _APART and not (written.islower() and match["gap"]))):
        return match[0]
    number = _number(match, text)
    if number is None:
        return match[0]
    sign = (match["sign"] or "").replace("−", "-")
    if match["before"] == "$":
        return f"{sign}${number}"
    unit = _BEFORE[match["before"].upper()] if match["before"] else _UNITS.get(written.lower(), "")
    gap = match["gap"] if unit == "%" else " " if unit else ""
    return f"{sign}{number}{gap}{unit}"


def _number(match: re.Match[str], text: Text) -> str | None:
    """The digits with a decimal point at most; None where they had better stay as they are.

    What this writes it leaves: three digits behind a point are only ever written where they cannot be thousands.
    """
    whole, separator, point, decimals = match["whole"], match["thousands"], match["point"], match["decimals"]
    digits = re.sub(r"\D", "", whole)
    amount = bool(match["unit"] or match["before"] or match["none"])  # a measured amount is no list and no reference
    if separator is None:
        if point == "," and not (amount or _has_comma(text)):
            return None
        return f"{digits}.{decimals}" if point else digits
    if point:
        return None if point == separator else f"{digits}.{decimals}"
    if whole.count(separator) > 1:
        return digits
    if separator not in ".,":
        return digits if amount or separator != " " else None
    if whole.startswith("0"):
        return whole.replace(",", ".") if amount or _has_comma(text) else None
    if text.language is None:
        raise _Left("may be thousands or decimals: the language is not known")
    if _has_comma(text):
        if separator == "." and amount:
            return digits
        raise _Left("may be thousands or decimals")
    return digits if separator == "," else None


def _has_comma(text: Text) -> bool:
    """Whether the text's language writes decimals with a comma."""
    return text.language in _WITH_COMMA


RULE = Rule(
    name="numbers",
    title="Numbers and units",
    prepare=prepare,
    leaves="Versions, dates, addresses, references (12.345-Z), code; $ and kr, which many currencies share, stay as signs.",
    source="SI Brochure, 9th edition, 5.4; ISO 80000-1, 7.3; ISO 4217",
)
