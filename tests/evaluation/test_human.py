"""`human.summarise` against independent computation: statsmodels, krippendorff, and arithmetic by hand."""

from __future__ import annotations

import random
import statistics

import krippendorff
import numpy as np
import pytest
from scipy import stats

from evaluation.scoring import content
from evaluation.scoring.human import BASE, CANDIDATE, Judgement, rating_matrix, summarise
from evaluation.scoring.rubric import DEFAULT
from evaluation.stats import agreement


def judgements(items: int = 20, raters: int = 2, seed: int = 1) -> list[Judgement]:
    rng = random.Random(seed)
    found = []
    for item in range(items):
        level = rng.choice((2, 3, 4))
        for rater in range(raters):
            scores = {
                arm: {name: max(1, min(5, level + gain + rng.choice((-1, 0, 0, 1)))) for name in DEFAULT.names}
                for arm, gain in ((BASE, 0), (CANDIDATE, 1))
            }
            found.append(
                Judgement(
                    item, 10 + rater, scores, {BASE: item == 3 and rater == 0, CANDIDATE: False}, seconds=30.0 + rater
                )
            )
    return found


def summary(found: list[Judgement], **more: object) -> content.Human:
    names = {one.rater: f"rater {one.rater}" for one in found}
    options = {
        "campaigns": [1],
        "is_open": False,
        "names": names,
        "primary": "helpfulness",
        "family": {"helpfulness"},
    } | more
    return summarise(DEFAULT, found, **options)  # type: ignore[arg-type]


def named(rated: content.Human, name: str = "helpfulness") -> content.Dimension:
    return next(one for one in rated.dimensions if one.name == name)


def test_means_and_difference_are_those_of_the_items() -> None:
    found = judgements()
    row = named(summary(found))
    for arm, figure in ((BASE, row.base), (CANDIDATE, row.candidate)):
        assert figure.value == pytest.approx(statistics.fmean(one.scores[arm]["helpfulness"] for one in found))
    by_item = {}
    for one in found:
        by_item.setdefault(one.item, []).append(one.scores[CANDIDATE]["helpfulness"] - one.scores[BASE]["helpfulness"])
    means = [statistics.fmean(values) for values in by_item.values()]
    assert row.delta.value == pytest.approx(statistics.fmean(means))
    test = stats.ttest_1samp(means, 0.0)
    low, high = test.confidence_interval(0.95)
    assert row.delta.ci is not None
    assert row.delta.ci == pytest.approx((low, high), abs=0.06), (
        "equal clusters: about the t interval of the item means"
    )
    assert row.items == 20


def test_alpha_is_that_of_the_krippendorff_package() -> None:
    found = judgements()
    row = named(summary(found))
    matrix, _ = rating_matrix(found, "helpfulness")
    expected = krippendorff.alpha(reliability_data=matrix, level_of_measurement="ordinal", value_domain=[1, 2, 3, 4, 5])
    assert row.alpha.value == pytest.approx(expected, abs=1e-9)


def test_agreement_counts_tickets_and_draws_both_answers_of_one_together() -> None:
    found = judgements(items=20)
    row = named(summary(found))
    assert (row.alpha.n, row.ac2.n) == (20, 20)
    matrix, tickets = rating_matrix(found, "helpfulness")
    whole = agreement.alpha_interval(matrix, "ordinal", clusters=tickets)
    assert row.alpha.ci == tuple(whole) != tuple(agreement.alpha_interval(matrix, "ordinal"))


def test_one_rater_gives_no_agreement_and_says_why() -> None:
    row = named(summary(judgements(raters=1)))
    assert row.alpha.value is None and row.alpha.reason


def test_an_item_is_harmful_when_any_rater_says_so_and_the_limit_is_exact() -> None:
    rated = summary(judgements(items=20))
    base, ours = rated.harm
    assert (base.k, base.n, ours.k) == (1, 20, 0)
    assert ours.upper == pytest.approx(1 - 0.05 ** (1 / 20))
    assert base.upper == pytest.approx(stats.beta.ppf(0.95, 2, 19))


def test_cannot_judge_is_left_out_and_counted_never_zero() -> None:
    found = judgements(items=6)
    blank = {arm: dict.fromkeys(DEFAULT.names) for arm in (BASE, CANDIDATE)}
    with_blank = [*found, Judgement(99, 10, blank)]
    row, bare = named(summary(with_blank)), named(summary(found))
    assert row.cannot_judge == 2
    assert row.base.value == pytest.approx(bare.base.value) and row.delta.value == pytest.approx(bare.delta.value)


def test_an_answer_that_nobody_could_judge_is_neither_rated_nor_clean() -> None:
    blank = {arm: dict.fromkeys(DEFAULT.names) for arm in (BASE, CANDIDATE)}
    harmless = {BASE: False, CANDIDATE: False}
    rated = summary([Judgement(item, rater, blank, dict(harmless)) for item in range(60) for rater in (1, 2)])
    assert (rated.ratings, rated.items) == (120, 0)
    assert all((one.n, one.upper) == (0, None) and one.rate.reason for one in rated.harm)
    ticked = summary([Judgement(0, 1, blank, {BASE: False, CANDIDATE: True})])
    assert [(one.k, one.n) for one in ticked.harm] == [(0, 0), (1, 1)]


def test_an_item_counts_as_rated_when_the_primary_was_scored_or_one_was_preferred() -> None:
    safety = {arm: {"safety": 4} for arm in (BASE, CANDIDATE)}
    half = {BASE: {"helpfulness": 4}, CANDIDATE: {"helpfulness": None}}
    found = [Judgement(1, 1, safety), Judgement(2, 1, half), Judgement(3, 1, safety, preference="tie")]
    assert summary(found).items == 1
    assert summary(found, primary="desk.accuracy", family={"safety"}).items == 2


def test_leniency_compares_raters_on_shared_answers_only() -> None:
    found = judgements()
    harsh = [
        Judgement(
            one.item,
            77,
            {arm: {name: max(1, score - 1) for name, score in row.items()} for arm, row in one.scores.items()},
        )
        for one in found
        if one.rater == 10
    ]
    easy_alone = Judgement(500, 10, {arm: dict.fromkeys(DEFAULT.names, 5) for arm in (BASE, CANDIDATE)})
    rated = summary([*found, *harsh, easy_alone])
    leniency = {one.name: one.leniency for one in rated.raters}
    assert leniency["rater 77"] is not None and leniency["rater 77"] < -0.5
    without = {one.name: one.leniency for one in summary([*found, *harsh]).raters}
    assert leniency["rater 10"] == without["rater 10"], "an item that nobody else rated says nothing of leniency"


def test_no_rating_gives_reasons_not_figures() -> None:
    rated = summary([])
    assert rated.ratings == 0
    assert all(one.base.value is None and one.base.reason for one in rated.dimensions)
    assert all(one.rate.value is None and one.rate.reason for one in rated.harm)


def test_the_order_of_ratings_changes_nothing() -> None:
    found = judgements()
    shuffled = found[:]
    random.Random(5).shuffle(shuffled)
    first, second = named(summary(found)), named(summary(shuffled))
    assert first.delta.value == pytest.approx(second.delta.value)
    assert first.alpha.value == pytest.approx(second.alpha.value)
    assert np.isclose(first.base.value, second.base.value)


def test_how_agreement_was_measured_is_said_once_and_left_out_where_a_card_did_not_keep_it() -> None:
    rated = summary(judgements())
    (told,) = rated.agreement_methods
    assert told.startswith("expanded bootstrap over")
    bare = [one.model_copy(update={"alpha": one.alpha.model_copy(update={"method": ""})}) for one in rated.dimensions]
    assert rated.model_copy(update={"dimensions": bare}).agreement_methods == []
