"""Votes as they come: tuples, arrays, abstentions, mixed kinds, and rows that are no votes."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from annotation.labelmodel import VoteError, fit

ROWS = [(3, "ada", "yes"), (1, "bob", "no"), (3, "cat", "no"), (3, "bob", "yes"), (2, "ada", None), (1, "ada", "no")]


def columns():
    return tuple(list(column) for column in zip(*ROWS, strict=True))


@pytest.mark.parametrize(
    "votes",
    [
        ROWS,
        tuple(ROWS),
        [list(row) for row in ROWS],
        iter(ROWS),
        np.array(ROWS, dtype=object),
        columns(),
        tuple(np.array(column) for column in columns()),
        [np.array(column) for column in columns()],
        tuple(pd.Series(column) for column in columns()),
        (pd.Series(columns()[0]), pd.Series(columns()[1], dtype="category"), pd.Series(columns()[2], dtype="string")),
    ],
    ids=["rows", "tuple of rows", "lists", "generator", "n × 3", "three lists", "arrays", "list of arrays", "series", "pandas' kinds"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["majority", "one_coin"])
def test_every_form_gives_the_same(votes, name):
    result = fit(name, votes if not hasattr(votes, "send") and not hasattr(votes, "__next__") else iter(ROWS))
    assert result.items == (1, 2, 3) and result.workers == ("ada", "bob", "cat") and result.classes == ("no", "yes")
    assert result.labels == {1: "no", 2: None, 3: "yes"}
    assert result.quality.votes.tolist() == [2, 2, 1] and result.quality.abstentions.tolist() == [1, 0, 0]
    assert result.warnings[-1].startswith("1 of 3 items got abstentions only")


def test_three_rows_are_rows_and_three_columns_of_three_are_columns():
    rows = [("i", "a", "x"), ("i", "b", "x"), ("j", "a", "y")]
    assert fit("majority", tuple(rows)).labels == {"i": "x", "j": "y"}
    assert fit("majority", (["i", "i", "j"], ["a", "b", "a"], ["x", "x", "y"])).labels == {"i": "x", "j": "y"}


def test_a_label_may_be_named_as_abstention():
    items, workers = np.repeat([10, 11], 3), np.tile([0, 1, 2], 2)
    labels = np.array([1, -1, 0, -1, -1, -1])
    result = fit("majority", (items, workers, labels), abstain=-1)
    assert result.classes == (0, 1) and result.labels == {10: 0, 11: None} and result.tied.tolist() == [True, False]


def test_float_labels_abstain_by_nan():
    result = fit("majority", (np.array([1, 1, 2]), np.array([1, 2, 1]), np.array([4.0, 4.0, np.nan])), classes=[4, 5])
    assert result.labels == {1: 4, 2: None}


def test_any_hashable_will_do():
    votes = [(("doc", 1), date(2026, 1, 2), True), (("doc", 1), "bob", True), (("doc", 2), "bob", False)]
    result = fit("majority", votes)
    assert result.labels == {("doc", 1): True, ("doc", 2): False}
    assert result.workers == (date(2026, 1, 2), "bob")  # cannot be sorted, so as they came


def test_ids_far_apart_and_negative():
    items = np.array([-5, 2**62, -5, 2**62])
    result = fit("majority", (items, np.array([1, 1, 2, 2]), np.array([0, 1, 0, 1])))
    assert result.labels == {-5: 0, 2**62: 1}


def test_classes_keep_the_order_given():
    assert fit("majority", ROWS, classes=["yes", "no", "maybe"]).classes == ("yes", "no", "maybe")


def test_gold_may_name_a_class_that_nobody_voted():
    result = fit("dawid_skene", ROWS, gold={1: "maybe", 9: "never seen"})
    assert result.classes == ("maybe", "no", "yes") and result.labels[1] == "maybe"


def test_gold_of_an_item_with_abstentions_only_is_its_label():
    result = fit("one_coin", ROWS, gold={2: "yes"})
    assert result.labels[2] == "yes" and result.posteriors[1].tolist() == [0, 1]


def test_a_repeated_vote_counts_again():
    once, twice = [("i", "a", "x"), ("i", "b", "y")], [("i", "a", "x"), ("i", "a", "x"), ("i", "b", "y")]
    assert fit("majority", once).tied.all() and fit("majority", twice).posteriors[0, 0] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        ((np.array([1, 2]), np.array([1]), np.array([1])), "differ in length: 2, 1, 1"),
        ([(1, "a")], "vote 0 is no"),
        ([(1, "a", "x"), "abc"], "vote 1 is no"),
        ([(1, "a", "x"), 7], "vote 1 is no"),
        ("abc", "rows"),
        (7, "rows"),
        ({"item": 1}, "rows"),
        ([(1, "a", "x"), (None, "a", "x")], "vote 1 has no item"),
        ((np.array([1.0, np.nan]), np.array([1, 1]), np.array([0, 1])), "vote 1 has no item"),
        ([(1, float("nan"), "x")], "vote 0 has no worker"),
        ([(1, "a", ["x"])], "label must be hashable"),
    ],
)
def test_rows_that_are_no_votes_are_refused(votes, said):
    with pytest.raises(VoteError, match=said):
        fit("majority", votes)


def test_a_label_outside_the_classes_is_refused_with_its_row():
    with pytest.raises(VoteError, match="vote 2 says 'no', which is none of the classes"):
        fit("majority", [(3, "a", "yes"), (3, "b", None), (3, "c", "no")], classes=["yes", "maybe"])
    with pytest.raises(VoteError, match="the gold class of 3"):
        fit("majority", [(3, "a", "yes")], classes=["yes", "maybe"], gold={3: "no"})
    with pytest.raises(VoteError, match="twice"):
        fit("majority", [(3, "a", "yes")], classes=["yes", "yes"])
    with pytest.raises(VoteError, match="no weight, yet it is the gold class"):
        fit("one_coin", ROWS, gold={1: "no"}, class_priors={"no": 0.0, "yes": 1.0})
