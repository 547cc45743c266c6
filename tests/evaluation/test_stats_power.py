"""How many items a comparison takes, checked against simulation and against itself turned round."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.stats.paired import compare
from evaluation.stats.power import (
    clean_items_needed,
    design_effect,
    detectable_difference,
    more_items_needed,
    raters_needed,
    sample_size,
)

powers = st.floats(0.5, 0.95)


@given(st.floats(0.05, 2), powers, st.sampled_from([1, 2]))
@settings(deadline=None)
def test_paired_turned_round(effect, power, sides):
    n = sample_size("paired", effect, power=power, sides=sides)
    assert detectable_difference("paired", n, power=power, sides=sides) <= effect * (1 + 1e-9)
    assert n == 1 or detectable_difference("paired", n - 1, power=power, sides=sides) > effect * (1 - 1e-9)


@given(st.floats(0.53, 0.9), st.floats(0, 0.6))
@settings(deadline=None)
def test_preference_turned_round(share, ties):
    n = sample_size("preference", share, ties=ties)
    assert detectable_difference("preference", n, ties=ties) <= share + 1e-9
    assert sample_size("preference", 1 - share, ties=ties) == n


@given(st.floats(0.1, 0.9), st.floats(0.1, 0.95))
@settings(deadline=None)
def test_mcnemar_turned_round(discordant, part):
    effect = discordant * part
    n = sample_size("mcnemar", effect, discordant=discordant)
    # Below one item the formula has no meaning; ceil to whole items moves the effect a little.
    found = detectable_difference("mcnemar", n, discordant=discordant)
    assert math.isnan(found) or found <= effect * (1 + 1e-6)


def test_the_promised_power_is_what_a_simulation_finds():
    n = int(sample_size("paired", 0.5, power=0.8))
    rng = np.random.default_rng(0)
    found = np.mean([compare(rng.normal(0.5, 1, n), np.zeros(n), "t").p_value <= 0.05 for _ in range(1000)])
    assert found == pytest.approx(0.8, abs=0.05)


def test_ties_and_clusters_cost_items():
    plain = sample_size("preference", 0.6)
    assert sample_size("preference", 0.6, ties=0.5) == pytest.approx(2 * plain, abs=1)
    assert sample_size("paired", 0.25, cluster_size=5, icc=0.2) == pytest.approx(1.8 * 126, abs=2)
    assert detectable_difference("paired", 100, cluster_size=5, icc=0.2) > detectable_difference("paired", 100)
    assert design_effect(1, 0.5) == 1


def test_what_no_number_of_items_shows():
    assert sample_size("paired", 0).reason and math.isnan(sample_size("paired", 0))
    assert sample_size("paired", 1e-300).reason
    assert sample_size("preference", 0.5).reason
    assert sample_size("paired", 0.2, sd=0).reason
    assert detectable_difference("preference", 3).reason
    assert detectable_difference("mcnemar", 2, discordant=0.1).reason
    assert detectable_difference("paired", 0).reason == "no items"
    assert clean_items_needed(0).reason


def test_wrong_input_is_refused_by_name():
    for wrong, words in (
        ({"design": "unpaired", "effect": 1}, "design must be"),
        ({"design": "preference", "effect": 2}, "winner's share"),
        ({"design": "mcnemar", "effect": 0.1}, "needs discordant"),
        ({"design": "mcnemar", "effect": 0.5, "discordant": 0.3}, "cannot exceed"),
        ({"design": "paired", "effect": 0.5, "ties": 0.3}, "ties belong"),
        ({"design": "paired", "effect": 0.5, "power": 80}, "power must"),
        ({"design": "paired", "effect": 0.5, "confidence": 95}, "confidence must"),
    ):
        with pytest.raises(ValueError, match=words):
            sample_size(**wrong)


class TestMoreItems:
    def test_none_when_the_interval_is_clear(self):
        assert more_items_needed(0.5, 0.1, 30) == 0
        assert more_items_needed(-0.5, 0.1, 30) == 0
        assert more_items_needed(0.1, 0.05, 30, margin=-0.2) == 0

    def test_the_interval_clears_the_margin_with_as_many(self):
        delta, se, n = 0.2, 0.15, 40
        more = more_items_needed(delta, se, n, power=0.5)
        after = se * math.sqrt(n / (n + more))
        assert 1.96 * after == pytest.approx(delta, rel=0.02)
        assert more_items_needed(delta, se, n) > more  # to be rather sure takes more than an even chance

    @given(st.floats(-1, 1), st.floats(0.01, 1), st.integers(2, 500), st.floats(-0.5, 0.5))
    @settings(deadline=None)
    def test_is_a_whole_number_or_says_why_not(self, delta, se, n, margin):
        more = more_items_needed(delta, se, n, margin)
        assert more.reason if math.isnan(more) else more >= 0 and more == int(more)

    def test_nothing_known_or_nothing_to_decide(self):
        assert "no estimate" in more_items_needed(math.nan, 0.1, 10).reason
        assert "no estimate" in more_items_needed(0.1, math.nan, 10).reason
        assert "no margin" in more_items_needed(0.1, 0.1, 10, margin=math.nan).reason
        assert "on the margin" in more_items_needed(0.3, 0.1, 10, margin=0.3).reason
        assert "exactly on the margin" in more_items_needed(0.0, 0.0, 10).reason


def test_raters_for_a_reliable_mean():
    assert raters_needed(0.5, target=0.8) == 4
    assert raters_needed(1.0) == 1
    assert raters_needed(-0.1).reason
    assert raters_needed(math.nan).reason
