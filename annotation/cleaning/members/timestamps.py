"""Dates and times as ISO 8601, in five languages; what can be read in two ways is told and left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from datetime import timezone as fixed_zone
from typing import Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.rule import Change, Look, Remark, Rule
from annotation.cleaning.text import Text

DayOrder = Literal["dmy", "mdy"]

# What "5/3/2024" means where the language alone says it. English does not: Britain and America differ.
_ORDER_OF: dict[str, DayOrder] = {"es": "dmy", "de": "dmy", "fr": "dmy", "sv": "dmy"}

_MONTHS = {
    "en": "january february march april may june july august september october november december",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre|setiembre octubre noviembre diciembre",
    "de": "januar|jänner februar|feber märz april mai juni juli august september oktober november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}
_SHORT = {
    "en": "jan feb mar apr may jun jul aug sep|sept oct nov dec",
    "es": "ene feb mar abr may jun jul ago sep|sept oct nov dic",
    "de": "jan feb mär|mrz apr mai jun jul aug sep|sept okt nov dez",
    "fr": "janv févr|fév mars avr mai juin juil août sept oct nov déc",
    "sv": "jan feb mar|mars apr maj jun jul aug sep|sept okt nov dec",
}
_MONTH_OF = {
    name: number
    for months in (*_MONTHS.values(), *_SHORT.values())
    for number, spellings in enumerate(months.split(), 1)
    for name in spellings.split("|")
}
_UNACCENTED = str.maketrans("éûä", "eua")
_MONTH_OF |= {name.translate(_UNACCENTED): number for name, number in _MONTH_OF.items()}

# Abbreviations that mean one offset everywhere; CST, IST, BST and their like do not.
_OFFSETS = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "CET": 60, "MEZ": 60, "WEST": 60, "CEST": 120, "MESZ": 120, "EET": 120, "EEST": 180,
    "EST": -300, "EDT": -240, "CDT": -300, "MDT": -360, "PST": -480, "PDT": -420,
}  # fmt: skip

_MONTH = r"[^\W\d_]{3,10}"  # whether it is one, says the table, which is quicker than to try all names
_YEAR = r"(?:19|20)[0-9][0-9]"
_DAY = r"(?:0?[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?P<hour>[01]?[0-9]|2[0-3])(?P<colon>[:.h])(?P<minute>[0-5][0-9])(?:[:.](?P<second>[0-5][0-9])(?P<fraction>[.,][0-9]{1,9})?)?"
_ZONE = rf"(?P<zone>(?-i:{'|'.join(sorted(_OFFSETS, key=len, reverse=True))})(?:[+-][0-9]{{1,2}}(?::?[0-9][0-9])?)?\b|[+-][0-9][0-9]:?[0-9][0-9])"
_TIME = rf"(?:{_CLOCK}(?:[ \u00a0\u202f]?(?P<half>[ap]\.?m\b\.?))?(?:[ ]?(?:uhr|horas|hrs|h)\b)?(?:[ ]?(?:{_ZONE}))?)"
_BETWEEN = r"(?:T|,?[ ](?:(?:at|a[ ]las|las|um|à|kl\.?|klockan|den|o|-|–)[ ])?)"
_AFTER = r"(?![\w/]|[-.,:][0-9])"

# Both begin at a place where one is looked for, so that no part of a long number is taken for a date.
_FIRST = r"(?<![\w/.:+-])(?<![0-9],)"
_NUMBER_FIRST = re.compile(
    rf"""
    {_FIRST}
    (?:
        (?P<y1>{_YEAR})(?P<sep1>[-/.])(?P<m1>[0-9][0-9]?)(?P=sep1)(?P<d1>[0-9][0-9]?)                                   # 2024-03-05
      | (?P<n1>[0-9][0-9]?)(?P<sep2>[-/.])[ ]?(?P<n2>[0-9][0-9]?)(?P=sep2)[ ]?(?P<y2>{_YEAR}|[0-9][0-9])                      # 5.3.2024, 05/03/24
      | (?P<d3>{_DAY})(?:(?:st|nd|rd|th|er|\.|:e|º|ª)?[ ]|\.)(?:de[ ]|of[ ])?(?P<m3>{_MONTH})\.?,?[ ](?:del?[ ])?(?P<y3>{_YEAR})   # 5 March 2024
      | (?P<d5>{_DAY})-(?P<m5>{_MONTH})-(?P<y5>{_YEAR})                                                      # 05-Mar-2024
    )
    (?P<time>{_BETWEEN}{_TIME})?
    {_AFTER}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    rf"{_FIRST}(?P<m4>{_MONTH})\.?[ ](?P<d4>{_DAY})(?:st|nd|rd|th)?,?[ ](?P<y4>{_YEAR})(?P<time>{_BETWEEN}{_TIME})?{_AFTER}",
    re.IGNORECASE,
)  # March 5, 2024
_HINT = re.compile(r"[0-9][/.-] ?[0-9]{1,2}[/.-] ?[0-9][0-9]|(?:19|20)[0-9][0-9]")
_SAYS_TIME = re.compile(
    r"uhr|\bkl|hor|hrs|\bh\b|m\.?$|\.[0-9][0-9]\.[0-9][0-9]", re.IGNORECASE
)  # 10.50 alone may be a price


@dataclass(frozen=True)
class _Settings:
    zone: tzinfo | None
    day_order: DayOrder | None


class _Left(Exception):
    """Why a date is left as it is."""


def prepare(*, zone: str | None = None, day_order: str | None = None) -> Look:
    """Writes dates as 2024-03-05 and dates with a time as 2024-03-05T14:30, with the offset from UTC where the text has one.

    zone       IANA name (Europe/Madrid) of times that have no zone; None, the default, leaves them without offset
    day_order  "dmy" or "mdy": what 5/3/2024 is; None, the default: day first in Spanish, German, French and Swedish, while in
               English and in unknown languages only what has one reading (25/3/2024) is written anew

    Dates with two readings, years of two digits, and times that a change of the clock skips or has twice are noted and left.
    """
    if day_order not in (None, "dmy", "mdy"):
        raise CleaningInputError(f"day_order={day_order!r} is neither 'dmy' nor 'mdy'")
    try:
        where = ZoneInfo(zone) if zone else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # what it raises hangs on how the name is wrong
        raise CleaningInputError(f"there is no time zone {zone!r}") from error
    settings = _Settings(where, cast("DayOrder | None", day_order))
    return lambda text: _look(text, settings)


def _look(text: Text, settings: _Settings) -> Iterator[Change | Remark]:
    if not _HINT.search(text.value):
        return
    for match in _dates(text):
        if text.is_fixed(*match.span()):
            continue
        try:
            after = _iso(match, text, settings)
        except _Left as left:
            yield Remark(*match.span(), str(left))
            continue
        if after != match[0]:
            yield Change(*match.span(), after)


def _dates(text: Text) -> Iterator[re.Match[str]]:
    """What is written as a date, one after the other."""
    place = 0
    for start, end in text.digits:
        if start < place or end - start not in (1, 2, 4):
            continue
        match = _NUMBER_FIRST.match(text.value, start) or _month_first(text.value, start)
        if match:
            place = match.end()
            yield match


def _month_first(value: str, start: int) -> re.Match[str] | None:
    """The date whose month stands before the digits at `start`: March 5, 2024."""
    before = value[max(0, start - 13) : start]
    if not before.endswith(" "):
        return None
    word = before[:-1].rpartition(" ")[2]
    word = word[word.rfind("\n") + 1 :]
    return _MONTH_FIRST.match(value, start - 1 - len(word)) if word.rstrip(".").lower() in _MONTH_OF else None


def _iso(match: re.Match[str], text: Text, settings: _Settings) -> str:
    """The match in ISO 8601; as it is where it is no date."""
    found = match.groupdict()
    if found.get("y2") and len(found["y2"]) == 2 and found["sep2"] != "/" and not found["time"]:
        return match[0]  # 1.2.34 and 10-20-30 are versions, chapters, scores as often
    try:
        day = _date(found, text, settings).isoformat()
    except (ValueError, KeyError):
        return match[0]  # 31.02.2024, 45/12/2024, 5 Monkeys 2024
    if not match["time"]:
        return day
    hour = _hour(match)
    if hour is None or (match["colon"] == "." and not _SAYS_TIME.search(match["time"])):
        return day + match["time"]
    moment = datetime.fromisoformat(f"{day}T{hour:02}:{match['minute']}:{match['second'] or '00'}")
    clock = moment.isoformat(timespec="seconds" if match["second"] else "minutes")
    fraction = (match["fraction"] or "").replace(",", ".")
    return clock + fraction + _offset(match["zone"], moment, settings.zone)


def _date(found: dict[str, str], text: Text, settings: _Settings) -> date:
    """Of the groups of a match. Raises ValueError where there is no such day, KeyError where no such month,
    _Left where it is not clear which is meant."""
    for form in "1345":
        if year := found.get("y" + form):
            month = found["m" + form]
            return date(int(year), int(month) if month.isdigit() else _MONTH_OF[month.lower()], int(found["d" + form]))
    first, second, year = int(found["n1"]), int(found["n2"]), found["y2"]
    if not 1 <= min(first, second) <= 12 or max(first, second) > 31:
        raise ValueError
    if len(year) == 2:
        raise _Left("the year has two digits")
    order = settings.day_order or _ORDER_OF.get(text.language or "") or _only_order(found["sep2"], first, second)
    return date(int(year), second, first) if order == "dmy" else date(int(year), first, second)


def _only_order(separator: str, first: int, second: int) -> DayOrder:
    """The order in which the two numbers can be day and month, where nothing else tells it."""
    if first > 12 or first == second or separator == ".":  # with points the day comes first wherever they are used
        return "dmy"
    if second > 12:
        return "mdy"
    raise _Left("may be day/month or month/day: give day_order")


def _hour(match: re.Match[str]) -> int | None:
    hour = int(match["hour"])
    if not match["half"]:
        return hour
    if not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if match["half"][0] in "pP" else 0)


def _offset(written: str | None, moment: datetime, zone: tzinfo | None) -> str:
    """How ISO 8601 writes the zone: as written, else of the given zone at that moment, else nothing."""
    if written is None:
        return "" if zone is None else _iso_offset(_known_offset(moment, zone))
    name, sign, digits = cast(re.Match[str], re.fullmatch(r"([A-Z]*)(?:([+-])([\d:]+))?", written)).groups()
    if not sign:
        return "Z" if name == "Z" else _iso_offset(timedelta(minutes=_OFFSETS[name]))
    digits = digits.replace(":", "").zfill(2)
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    if offset > timedelta(hours=14):
        raise _Left("no zone is that far from UTC")
    return _iso_offset(-offset if sign == "-" else offset)


def _known_offset(moment: datetime, zone: tzinfo) -> timedelta:
    early = moment.replace(tzinfo=zone, fold=0).utcoffset()
    late = moment.replace(tzinfo=zone, fold=1).utcoffset()
    if early is None or early != late:
        raise _Left(f"the clock changed then in {zone}, so that there are two such times or none")
    return early


def _iso_offset(offset: timedelta) -> str:
    return datetime(2000, 1, 1, tzinfo=fixed_zone(offset)).isoformat()[19:] if offset else "Z"


RULE = Rule(
    name="timestamps",
    title="Dates and times",
    prepare=prepare,
    leaves="Dates with two readings, years of two digits, times without a date, dates without a year, code and addresses.",
    source="ISO 8601-1:2019, extended format; RFC 3339",
)
