"""What the curves say in words, and the picture that a server draws of them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.curves import LABEL_GAP, MOST_POINTS, draw_losses, draw_shares, round_axis, step_ticks, thinned
from training.diagnosis import best_point, diagnose

FALLING = [(step, 2.6 * 0.985**step + 0.4) for step in range(1, 121)]
VALIDATION = [(0, 2.7), (20, 2.0), (40, 1.75), (60, 1.62), (80, 1.58), (100, 1.61), (120, 1.66)]


def test_validation_that_rises_twice_while_training_falls_is_overfitting() -> None:
    found = diagnose(FALLING, VALIDATION, patience=3)
    assert (found.code, found.state) == ("overfitting", "wait")
    assert "risen for two evaluations while training loss falls" in found.evidence
    assert "Best was step 80; it is kept." in found.evidence
    assert "after one more evaluation" in found.advice


def test_one_rise_is_no_alarm() -> None:
    assert diagnose(FALLING, VALIDATION[:6]).code == "level"
    assert diagnose(FALLING[:100], VALIDATION[:6], is_live=False).code == "healthy"


def test_a_rise_smaller_than_noise_is_no_alarm() -> None:
    level = [*VALIDATION[:5], (100, 1.582), (120, 1.583)]
    assert diagnose(FALLING, level).code == "level"


def test_both_losses_rising_is_not_overfitting_but_diverging() -> None:
    rising = [(step, 1 + step / 20) for step in range(1, 61)]
    found = diagnose(rising, [(0, 1.0), (20, 1.5), (40, 2.5), (60, 4.0)])
    assert (found.code, found.state) == ("diverging", "bad")
    assert "lower learning rate" in found.advice


def test_a_run_that_ended_while_it_still_learnt_is_told() -> None:
    found = diagnose(FALLING[:60], VALIDATION[:4], is_live=False)
    assert found.code == "unfinished" and "still falling when the run ended" in found.evidence
    assert diagnose(FALLING[:60], VALIDATION[:4], is_live=True).code == "falling"


def test_nothing_learnt_is_told() -> None:
    flat = [(step, 2.7) for step in (0, 20, 40)]
    assert diagnose([(step, 2.7) for step in range(1, 41)], flat).code == "nothing-learnt"


@pytest.mark.parametrize(
    ("train", "validation", "is_live", "code"),
    [
        ([], [], True, "not-begun"),
        ([], [], False, "not-begun"),
        ([(1, 2.0)], [(0, 2.1)], True, "early"),
        ([(1, 2.0)], [], False, "unvalidated"),
    ],
)
def test_what_cannot_be_told_yet_is_not_told(
    train: list[tuple[int, float]], validation: list[tuple[int, float]], is_live: bool, code: str
) -> None:
    assert diagnose(train, validation, is_live=is_live).code == code


def test_the_best_step_is_the_first_of_equals_and_never_the_untrained_model() -> None:
    assert best_point([(0, 0.1), (10, 1.5), (20, 1.2), (30, 1.2)]) == (20, 1.2)
    assert best_point([(0, 2.0)]) is None


LOSSES = st.floats(0, 1e4, allow_nan=False)
CURVE = st.lists(LOSSES, max_size=40).map(lambda values: list(enumerate(values, start=1)))


@given(CURVE, CURVE, st.booleans())
def test_any_curve_gets_a_diagnosis_and_a_picture_inside_its_frame(
    train: list[tuple[int, float]], validation: list[tuple[int, float]], is_live: bool
) -> None:
    assert diagnose(train, validation, is_live=is_live, patience=2).headline
    plot = draw_losses(train, validation, steps=50, best=best_point(validation))
    if not train and not validation:
        assert plot is None
        return
    assert plot
    places = [float(number) for line in plot.lines for pair in line.points.split() for number in pair.split(",")]
    assert all(-0.01 <= place <= 100.01 for place in places)


def test_names_stand_clear_of_the_axis_and_of_each_other() -> None:
    """At the bottom of the plot both stand above their lines, the upper one a line of text higher."""
    train, validation = [(0, 80.0), (100, 0.1)], [(0, 80.0), (100, 0.2)]
    plot = draw_losses(train, validation)
    assert plot and {label.text.split()[0]: label.dy for label in plot.labels} == {"training": -10, "validation": -26}
    apart = draw_losses([(0, 2.0), (100, 5.0)], [(0, 8.0), (100, 6.0)])
    assert apart and {label.text.split()[0]: label.dy for label in apart.labels} == {"training": 20, "validation": -10}


def test_a_run_that_was_stopped_fills_the_picture_and_says_where() -> None:
    plot = draw_losses(FALLING[:50], VALIDATION[:3], best=(40, 1.75), ended_at=50)
    assert plot and [(event.text, event.x, event.dy) for event in plot.events] == [
        ("best 1.75", "80.00%", 12),
        ("stopped at 50", "100.00%", 28),
    ]


SHARES = st.lists(st.floats(0, 1), max_size=8).map(lambda values: list(enumerate(values)))


@given(st.dictionaries(st.sampled_from(["desk", "tone", "language"]), SHARES))
def test_shares_are_drawn_from_0_to_1_with_names_that_do_not_cover_each_other(
    series: dict[str, list[tuple[int, float]]],
) -> None:
    plot = draw_shares(series, steps=10, best=(4, 1.5))
    if not any(series.values()):
        assert plot is None
        return
    assert plot and [tick.text for tick in plot.value_ticks] == ["1.0", "0.5", "0"]
    heights = sorted(float(label.y[:-1]) for label in plot.labels)
    assert all(0 <= height <= 100 for height in heights) and len(heights) == sum(map(bool, series.values()))
    assert all(later - earlier > LABEL_GAP - 0.02 or later == 100 for earlier, later in pairwise(heights))
    assert {dot.is_best for dot in plot.dots} <= {True, False}


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=20))
def test_axes_hold_the_values_with_few_round_ticks(values: list[float]) -> None:
    low, high, ticks = round_axis(values)
    span = max(1.0, abs(low), abs(high))
    assert low <= min(values) + 1e-9 * span and max(values) <= high + 1e-9 * span
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(ticks, reverse=True)


@given(st.integers(1, 10**7))
def test_step_ticks_are_few_and_inside(right: int) -> None:
    ticks = step_ticks(right)
    assert ticks[0] == 0 and ticks[-1] <= right and len(ticks) <= 8


def test_a_long_curve_is_thinned_to_means_and_ends_where_the_run_is() -> None:
    points = [(step, math.sin(step)) for step in range(1, 10_001)]
    few = thinned(points, MOST_POINTS)
    assert len(few) == MOST_POINTS and few[-1][0] == 10_000
    assert abs(sum(value for _, value in few) / MOST_POINTS - sum(value for _, value in points) / 10_000) < 1e-3
