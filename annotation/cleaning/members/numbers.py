"""Numbers with a decimal point and without separators of thousands, units as the SI writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

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
    "mg": "mg", "kg": "kg", "kgs": "kg", "kilo": "kg", "kilos": "kg", "grs": "g", "gr": "g", "ml": "ml", "cl": "cl", "dl": "dl", "l": "l", "ltr": "l", "ltrs": "l", "g": "g",
    "min": "min", "mins": "min",
    "kw": "kW", "kwh": "kWh", "mwh": "MWh", "khz": "kHz", "mhz": "MHz", "ghz": "GHz", "hz": "Hz",
    "mb": "MB", "gb": "GB", "tb": "TB", "kbit/s": "kbit/s", "mbit/s": "Mbit/s", "mbps": "Mbit/s", "gbps": "Gbit/s",
    "km/h": "km/h", "kmh": "km/h", "kph": "km/h", "°c": "°C", "° c": "°C", "ºc": "°C", "º c": "°C", "°f": "°F",
    "$": "$", "kr": "kr", "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "sek": "SEK", "chf": "CHF", "gbp": "GBP", "usd": "USD", "£": "GBP",
    "%": "%",
}  # fmt: skip
# Only in lower case and behind a space: 10M and 10m are millions, minutes, metres; 5G is a network.
_APART = {"m", "mm", "l", "g"}
_BEFORE = {"€": "EUR", "£": "GBP", "EUR": "EUR", "GBP": "GBP", "CHF": "CHF", "SEK": "SEK", "USD": "USD", "US$": "USD"}

_GROUPS = (
    rf"[0-9]{{1,3}}(?:(?P<thousands>[.,{_APOSTROPHES}{_SPACES}])[0-9]{{3}}(?:(?P=thousands)[0-9]{{3}})*+)(?![0-9])"
)
_NUMBER = re.compile(
    rf"(?P<whole>{_GROUPS}|[0-9]{{1,12}})(?:(?P<point>[.,])(?P<decimals>[0-9]{{1,9}}))?(?P<none>,[-–])?"
)
# What may be a unit; whether it is, says the table, which is quicker than to try all spellings.
_UNIT = re.compile(
    rf"([{_SPACES}]?)(sq[. ]m|[°º] ?[cf]|[€£$%]|[a-z]{{1,5}}(?:[²³]|\^?[23]|/[hs])?)(?![\w²³^/]|-\w)", re.IGNORECASE
)
# What may stand between a number and the word before, and belongs to it: a sign, a currency.
_LEAD = re.compile(
    rf"(?<![\w.,:/+#@$€£{_APOSTROPHES}^~=-])(?<![0-9][{_SPACES}])([-−+]?)(?:(US\$|[$€£]|EUR|GBP|CHF|SEK|USD)[{_SPACES}]?)?\Z",
    re.IGNORECASE,
)
_ENDS = re.compile(rf"(?![\w@#/]|[.,:'’][0-9]|-\w|[{_SPACES}][0-9]{{3}}\b)")
_CURRENCIES = frozenset({"$", "kr", *_BEFORE.values()})
# What has prices of three decimals: fuel, energy, exchange rates, shares.
_FINE_PRICES = re.compile(
    r"lit(?:re|er|ro)s?\b|litern|\bkwh\b|kilowatt|kilovatio|gallon|galón|\bgal\b|/ ?l\b|benzin|diesel|gasoil|gasóleo|gasolin|petrol\b|bensin|"
    r"essence\b|sprit\b|\bfuel|carburante|carburant|combustible|kraftstoff|drivmedel|exchange|\brates?\b|\bkurs|wechselkurs|växelkurs|tipo de cambio|"
    r"\btaux\b|cours de change|per share|pro aktie|par action|por acción",
    re.IGNORECASE,
)
_NEAR = 48  # signs before and behind an amount in which that is said
_ENDS_CURRENCY = frozenset("$€£RPFKDrpfkd")  # the last signs of those


class _Number(NamedTuple):
    """A number as it is written, with what belongs to it; parts that it has not are empty."""

    start: int
    end: int
    sign: str
    before: str
    """The currency before it, in upper case."""
    whole: str
    thousands: str
    """What separates thousands."""
    point: str
    decimals: str
    is_price: bool
    """Whether ",-" stands behind it."""
    gap: str
    unit: str

    @property
    def is_money(self) -> bool:
        return bool(self.before) or self.is_price or _UNITS.get(self.unit.lower()) in _CURRENCIES


class _Left(Exception):
    """Why a number is left as it is."""


def prepare() -> Look:
    """Writes 1.234,50 € as 1234.50 EUR: decimal point, no separators of thousands, a space before the unit, units in their SI
    signs (qm and m2 as m², kgs as kg, ° c as °C) and currencies in their ISO 4217 codes behind the amount.

    What "1.234" is, hangs on the language, also of money: fuel costs 1,759 €. Where that does not tell, it is noted and left.
    """
    return _look


def _look(text: Text) -> Iterator[Change | Remark]:
    for number in _numbers(text):
        start, end = number.start, number.end
        if text.is_fixed(start, end):
            continue
        try:
            after = _plain(number, text)
        except _Left as left:
            yield Remark(start, end, str(left))
            continue
        if after is not None and after != text.value[start:end]:
            yield Change(start, end, after)


def _numbers(text: Text) -> Iterator[_Number]:
    """What is written as a number of its own and has a separator, a unit or a currency, one after the other."""
    value = text.value
    place = 0
    for start, _ in text.digits:
        if start < place:
            continue
        match = _NUMBER.match(value, start)
        assert match  # it begins with a digit
        end, gap, unit = _with_unit(value, match.end())
        whole, thousands, point, decimals, price = match.groups(default="")
        if not (unit or thousands or point or value[max(0, start - 2) : start].rstrip()[-1:] in _ENDS_CURRENCY):
            continue
        lead = _LEAD.search(value, max(place, start - 5), start)
        if lead is None or not _ENDS.match(value, end) or not (unit or thousands or point or lead[2]):
            continue
        place = end
        before = (lead[2] or "").upper()
        yield _Number(lead.start(), end, lead[1], before, whole, thousands, point, decimals, bool(price), gap, unit)


def _with_unit(value: str, end: int) -> tuple[int, str, str]:
    """Where a number that ends at `end` ends together with its unit, the space before that, and the unit as it is written."""
    match = _UNIT.match(value, end)
    if match is None or match[2].lower() not in _UNITS:
        return end, "", ""
    return match.end(), match[1], match[2]


def _plain(number: _Number, text: Text) -> str | None:
    """The number as it should be written; None where it had better stay as it is."""
    written = number.unit
    if written and (number.before or (written.lower() in _APART and not (written.islower() and number.gap))):
        return None
    digits = _digits(number, text)
    if digits is None:
        return None
    signed = number.sign.replace("−", "-") + ("$" if number.before == "$" else "") + digits
    unit = _BEFORE.get(number.before, "") or _UNITS.get(written.lower(), "")
    gap = number.gap if unit == "%" else " " if unit else ""
    return f"{signed}{gap}{unit}"


def _digits(number: _Number, text: Text) -> str | None:
    """Digits with a decimal point at most; None where they had better stay as they are.

    What this writes it leaves: three digits behind a point are only ever written where they cannot be thousands.
    """
    whole, separator, point = number.whole, number.thousands, number.point
    digits = re.sub("[^0-9]", "", whole)
    amount = bool(number.unit or number.before or number.is_price)  # a measured amount is no list and no reference
    if not separator:
        if point == "," and not (amount or _has_comma(text)):
            return None
        return f"{digits}.{number.decimals}" if point else digits
    if point:
        return None if point == separator else f"{digits}.{number.decimals}"
    if separator == " ":  # between other numbers too: phones, references
        return digits if amount or (whole.count(separator) > 1 and _has_comma(text)) else None
    if separator not in ".," or whole.count(separator) > 1:
        return digits
    if whole.startswith("0"):
        return whole.replace(",", ".") if amount or _has_comma(text) else None
    # 1.234,- and $1,000 are thousands in any language
    if number.is_price or (number.is_money and whole.endswith("000")):
        return digits
    if number.is_money and _may_be_fine(number, text):
        raise _Left("may be thousands, or a price of three decimals")
    if text.language is None:
        raise _Left("may be thousands or decimals: the language is not known")
    if _has_comma(text):
        if separator == "." and amount:
            return digits
        raise _Left("may be thousands or decimals")
    if separator == "." and number.is_money:
        raise _Left("may be thousands or decimals")
    return digits if separator == "," else None


def _may_be_fine(number: _Number, text: Text) -> bool:
    """Whether the text speaks of what costs less than ten with three decimals, as a litre of fuel does, whatever the mark."""
    if number.whole.index(number.thousands) > 2:
        return False
    before, behind = (
        text.value[max(0, number.start - _NEAR) : number.start],
        text.value[number.end : number.end + _NEAR],
    )
    return _FINE_PRICES.search(f"{before}\n{behind}") is not None


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
