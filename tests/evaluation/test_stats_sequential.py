"""Always-valid figures keep their promise over every look, and know when there is nothing to say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.stats import sequential
from evaluation.stats.intervals import wilson

RUNS, LOOKS = 1000, 400
WORST = 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)


def test_evidence_stopped_at_any_look_errs_at_most_one_time_in_twenty():
    wins = np.cumsum(np.random.default_rng(0).random((RUNS, LOOKS)) < 0.5, axis=1)
    n = np.arange(1, LOOKS + 1)
    table = {(w, k): sequential.preference_evidence(w, k - w) for k in n for w in range(k + 1) if abs(2 * w - k) > 20}
    stopped = np.mean([any(table.get((int(w), int(k)), 0) >= 20 for w, k in zip(run, n, strict=True)) for run in wins])
    assert stopped <= WORST
    naive = np.abs(wins - n / 2) / np.sqrt(n / 4) > 1.96
    assert naive[:, 9:].any(axis=1).mean() > 0.3  # what a fixed-sample test would have done


def test_the_proportion_interval_excludes_the_truth_at_any_look_at_most_one_time_in_twenty():
    successes = np.cumsum(np.random.default_rng(1).random((RUNS, LOOKS)) < 0.3, axis=1)
    limits = {}
    missed = 0
    for run in successes:
        for k in range(5, LOOKS + 1, 5):
            key = (int(run[k - 1]), k)
            if key not in limits:
                limits[key] = tuple(sequential.proportion(*key))
            if not limits[key][0] <= 0.3 <= limits[key][1]:
                missed += 1
                break
    assert missed / RUNS <= WORST


def test_bounded_ratings_are_covered_at_every_look_whatever_their_distribution():
    rng = np.random.default_rng(2)
    p = [0.05, 0.05, 0.1, 0.3, 0.5]
    truth = float(np.dot(p, range(1, 6)))
    intervals = [sequential.bounded_mean(rng.choice(5, 300, p=p) + 1, 1, 5) for _ in range(RUNS)]
    # The interval is the intersection of all looks: that the last holds the truth means that all did.
    covered = np.mean([i.ci_low <= truth <= i.ci_high for i in intervals])
    assert covered >= 1 - WORST
    assert np.median([i.ci_high - i.ci_low for i in intervals]) < 0.7


def test_the_mean_of_two_arms_is_covered_at_every_look():
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(300):
        a, b = rng.normal(size=(2, 200))
        looks = (sequential.mean_difference(a[:k], b[:k], tau=0.5) for k in range(30, 201, 10))
        missed += any(not i.ci_low <= 0 <= i.ci_high for i in looks)
    assert missed / 300 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


@given(st.integers(0, 300), st.integers(0, 300))
@settings(deadline=None)
def test_the_proportion_interval_mirrors_and_is_wider_than_a_fixed_one(successes, failures):
    n = successes + failures
    low, high = sequential.proportion(successes, n)
    assert (1 - high, 1 - low) == pytest.approx(tuple(sequential.proportion(failures, n)), abs=1e-9)
    if n:
        fixed = wilson(successes, n)
        assert low <= successes / n <= high
        assert high - low >= (fixed.ci_high - fixed.ci_low) - 1e-9


def test_the_interval_excludes_a_half_when_the_evidence_says_so():
    for wins, losses in ((10, 0), (6, 0), (60, 30), (60, 40), (65, 35)):
        interval = sequential.proportion(wins, wins + losses)
        evidence = sequential.preference_evidence(wins, losses)
        assert (interval.ci_low > 0.5) == (evidence > 20)


def test_the_p_value_is_one_over_the_most_evidence_seen():
    assert sequential.always_valid_p([1, 40, 3]) == pytest.approx(0.025)
    assert sequential.always_valid_p([0.2]) == 1
    assert sequential.always_valid_p([]).reason == "no evidence yet"


def test_interval_of_a_mean_and_of_two_arms_agree_where_they_should():
    rng = np.random.default_rng(4)
    values = rng.normal(0.4, 1, 300)
    one = sequential.mean(values, tau=0.5)
    assert one.ci_low < values.mean() < one.ci_high
    half = sequential.half_width(300, float(values.var(ddof=1)), 0.5)
    assert one.ci_high - one.estimate == pytest.approx(half)
    arms = sequential.mean_difference(values, rng.normal(size=300), tau=0.5)
    assert arms.n == 300 and arms.ci_high - arms.ci_low > one.ci_high - one.ci_low


def test_what_cannot_be_had_is_nan_or_everything_with_the_reason():
    start = sequential.proportion(0, 0)
    assert math.isnan(start.estimate) and tuple(start) == (0, 1) and start.reason
    assert tuple(sequential.bounded_mean([], 1, 5)) == (1, 5)
    for interval in (
        sequential.mean([], 1),
        sequential.mean([3], 1),
        sequential.mean([3, 3, 3], 1),
        sequential.mean_difference([1], [1, 2], 1),
        sequential.mean_difference([1, 1], [1, 1], 1),
    ):
        assert math.isnan(interval.ci_low) and interval.reason
    assert math.isnan(sequential.srm([0, 0], [1, 1])) and sequential.srm([0, 0], [1, 1]).reason
    assert sequential.mean_evidence(0.5, 0, 1, 1) == 1


def test_a_mean_that_moves_is_reported_as_drift():
    moving = sequential.bounded_mean([1] * 500 + [5] * 3000, 1, 5)
    assert math.isnan(moving.ci_low) and "drifting" in moving.reason


def test_srm_evidence_grows_with_mismatch_and_stays_small_without():
    assert sequential.srm_evidence([600, 400], [1, 1]) > 1e6
    assert sequential.srm_evidence([502, 498], [1, 1]) < 1
    assert sequential.srm_evidence([0, 0], [1, 1]) == 1
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(300):
        arms = np.cumsum(rng.random(500) < 0.2)
        alarms += any(sequential.srm_evidence([arms[k - 1], k - arms[k - 1]], [1, 4]) >= 20 for k in range(10, 501, 10))
    assert alarms / 300 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


def test_wrong_input_is_refused_by_name():
    for call, words in (
        (lambda: sequential.proportion(3, 2), "0 ≤ successes ≤ n"),
        (lambda: sequential.mean([1, 2, 3], tau=0), "tau must be positive"),
        (lambda: sequential.bounded_mean([6], 1, 5), "between 1 and 5"),
        (lambda: sequential.bounded_mean([1], 5, 1), "low must lie below"),
        (lambda: sequential.srm([1, 2], [1]), "two arms"),
        (lambda: sequential.srm([1, -2], [1, 1]), "negative"),
        (lambda: sequential.preference_evidence(-1, 2), "negative"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_votes_by_the_thousand_are_evidence_and_no_error():
    assert sequential.preference_evidence(900, 0) == pytest.approx(2.0**900 / 901)
    for wins, losses in ((3_000, 0), (30_000, 20_000), (10**9, 0)):
        assert sequential.preference_evidence(wins, losses) > 1e300
    assert sequential.always_valid_p([sequential.preference_evidence(3_000, 0)]) < 1e-300


@pytest.mark.parametrize(
    ("successes", "n"),
    [
        (10**8 - 1, 10**8),
        (1, 10**8),
        (99.9, 100),
        (0.1, 100),
        (10**8 - 0.001, 10**8),
        (1e-4, 1e8),
        (10**12 - 3, 10**12),
    ],
)
def test_a_proportion_next_to_one_or_zero_has_an_interval(successes, n):
    interval = sequential.proportion(successes, n)
    low, high = interval
    mirrored = tuple(sequential.proportion(n - successes, n))
    assert 0 <= low <= interval.estimate <= high <= 1 and high - low < (0.1 if n == 100 else 1e-6)
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-12)
