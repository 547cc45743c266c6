"""Dates and times as ISO 8601, in five languages; what can be read in two ways is told and left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from datetime import timezone as fixed_zone
from typing import Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from annotation.cleaning.dates import MONTH_OF, OFFSETS, SEVERAL_OFFSETS, Written, dates
from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.rule import Change, Look, Remark, Rule
from annotation.cleaning.text import Text

DayOrder = Literal["dmy", "mdy"]

# What "5/3/2024" means where the language alone says it. English does not: Britain and America differ.
_ORDER_OF: dict[str, DayOrder] = {"es": "dmy", "de": "dmy", "fr": "dmy", "sv": "dmy"}

_Parts = Mapping[str, str | None]


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

    Noted and left: dates with two readings, years of two digits, days that there are not, times that a change of the clock skips
    or has twice, zones whose abbreviation several have (IST), and the end of a span that shares its month (5–7 March 2024).
    """
    if day_order not in (None, "dmy", "mdy"):
        raise CleaningInputError(f"day_order={day_order!r} is neither 'dmy' nor 'mdy'")
    settings = _Settings(_zone(zone) if zone else None, cast("DayOrder | None", day_order))
    return lambda text: _look(text, settings)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # what it raises hangs on how the name is wrong
        raise CleaningInputError(f"there is no time zone {name!r}") from error


def _look(text: Text, settings: _Settings) -> Iterator[Change | Remark]:
    for found in dates(text):
        start, end = found.start, found.end
        if text.is_fixed(start, end):
            continue
        try:
            after = _iso(found, text, settings)
        except _Left as left:
            yield Remark(start, end, str(left))
            continue
        if after is not None and after != text.value[start:end]:
            yield Change(start, end, after)


def _iso(found: Written, text: Text, settings: _Settings) -> str | None:
    """The date, with its time, in ISO 8601; None where it is no date. Raises _Left where it is one and not to be written so."""
    parts = found.parts
    numbers = _numbers(parts, text, settings)
    if numbers is None:
        return None
    if found.in_span:
        raise _Left("part of a span of days")
    try:
        day = date(*numbers).isoformat()
    except ValueError:
        raise _Left("there is no such day") from None
    if not found.has_time:
        return day
    hour = int(parts["hour"] or 0)
    if half := parts.get("half"):
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    if _may_be_hours(parts, hour):
        raise _Left("may be a span of hours or a time with its zone")
    moment = datetime.fromisoformat(f"{day}T{hour:02}:{parts['minute'] or '00'}:{parts['second'] or '00'}")
    clock = moment.isoformat(timespec="seconds" if parts["second"] else "minutes")
    fraction = (parts.get("fraction") or "").replace(",", ".")
    return clock + fraction + _offset(parts["zone"], moment, settings.zone)


def _may_be_hours(parts: _Parts, hour: int) -> bool:
    """Whether what reads as the zone may be the hour until which something goes on: 9:00-11:00."""
    zone = parts["zone"] or ""
    if not zone.startswith("-") or ":" not in zone or parts["second"] or (parts["time"] or "").startswith("T"):
        return False
    return (int(zone[1:3]), zone[4:]) > (hour, parts["minute"])


def _numbers(parts: _Parts, text: Text, settings: _Settings) -> tuple[int, int, int] | None:
    """Year, month and day of what is written; None where it is no date: 5 Monkeys 2024, 1.2.34, 45/12/2024.
    Raises _Left where it is not clear which day is meant."""
    year = (parts["year"] or "").lstrip("'’")
    if parts.get("first") and len(year) == 4:
        return _by_order(parts, int(year), text, settings)
    if parts.get("first"):
        if _is_without_century(parts, text):
            raise _Left("the year has two digits")
        return None
    name = (parts["month"] or parts.get("month_between") or "").lower()
    month = int(name) if name.isdigit() else MONTH_OF.get(name)
    if month is None:
        return None
    if len(year) == 2:
        raise _Left("the year has two digits")
    return int(year), month, int(parts["day"] or 0)


def _by_order(parts: _Parts, year: int, text: Text, settings: _Settings) -> tuple[int, int, int] | None:
    """Year, month and day of 5/3/2024, in the only order that there is, the one that is asked for, or that of the language."""
    first, other = int(parts["first"] or 0), int(parts["other"] or 0)
    if not first or not other:
        return None
    order = _only_order(first, other) or settings.day_order or _ORDER_OF.get(text.language or "")
    if order is None and parts["mark"] == ".":  # with points the day comes first wherever they are used
        order = "dmy"
    if order is None:
        raise _Left("may be day/month or month/day: give day_order")
    month, day = (other, first) if order == "dmy" else (first, other)
    return (year, month, day) if month <= 12 and day <= 31 else None


def _only_order(first: int, other: int) -> DayOrder | None:
    """The order in which the two numbers can be day and month; None where both are possible."""
    if first > 12 or first == other:
        return "dmy"
    return "mdy" if other > 12 else None


def _is_without_century(parts: _Parts, text: Text) -> bool:
    """Whether it is a date with a year of two digits, in either order. In English 1.2.34 and 1-2-34 are versions, chapters and
    scores as often."""
    first, other = sorted((parts["first"] or "", parts["other"] or ""), key=int)
    if not (1 <= int(first) <= 12 and 1 <= int(other) <= 31):
        return False
    looks_so = parts["mark"] == "/" or len(first) == len(other) == 2 or parts["time"] is not None
    return looks_so or text.language in _ORDER_OF


def _offset(written: str | None, moment: datetime, zone: tzinfo | None) -> str:
    """How ISO 8601 writes the zone: as written, else of the given zone at that moment, else nothing."""
    if written is None:
        return "" if zone is None else _iso_offset(_known_offset(moment, zone))
    if "/" in written:
        return _iso_offset(_known_offset(moment, _named_zone(written)))
    name, sign, digits = cast(re.Match[str], re.fullmatch(r"([A-Z]*)(?:([+-])([\d:]+))?", written)).groups()
    if name in SEVERAL_OFFSETS:
        raise _Left(f"{name} means several zones")
    if not sign:
        return "Z" if name == "Z" else _iso_offset(timedelta(minutes=OFFSETS[name]))
    hours, minutes = cast(re.Match[str], re.fullmatch(r"(\d{1,2}):?(\d\d)?", digits)).groups()  # 1, 01, 0130, 1:30
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if offset > timedelta(hours=14):
        raise _Left("no zone is that far from UTC")
    return _iso_offset(-offset if sign == "-" else offset)


def _named_zone(name: str) -> ZoneInfo:
    try:
        return _zone(name)
    except CleaningInputError as error:
        raise _Left(str(error)) from error


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
