"""Bradley–Terry with ties: invariances, recovery, and battles that determine no strengths."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.stats.elo import elo
from evaluation.stats.preference import bradley_terry, win_share

LOG_TIE = math.log(2)
TIES = ("davidson", "rao_kupper", "half")
CONNECTED = [("A", "B", "left"), ("A", "B", "right"), ("B", "C", "left"), ("B", "C", "right"), ("A", "C", "tie")] * 3

votes = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from("DEF"), st.sampled_from(["left", "right", "tie"])), max_size=30
)


def simulate(strengths, battles, ties, seed, tie=LOG_TIE, position=0.0):
    """Votes drawn from the model itself; ``tie`` is the log of its tie parameter (Davidson's nu, Rao and Kupper's theta)."""
    rng = np.random.default_rng(seed)
    names = sorted(strengths)
    votes = []
    for left, right in (rng.choice(len(names), 2, replace=False) for _ in range(battles)):
        d = strengths[names[left]] - strengths[names[right]] + position
        if ties == "davidson":
            weights = np.exp([d / 2, -d / 2, tie])
            p = weights / weights.sum()
        else:
            p = np.array([1 / (1 + math.exp(tie - d)), 1 / (1 + math.exp(tie + d)), 0])
            p[2] = 1 - p.sum()
        votes.append((names[left], names[right], ("left", "right", "tie")[rng.choice(3, p=p)]))
    return votes


@pytest.mark.parametrize("ties", ["davidson", "rao_kupper"])
def test_strengths_ties_and_position_are_recovered(ties):
    truth = {"base": -0.6, "small": 0.0, "tuned": 0.6}
    fit = bradley_terry(simulate(truth, 6000, ties, 0, position=0.3), ties, position=True)
    assert fit.names == ("base", "small", "tuned")
    assert fit.strengths == pytest.approx(list(truth.values()), abs=0.1)
    assert fit.tie == pytest.approx(math.exp(LOG_TIE), rel=0.1)
    assert fit.position.ci_low < 0.3 < fit.position.ci_high


@pytest.mark.parametrize("ties", ["davidson", "rao_kupper"])
def test_intervals_cover_the_truth(ties):
    truth = {"a": -0.5, "b": 0.1, "c": 0.4}
    fits = [bradley_terry(simulate(truth, 150, ties, seed), ties) for seed in range(200)]
    covered = np.mean([(fit.ci_low <= list(truth.values())) & (fit.ci_high >= list(truth.values())) for fit in fits])
    assert covered == pytest.approx(0.95, abs=0.03)


@given(votes)
@settings(max_examples=120, deadline=None)
def test_strengths_have_mean_0_know_no_sides_and_are_nan_only_with_a_reason(battles):
    mirrored = [(right, left, {"left": "right", "right": "left"}.get(o, o)) for left, right, o in battles]
    for ties in TIES:
        fit, other = bradley_terry(battles, ties), bradley_terry(mirrored, ties)
        assert np.isnan(fit.strengths).all() == (bool(fit.reason) or not fit.names)
        assert fit.win_rate == pytest.approx(other.win_rate)
        if not fit.reason:
            assert fit.strengths.mean() == pytest.approx(0, abs=1e-8)
            assert fit.strengths == pytest.approx(other.strengths, abs=1e-5)
            assert (fit.ci_low <= fit.strengths).all() and (fit.strengths <= fit.ci_high).all()


@given(votes)
@settings(max_examples=80, deadline=None)
def test_a_vote_counted_twice_moves_no_strength(battles):
    once, twice = bradley_terry(battles), bradley_terry(battles * 2)
    assert once.reason == twice.reason
    assert once.strengths == pytest.approx(twice.strengths, abs=1e-6, nan_ok=True)


def test_without_ties_all_models_of_ties_are_the_same():
    battles = [vote for vote in CONNECTED if vote[2] != "tie"]
    fits = [bradley_terry(battles, ties) for ties in TIES]
    for fit in fits:
        assert fit.strengths == pytest.approx(fits[0].strengths)
        assert math.isnan(fit.tie)


def test_two_models_reduce_to_the_log_of_wins_over_losses():
    fit = bradley_terry([("A", "B", "left")] * 6 + [("B", "A", "left")] * 2)
    assert fit.strengths[0] - fit.strengths[1] == pytest.approx(math.log(3))
    assert fit.win_rate == pytest.approx([0.75, 0.25])


def test_votes_of_one_rater_are_not_independent():
    rng = np.random.default_rng(1)
    battles, raters, items = [], [], []
    for rater in range(12):
        favourite = rng.choice(["left", "right"])
        for item in range(20):
            battles.append(("A", "B", favourite if rng.random() < 0.9 else rng.choice(["left", "right", "tie"])))
            raters.append(rater)
            items.append(item)
    plain, by_rater = bradley_terry(battles), bradley_terry(battles, raters=raters)
    both = bradley_terry(battles, raters=raters, items=items)

    def width(fit):
        return fit.ci_high[0] - fit.ci_low[0]

    assert width(by_rater) > 2 * width(plain)
    assert width(both) >= width(by_rater)
    assert "two-way" in both.method
    assert both.strengths == pytest.approx(plain.strengths)


def test_each_battle_its_own_cluster_is_near_the_model():
    truth = {"a": -0.5, "b": 0.0, "c": 0.5}
    battles = simulate(truth, 3000, "davidson", 3)
    plain, robust = bradley_terry(battles), bradley_terry(battles, items=range(3000))
    assert robust.ci_high - robust.ci_low == pytest.approx(plain.ci_high - plain.ci_low, rel=0.06)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize(
    ("battles", "words"),
    [
        ([], "no battles"),
        ([("A", "B", "left")] * 4, "A never lost"),
        ([*CONNECTED, ("Z", "A", "left")], "Z never lost"),
        ([("A", "B", "left"), ("A", "B", "right"), ("C", "D", "left"), ("C", "D", "right")], "never met"),
    ],
)
def test_battles_that_determine_no_strengths_say_why(ties, battles, words):
    fit = bradley_terry(battles, ties)
    assert words in fit.reason
    assert np.isnan(fit.strengths).all() and np.isnan(fit.ci_low).all()
    assert not np.isnan(fit.win_rate).any()


def test_all_ties_are_no_strength_but_half_a_win_each():
    battles = [("A", "B", "tie")] * 5
    assert "every battle is a tie" in bradley_terry(battles).reason
    assert bradley_terry(battles).win_rate.tolist() == [0.5, 0.5]
    assert bradley_terry(battles, "half").strengths == pytest.approx([0, 0])


def test_position_that_cannot_be_told_from_strength():
    fit = bradley_terry([("A", "B", "left"), ("A", "B", "right"), ("A", "B", "tie")], position=True)
    assert "position and strength" in fit.reason
    assert math.isnan(fit.position.estimate) and fit.position.reason


def test_ties_hold_an_unbeaten_model_only_where_the_rest_fixes_the_chance_of_a_tie():
    # A never lost to B but tied; B and C without ties keep that chance low, so A's lead is finite.
    battles = [("A", "B", "left")] * 3 + [("A", "B", "tie")] * 2 + [("B", "C", "left"), ("B", "C", "right")] * 2
    assert bradley_terry(battles).reason == ""
    assert "A never lost" in bradley_terry(battles[:5]).reason


def test_wrong_votes_are_refused_with_their_number():
    with pytest.raises(ValueError, match="battle 1: the outcome must be left, right or tie; got 'A'"):
        bradley_terry([("A", "B", "left"), ("A", "B", "A")])
    with pytest.raises(ValueError, match="battle 0: 'A' cannot stand against itself"):
        bradley_terry([("A", "A", "tie")])
    for figure in (bradley_terry, elo):
        with pytest.raises(ValueError, match=r"battle 1: give left, right and outcome; got \('A', 'B'\)"):
            figure([("A", "B", "left"), ("A", "B")])
        with pytest.raises(ValueError, match="battle 1: 5 is of type int, the names before it of type str"):
            figure([("A", "B", "left"), ("A", 5, "left")])
        with pytest.raises(ValueError, match=r"battle 0: \['A'\] is no name of a model"):
            figure([(["A"], "B", "left")])
    assert bradley_terry([["A", "B", "left"], ["B", "A", "left"]]).names == ("A", "B")
    with pytest.raises(ValueError, match="ties must be one of"):
        bradley_terry([], "elo")
    with pytest.raises(ValueError, match="raters needs one label"):
        bradley_terry(CONNECTED, raters=[1])


def test_win_share_counts_ties_as_half_and_resamples_items():
    battles = [("A", "B", "left"), ("B", "A", "left"), ("B", "A", "tie"), ("A", "B", "left")]
    assert win_share(battles, "A").estimate == pytest.approx(2.5 / 4)
    assert win_share(battles, "A", items=[1, 1, 2, 2]).method.endswith("2 clusters")
    assert math.isnan(win_share(battles, "Z").estimate)
