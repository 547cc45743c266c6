"""Dates and times as ISO 8601, in five languages; what can be read in two ways is told and left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from datetime import timezone as fixed_zone
from typing import Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from annotation.cleaning.dates import MONTH_OF, OFFSETS, PARTS_OF_DAY, SEVERAL_OFFSETS, Written, dates
from annotation.cleaning.errors import CleaningInputError
from annotation.cleaning.rule import Change, Look, Remark, Rule
from annotation.cleaning.text import Text
from annotation.cleaning.versions import is_numbered

DayOrder = Literal["dmy", "mdy"]

# What "5/3/2024" means where the language alone says it. English does not: Britain and America differ.
_ORDER_OF: dict[str, DayOrder] = {"es": "dmy", "de": "dmy", "fr": "dmy", "sv": "dmy"}

# Which hours a part of the day has as they are, and which it has twelve hours later: 11 at night is 23, 2 at night is 2.
_HOURS_OF: dict[str, tuple[range, range]] = {
    "morning": (range(12), range(0)),
    "noon": (range(11, 16), range(1, 4)),
    "afternoon": (range(12, 24), range(1, 9)),
    "evening": (range(16, 24), range(4, 12)),
    "night": (range(5), range(8, 12)),
}
_PART_OF_DAY = re.compile("|".join(f"(?P<{part}>{words})" for part, words in PARTS_OF_DAY.items()), re.IGNORECASE)

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
    or has twice, zones whose abbreviation several have (IST), the end of a span that shares its month (5–7 March 2024), times that
    may be before or after noon (on the evening of 5 March 2024 at 7:30), and what may be a version (version 10.11.2023).
    """
    if day_order not in (None, "dmy", "mdy"):
        raise CleaningInputError(f"day_order={day_order!r} is neither 'dmy' nor 'mdy'")
    if not isinstance(zone, str | None):
        raise CleaningInputError(f"zone={zone!r} is not the name of a time zone, as Europe/Madrid is")
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
    if (parts.get("mark") or "") in (".", "/") and is_numbered(text.value, found.start):
        raise _Left("may be the number of a version")
    if found.in_span:
        raise _Left("part of a span of days")
    if found.in_doubt:
        raise _Left("what stands beside the time may change it")
    try:
        day = date(*numbers).isoformat()
    except ValueError:
        raise _Left("there is no such day") from None
    if not found.has_time:
        return day
    hour = int(parts["hour"] or 0)
    if half := parts.get("half"):
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    elif part := parts.get("part"):
        hour = _in_part(part, hour, text)
    if _may_be_hours(parts, hour):
        raise _Left("may be a span of hours or a time with its zone")
    moment = datetime.fromisoformat(f"{day}T{hour:02}:{parts['minute'] or '00'}:{parts['second'] or '00'}")
    clock = moment.isoformat(timespec="seconds" if parts["second"] else "minutes")
    fraction = (parts.get("fraction") or "").replace(",", ".")
    return clock + fraction + _offset(parts["zone"], moment, settings.zone)


def _in_part(part: str, hour: int, text: Text) -> int:
    """The hour from 0 to 23 that is meant by the hour in the written part of the day. Raises _Left where it is not clear."""
    match = cast(re.Match[str], _PART_OF_DAY.fullmatch(part))
    stays, later = _HOURS_OF[cast(str, match.lastgroup)]
    if part[0] in "eEfF" and part.lower().replace(".", "") in ("em", "fm") and text.language != "sv":
        raise _Left(f"{part!r} is a part of the day in Swedish only")
    if hour not in stays and hour not in later:
        raise _Left(f"{hour} {part} may be either half of the day")
    return hour + 12 if hour in later else hour


def _may_be_hours(parts: _Parts, hour: int) -> bool:
    """Whether what reads as the zone may be the hour until which something goes on: 9:00-11:00."""
    zone = parts["zone"] or ""
    if not zone.startswith("-") or ":" not in zone or parts["second"] or (parts["time"] or "").startswith("T"):
        return False
    return (int(zone[1:3]), zone[4:]) > (hour, parts["minute"])


def _numbers(parts: _Parts, text: Text, settings: _Settings) -> tuple[int, int, int] | None:
    """Year, month and day of what is written; None where it is no date: 5 Monkeys 2024, 1.2.34, 45/12/2024.
    Raises _Left where it is not clear which day is meant."""
    if parts.get("swedish") and text.language != "sv":
        return None
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
