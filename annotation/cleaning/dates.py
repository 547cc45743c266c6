"""How dates and times are written in five languages, and where in a text they stand. What one means, says `members.timestamps`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from annotation.cleaning.text import Text

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
MONTH_OF = {
    name: number
    for months in (*_MONTHS.values(), *_SHORT.values())
    for number, spellings in enumerate(months.split(), 1)
    for name in spellings.split("|")
}
"""Number of a month by its name or abbreviation in lower case, also without accents."""
_UNACCENTED = str.maketrans("éûä", "eua")
MONTH_OF |= {name.translate(_UNACCENTED): number for name, number in MONTH_OF.items()}

OFFSETS = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "CET": 60, "MEZ": 60, "WEST": 60, "CEST": 120, "MESZ": 120, "EET": 120, "EEST": 180,
    "EST": -300, "EDT": -240, "CDT": -300, "MDT": -360, "PST": -480, "PDT": -420,
}  # fmt: skip
"""Minutes from UTC of the abbreviations that mean one offset."""
SEVERAL_OFFSETS = ("ACT", "AMT", "AST", "BST", "CST", "ECT", "GST", "IST", "MST", "SST", "WST")
"""Those that mean several: IST is India's, Israel's and Ireland's."""

_NAMES = "|".join(sorted((*OFFSETS, *SEVERAL_OFFSETS), key=len, reverse=True))
_MONTH = r"[^\W\d_]{3,10}"  # whether it is one, says the table, which is quicker than to try all names
_YEAR = r"(?:19|20)[0-9][0-9]"
_YEAR_OR_SHORT = rf"(?:{_YEAR}|['’]?[0-9][0-9](?![0-9h]|[:.,][0-9]))"
_DAY = r"(?:0?[1-9]|[12][0-9]|3[01])"
_NTH = r"(?:st|nd|rd|th|er|\.|:e|º|ª)"
_SPACE = "[ \u00a0\u202f]"

_HOUR = r"(?P<hour>[01]?[0-9]|2[0-3])"
_MINUTE = r"(?P<minute>[0-5][0-9])(?:[:.](?P<second>[0-5][0-9])(?P<fraction>[.,][0-9]{1,9})?)?"
_HALF = rf"(?:{_SPACE}?(?P<half>[ap]m\b|[ap]\.{_SPACE}?m\b\.?))?"
_SAID = rf"(?:{_SPACE}?(?P<said>uhr|horas|heures?|hrs|h)\b)?"
PARTS_OF_DAY = {
    "morning": "in the morning|de la (?:mañana|manana|madrugada)|morgens|früh|vormittags|am (?:morgen|vormittag)|in der früh|du matin|"
    r"(?:på|om) (?:morgonen|förmiddagen)|f\.?m\b\.?",
    "noon": "noon|del? mediod[ií]a|mittags|am mittag|du midi",
    "afternoon": "in the afternoon|de la tarde|nachmittags|am nachmittag|de l['’]apr[èe]s(?:-| )midi|(?:på|om) eftermiddagen|"
    r"e\.?m\b\.?",
    "evening": "in the evening|abends|am abend|du soir|(?:på|om) kvällen",
    "night": "at night|de la noche|nachts|in der nacht|de (?:la )?nuit|(?:på|om) natten",
}
"""What stands behind a time of twelve hours and says which half of the day it is in."""
_PART = rf"(?:{_SPACE}(?P<part>{'|'.join(PARTS_OF_DAY.values()).replace(' ', '[ ]')})(?!\w))?"
_ZONE = rf"""
    (?:[ ]?(?P<paren>\()?
      (?P<zone>(?-i:(?:{_NAMES})(?:[+-][0-9]{{1,2}}(?::?[0-9][0-9])?)?\b|[A-Z][a-z]+/[A-Z][A-Za-z_]+)|[+-][0-9][0-9]:?[0-9][0-9])
    (?(paren)\)))?
"""
_TIME = rf"{_HOUR}(?:(?P<colon>[:.]|{_SPACE}?h{_SPACE}?){_MINUTE})?{_HALF}{_SAID}{_PART}{_ZONE}"
_THEN = rf"""
    (?P<time>
      (?:T | :(?=[0-9]{{2}}:) | ,?[ ](?:(?:(?P<cue>kl\.?|klockan)|at|a[ ]las|las|um|à|den|o|@|-|–)[ ])?)
      {_TIME}
    )?
"""

# A date begins at a place where one is looked for, so that no part of a long number is taken for one.
_FIRST = r"(?<![\w/.:+-])(?<![0-9],)"
_AFTER = r"(?![\w/]|[-.,:][0-9])"


def _form(date: str, then: str = _THEN) -> re.Pattern[str]:
    return re.compile(_FIRST + date + then + _AFTER, re.VERBOSE | re.IGNORECASE)


_YEAR_FIRST = _form(
    rf"(?P<year>{_YEAR})(?P<mark>[-/.])(?P<month>[0-9][0-9]?|{_MONTH})(?P=mark)(?P<day>[0-9][0-9]?)"
)  # 2024-03-05, 2024-Mar-05
_NUMBERS = _form(
    rf"(?P<first>[0-9][0-9]?)(?P<mark>[-/.])[ ]?(?P<other>[0-9][0-9]?)(?P=mark)[ ]?(?P<year>{_YEAR}|[0-9][0-9])"
)  # 5.3.2024, 05/03/24
_SWEDISH = _form(
    rf"(?P<first>[0-9][0-9]?)(?P<mark>/)(?P<other>[0-9][0-9]?)(?P<swedish>[ -])(?P<year>{_YEAR}|(?<=-)[0-9][0-9])"
)  # 5/3 2024, 5/3-24
_DAY_FIRST = _form(
    rf"""(?P<day>{_DAY})(?:
        (?P<mark>[-/])(?P<month_between>{_MONTH})(?P=mark)                                # 05-Mar-2024, 05/Mar/2024:14:30:00
      | (?:{_NTH}?[ ]|\.)(?:de[ ]|of[ ])?(?P<month>{_MONTH})\.?,?[ ](?:del?[ ])?          # 5 March 2024, 5 de marzo de 2024
    )(?P<year>{_YEAR_OR_SHORT})"""
)
_YEAR_OR_TIME_FOLLOWS = re.compile("(?:st|nd|rd|th)?,?[ ]['’0-9]")
_MONTH_FIRST = _form(
    rf"(?P<month>{_MONTH})\.?[ ](?:the[ ])?(?P<day>{_DAY})(?:st|nd|rd|th)?,?[ ](?P<year>{_YEAR_OR_SHORT})"
)  # March 5, 2024
_CTIME = _form(
    rf"(?P<month>{_MONTH})[ ]{{1,2}}(?P<day>{_DAY})[ ](?P<time>{_TIME})[ ](?P<year>{_YEAR})", then=""
)  # Mar  5 14:30:00 2024
_BASIC = _form(
    rf"""(?P<year>{_YEAR})(?P<month>[01][0-9])(?P<day>[0-3][0-9])
    (?P<time>T(?P<hour>[01][0-9]|2[0-3])(?P<minute>[0-5][0-9])(?P<second>[0-5][0-9])?{_ZONE})""",
    then="",
)  # 20240305T143000Z

_TIME_BEFORE = re.compile(
    rf"(?<![\w/.:,+-])(?P<time>{_TIME})(?:,|[ ]?-)?[ ](?:(?:on|of|el|del|am|le|du|den)[ ](?:the[ ])?)?\Z",
    re.VERBOSE | re.IGNORECASE,
)  # 14:30 on

# A day before this one that has its month or year from it: 5 to, 5. -, 5 March and, 5.3. bis
_SPAN_BEFORE = re.compile(
    rf"(?<![\w.,/:-]){_DAY}(?:[./][ ]?(?:0?[1-9]|1[0-2])\.?|{_NTH}?(?:[ ](?:de[ ])?(?P<month>{_MONTH})\.?)?)"
    r"[ ]?(?:[-–—/&]|\b(?:to|till?|until|and|or|bis|und|oder|al?|y|o|au|et|ou|och|eller))[ ]?(?:the[ ]|el[ ]|le[ ]|den[ ])?\Z",
    re.IGNORECASE,
)
_FARTHEST = 40  # signs before a date in which a time or a day belongs to it

# What makes the time before a date the end of a span of hours, or less than is said: 10:00 and, between 10 and, half past.
_MORE_BEFORE = re.compile(
    rf"""
      [0-9](?:{_SPACE}?(?:[ap]\.?m\.?|uhr|horas|heures?|hrs|h))?
        (?:{_SPACE}?[-–—]{_SPACE}? | {_SPACE}(?:to|till?|until|and|or|bis|und|oder|al?|hasta|y|o|à|au|et|ou|och|eller)[ ](?:(?:las|kl\.?)[ ])?)\Z
    | \b(?:past|half|halb|viertel|halv|kvart|(?:[0-9]{{1,2}}|quarter|five|ten|twenty|viertel|fünf|zehn|zwanzig|kvart|fem|tio|tjugo)
        [ ](?:past|to|vor|nach|i|över))[ ]\Z
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MORE_BEHIND = re.compile("[ ](?:et (?:demie?|quart)|moins|y (?:media|cuarto|pico)|menos)\\b", re.IGNORECASE)
_HALF_BEHIND = re.compile(
    rf"{_SPACE}?(?:[-–—]|\b(?:to|till?|until|and|or|al?|hasta|y)\b){_SPACE}?(?:las )?[0-9]{{1,2}}(?:[:.][0-5][0-9])?{_SPACE}?p\.?{_SPACE}?m\b",
    re.IGNORECASE,
)  # to 3:30 pm
# Parts of the day in which a time of twelve hours is not what it seems to be; as a greeting they say nothing.
_LATE = re.compile(
    r"(?<!good )(?<!guten )(?<!schönen )(?<!god )(?<!bonne )\b(?:afternoon|evening|tonight|night|(?:la|est?a|aquella) (?:tarde|noche)|"
    r"mediod[ií]a|(?:nachm|m)ittags?|abends?|nachts?|apr[èe]s[ -]midi|soir(?:ée)?|nuit|eftermiddag\w*|kväll\w*|natt\w*)\b",
    re.IGNORECASE,
)
_SENTENCE_ENDS = re.compile(r"[.!?;](?:\s|\Z)|\n")
_BEFORE, _BEHIND = 32, 24  # signs beside a date with its time in which the part of the day may be said


class Written(NamedTuple):
    """A date as it stands at `text[start:end]`, with the time that belongs to it."""

    start: int
    end: int
    parts: dict[str, str | None]
    """year, and either day with month or month_between, or first and other, which are day and month in an order that is
    to be found out; mark is what separates them. With a time: hour, minute, second, fraction, half (of the day), zone."""
    has_time: bool
    in_span: bool
    """Whether a day stands before it that has its month or year from it: 5–7 March 2024."""
    in_doubt: bool = False
    """Whether the time may be in the other half of the day, or not all that is said: on the evening of … at 7, 2 heures et demie."""


def dates(text: Text) -> Iterator[Written]:
    """What is written as a date, one after the other."""
    lengths = [end - start for start, end in text.digits]
    if not (4 in lengths or 8 in lengths or lengths.count(2) + lengths.count(1) > 1):
        return
    place = last = 0  # where the date before ends, and the digits before
    for start, end in text.digits:
        if start >= place and (match := _date(text.value, start, end - start)):
            near = max(place, match.start() - _FARTHEST)
            written = _with_time(match, near if last > near else match.start())
            place = written.end
            yield written
        last = end


def _date(value: str, start: int, digits: int) -> re.Match[str] | None:
    """The date whose first number begins at `start` and has that many digits."""
    if digits == 4:
        return _YEAR_FIRST.match(value, start)
    if digits == 8:
        return _BASIC.match(value, start)
    if digits > 2:
        return None
    form = _NUMBERS if value[start + digits + 1 : start + digits + 3].strip()[:1].isdigit() else _DAY_FIRST
    match = form.match(value, start)
    if match is None and value.startswith("/", start + digits):
        return _SWEDISH.match(value, start)
    if match is None and _YEAR_OR_TIME_FOLLOWS.match(value, start + digits):
        return _month_first(value, start)
    return match


def _month_first(value: str, start: int) -> re.Match[str] | None:
    """The date whose month stands before the day at `start`: March 5, 2024."""
    before = value[max(0, start - 17) : start]
    if not before.endswith((" ", " the ")):
        return None
    month = before.removesuffix("the ").rstrip(" ").rpartition(" ")[2]
    month = month[month.rfind("\n") + 1 :]
    if month.rstrip(".").lower() not in MONTH_OF:
        return None
    begins = value.rindex(month, 0, start)
    return _MONTH_FIRST.match(value, begins) or _CTIME.match(value, begins)


def _with_time(match: re.Match[str], near: int) -> Written:
    """The date with the time behind it or, where there is none, the one before it, from `near` on."""
    value, (start, end), parts = match.string, match.span(), match.groupdict()
    day = _SPAN_BEFORE.search(value, near, start) if near < start else None
    in_span = day is not None and (day["month"] is None or day["month"].lower() in MONTH_OF)
    if parts["time"]:
        if _is_time(parts):
            return Written(start, end, parts, True, in_span, _is_in_doubt(value, start, end, parts))
        end = match.start("time")
    time = _TIME_BEFORE.search(value, near, start) if near < start else None
    if time and _is_time(time.groupdict()) and not _MORE_BEFORE.search(value, near, time.start()):
        parts |= time.groupdict()
        return Written(time.start(), end, parts, True, in_span, _is_in_doubt(value, time.start(), end, parts))
    return Written(start, end, parts, False, in_span)


def _is_in_doubt(value: str, start: int, end: int, parts: Mapping[str, str | None]) -> bool:
    """Whether what stands beside the date with its time, at `value[start:end]`, may say another time."""
    if (parts["time"] or "").startswith("T"):
        return False
    if _MORE_BEHIND.match(value, end):
        return True
    if parts.get("half") or parts.get("part") or not 1 <= int(parts["hour"] or 0) <= 12:
        return False
    before = _SENTENCE_ENDS.split(value[max(0, start - _BEFORE) : start])[-1]
    behind = _SENTENCE_ENDS.split(value[end : end + _BEHIND])[0]
    return bool(_LATE.search(before) or _LATE.search(behind) or _HALF_BEHIND.match(value, end))


def _is_time(parts: Mapping[str, str | None]) -> bool:
    """Whether it is one: 14:30, 14h30, 2 pm, 14 Uhr, kl. 14, 2 in the afternoon; but 10.50 may be a price and 12 anything."""
    if parts.get("half"):
        return 1 <= int(parts["hour"] or 0) <= 12
    if parts.get("said") or parts.get("cue") or parts.get("part"):
        return True
    return parts["minute"] is not None and (parts.get("colon") != "." or parts["second"] is not None)
