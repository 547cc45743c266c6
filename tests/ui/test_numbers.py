"""Figures and times as they are written on every page."""

from datetime import UTC, datetime, timedelta

import pytest

from ftplatform.ui import numbers

NOW = datetime(2026, 3, 10, 16, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12, "+0.12"),
        (-0.05, "−0.05"),
        (0, "0.00"),
        (-0.001, "0.00"),
        (1234.5, "+1,234.50"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_a_difference_shows_its_sign_and_a_missing_one_is_no_zero(value: float | None, text: str) -> None:
    assert numbers.signed(value) == text


def test_an_interval_has_true_minus_signs() -> None:
    assert numbers.interval((-0.05, 0.29)) == "[−0.05, 0.29]"


@pytest.mark.parametrize("pair", [None, (None, 1.0), (0.0, float("nan")), (1.0,)])
def test_an_interval_that_lacks_an_end_is_missing(pair: tuple[float, ...] | None) -> None:
    assert numbers.interval(pair) == "–"


def test_thousands_and_percent() -> None:
    assert numbers.thousands(12480) == "12,480"
    assert numbers.percent(0.784) == "78\u00a0%"
    assert numbers.percent(None) == "–"


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=30), "30 s ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(hours=20), "yesterday"),
        (timedelta(hours=40), "yesterday"),
        (timedelta(days=4), "4 days ago"),
        (timedelta(days=40), "29 January"),
        (timedelta(days=400), "3 February 2025"),
        (-timedelta(minutes=4), "in 4 min"),
    ],
)
def test_times_are_relative(ago: timedelta, text: str) -> None:
    assert numbers.relative(NOW - ago, now=NOW) == text


def test_the_exact_time_names_its_zone() -> None:
    assert numbers.exact(NOW) == "10 March 2026, 16:40 UTC"
