"""How figures and times are written on every page: − for minus, a comma for thousands, [a, b] for an interval."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

MISSING = "–"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def number(value: float | None, digits: int = 2) -> str:
    """A figure with a true minus; a dash where there is none, never 0."""
    if value is None or value != value:
        return MISSING
    text = f"{value:,.{digits}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else f"−{text[1:]}"
    return text


def signed(value: float | None, digits: int = 2) -> str:
    """A difference: its sign always shows, except for zero."""
    text = number(value, digits)
    if value is None or value != value or text.startswith("−") or not text.strip("0.,"):
        return text
    return f"+{text}"


def interval(pair: Sequence[float | None] | None, digits: int = 2) -> str:
    """`[lo, hi]`, or a dash where either end is missing."""
    if pair is None or len(pair) != 2 or any(end is None or end != end for end in pair):
        return MISSING
    return f"[{number(pair[0], digits)}, {number(pair[1], digits)}]"


def thousands(value: float | None) -> str:
    return number(value, 0)


def percent(proportion: float | None, digits: int = 0) -> str:
    """A proportion from 0 to 1 as `78 %`, with a space that does not break."""
    return MISSING if proportion is None or proportion != proportion else f"{number(100 * proportion, digits)}\u00a0%"


def duration(seconds: float | None) -> str:
    """`41 s`, `12 min`, `3.2 h`, `2 days`: what one can take in at a glance."""
    if seconds is None or seconds != seconds:
        return MISSING
    if seconds < 1.5 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 1.5 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 1.5 * _DAY:
        return f"{seconds / _HOUR:.1f} h"
    return f"{seconds / _DAY:.0f} days"


def exact(at: datetime) -> str:
    """`9 March 2026, 16:40 UTC`, in the site's time zone."""
    local = timezone.localtime(at)
    return f"{local.day} {local:%B %Y, %H:%M} {local.tzname()}"


def relative(at: datetime, *, now: datetime) -> str:
    """`4 min ago`, `yesterday`, `2 March`, `2 March 2025`; `in 4 min` for what is to come."""
    seconds = (now - at).total_seconds()
    if seconds < -1:
        return f"in {duration(-seconds)}"
    if seconds < 10:
        return "just now"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    day, today = timezone.localtime(at), timezone.localtime(now)
    if seconds < _DAY and day.date() == today.date():
        return f"{seconds // _HOUR:.0f} h ago"
    if day.date() == (today - timedelta(days=1)).date():
        return "yesterday"
    if seconds < 7 * _DAY:
        return f"{(today.date() - day.date()).days} days ago"
    return f"{day.day} {day:%B}" if day.year == today.year else f"{day.day} {day:%B %Y}"
