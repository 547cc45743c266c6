"""Votes as they come: tuples, arrays, abstentions, mixed kinds, and rows that are no votes."""

from datetime import date
from decimal import Decimal

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
        (columns()[0], np.array(columns()[1]), tuple(columns()[2])),
        tuple(tuple(column) for column in columns()),
        pd.DataFrame(ROWS),
    ],
    ids=["rows", "tuple of rows", "lists", "generator", "n × 3", "three lists", "arrays", "list of arrays", "series", "pandas' kinds",
         "list, array, tuple", "three tuples", "data frame"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["majority", "one_coin"])
def test_every_form_gives_the_same(votes, name):
    result = fit(name, votes if not hasattr(votes, "send") and not hasattr(votes, "__next__") else iter(ROWS))
    assert result.items == (1, 2, 3) and result.workers == ("ada", "bob", "cat") and result.classes == ("no", "yes")
    assert result.labels == {1: "no", 2: None, 3: "yes"}
    assert result.quality.votes.tolist() == [2, 2, 1] and result.quality.abstentions.tolist() == [1, 0, 0]
    assert result.warnings[-1].startswith("1 of 3 items got no vote")


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


@pytest.mark.parametrize(
    "nothing",
    [None, float("nan"), np.float32("nan"), np.float64("nan"), Decimal("NaN"), np.datetime64("NaT"), pd.NA, pd.NaT],
    ids=["None", "NaN", "float32", "float64", "decimal", "numpy's NaT", "NA", "pandas' NaT"],
)
def test_what_is_missing_in_whatever_kind_is_an_abstention(nothing):
    result = fit("majority", [(1, "a", "x"), (1, "b", nothing), (2, "b", nothing), (2, "c", "y")])
    assert result.classes == ("x", "y") and result.labels == {1: "x", 2: "y"}
    assert result.quality.abstentions.tolist() == [0, 2, 0]
    with pytest.raises(VoteError, match="vote 1 has no worker"):
        fit("majority", [(1, "a", "x"), (1, nothing, "x")])
    with pytest.raises(VoteError, match="vote 1 has no item"):
        fit("majority", [(1, "a", "x"), (nothing, "a", "x")])


def test_a_masked_label_is_an_abstention():
    labels = np.ma.masked_equal([0, 1, 9], 9)
    result = fit("majority", (np.array([1, 1, 2]), np.array([1, 2, 1]), labels))
    assert result.classes == (0, 1) and result.labels == {1: 0, 2: None}


def test_labels_of_several_kinds_have_an_order_whatever_order_they_came_in():
    votes = [(1, "w", "one"), (1, "v", 1), (2, "w", 2.5), (3, "v", True), (3, "w", ("a", "b"))]
    there, back = fit("majority", votes), fit("majority", votes[::-1])
    assert there.classes == back.classes == (1, 2.5, "one", ("a", "b"))  # True is 1
    np.testing.assert_array_equal(there.posteriors, back.posteriors)


def test_items_without_votes_may_be_named():
    result = fit("majority", ROWS, items=[3, 4, 5])
    assert result.items == (1, 2, 3, 4, 5) and result.labels == {1: "no", 2: None, 3: "yes", 4: None, 5: None}
    assert result.warnings == ("3 of 5 items got no vote and have no label",)
    assert fit("majority", [], items=["a"]).labels == {"a": None}


def test_functions_were_silent_on_items_without_votes():
    """A function that spoke of half the items, of which only these have votes."""
    votes = [(item, word, item % 2) for item in range(20) for word in ("f", "g")]
    kinds = {"f": "function", "g": "function"}
    short = fit("generative", votes, kinds=kinds).parameters["coverage"]
    long = fit("generative", votes, kinds=kinds, items=range(40)).parameters["coverage"]
    assert (short > 0.99).all() and long.mean() == pytest.approx(0.5, abs=0.05)


def test_any_hashable_will_do():
    votes = [(("doc", 1), date(2026, 1, 2), True), (("doc", 1), "bob", True), (("doc", 2), "bob", False)]
    result = fit("majority", votes)
    assert result.labels == {("doc", 1): True, ("doc", 2): False}
    assert result.workers == (date(2026, 1, 2), "bob")  # kinds that do not compare are kept apart, by name
    assert fit("majority", [(1, "w", 1j), (2, "w", -1j)]).classes == (1j, -1j)  # no order at all, so as they came


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
        ([(1, "a", "x"), {"item": 2, "worker": "a", "label": "x"}], "vote 1 is no"),
        ("abc", "rows"),
        (7, "rows"),
        ({"item": 1}, "rows"),
        ([(1, "a", "x"), (None, "a", "x")], "vote 1 has no item"),
        ((np.array([1.0, np.nan]), np.array([1, 1]), np.array([0, 1])), "vote 1 has no item"),
        ([(1, float("nan"), "x")], "vote 0 has no worker"),
        ([(1, "a", ["x"])], "label must be hashable"),
        ((("i", "j"), ("a", "b"), ("x", "y")), "vote 0 is no"),
        ([["i", "j", "k", "l"], ["a", "b", "a", "b"], ["x", "y", "x", "y"]], "vote 0 is no"),
        (np.zeros((4, 2)), "three columns, item, worker and label; got 2"),
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
    with pytest.raises(VoteError, match="None or NaN, which are abstentions"):
        fit("majority", [(3, "a", "yes")], classes=["yes", None])
    with pytest.raises(VoteError, match="a class must be hashable"):
        fit("majority", [(3, "a", "yes")], classes=["yes", ["no"]])
    with pytest.raises(VoteError, match="items holds None"):
        fit("majority", [(3, "a", "yes")], items=[1, None])
    with pytest.raises(VoteError, match="an item must be hashable"):
        fit("majority", [(3, "a", "yes")], items=[[1]])
    with pytest.raises(VoteError, match="twice"):
        fit("majority", [(3, "a", "yes")], classes=["yes", "yes"])
    with pytest.raises(VoteError, match="no weight, yet it is the gold class"):
        fit("one_coin", ROWS, gold={1: "no"}, class_priors={"no": 0.0, "yes": 1.0})


def test_numbers_too_large_for_an_array_are_told_apart():
    votes = [(10**30, "a", 0), (10**30 + 1, "a", 1), (-(2**63), "b", 2**63)]
    assert fit("majority", votes).labels == {-(2**63): 2**63, 10**30: 0, 10**30 + 1: 1}
