"""Splits: groups never cross, strata keep their share, the seed decides, the impossible is refused with a reason."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.splits import ImpossibleSplit, assign, join_groups, stratified_sample

SIZES = {"train": 250, "validation": 24, "test": 110}


def singles(count):
    return list(range(count))


def test_sizes_are_exact_and_strata_proportional_when_nothing_is_grouped():
    strata = [f"desk {index % 6}" for index in range(400)]
    sets = assign(singles(400), strata, SIZES, seed=3)
    assert Counter(sets) == {"train": 250, "validation": 24, "test": 110, None: 16}
    table = Counter(zip(strata, sets, strict=True))
    for desk in set(strata):
        assert abs(table[desk, "test"] - 110 / 6) <= 2
        assert abs(table[desk, "train"] - 250 / 6) <= 2
        assert table[desk, "validation"] >= 2


def test_the_same_seed_gives_the_same_sets_and_another_seed_others():
    strata = [index % 5 for index in range(200)]
    first = assign(singles(200), strata, {"train": 0.8, "test": 0.2}, seed=1)
    assert first == assign(singles(200), strata, {"train": 0.8, "test": 0.2}, seed=1)
    assert first != assign(singles(200), strata, {"train": 0.8, "test": 0.2}, seed=2)


def test_many_small_strata_each_keep_one_in_train():
    strata = [f"label {index // 2}" for index in range(154)]  # 77 labels, two examples each
    for seed in range(5):
        sets = assign(singles(154), strata, {"train": 90, "test": 64}, seed=seed)
        assert Counter(sets) == {"train": 90, "test": 64}
        assert {s for s, name in zip(strata, sets, strict=True) if name == "train"} == set(strata)


def test_a_label_with_one_example_goes_to_train():
    strata = ["common"] * 50 + ["rare"]
    for seed in range(20):
        assert assign(singles(51), strata, {"train": 30, "test": 21}, seed=seed)[50] == "train"


def test_examples_that_share_any_key_are_one_group_also_through_a_third():
    customers = ["a", "a", "b", None, None]
    prompts = ["x", "y", "y", "z", "z"]
    assert join_groups(customers, prompts) == [0, 0, 0, 1, 1]
    assert join_groups([None, None]) == [0, 1]
    assert join_groups() == []
    with pytest.raises(ValueError, match="per example"):
        join_groups([1], [1, 2])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 25), st.sampled_from("abcd")), min_size=1, max_size=120), st.integers(0, 9))
def test_a_group_never_crosses_whatever_the_data(rows, seed):
    groups, strata = [g for g, _ in rows], [s for _, s in rows]
    try:
        sets = assign(groups, strata, {"train": 0.7, "validation": 0.1, "test": 0.2}, seed=seed)
    except ImpossibleSplit:
        return
    assert len({(g, name) for g, name in zip(groups, sets, strict=True)}) == len(set(groups))
    assert None not in sets
    assert {"train", "test"} <= set(sets)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcdefg"), min_size=10, max_size=150), st.integers(0, 9), st.data())
def test_ungrouped_sizes_are_always_exact(strata, seed, data):
    test = data.draw(st.integers(1, len(strata) - 2))
    train = data.draw(st.integers(1, len(strata) - test))
    sets = Counter(assign(singles(len(strata)), strata, {"train": train, "test": test}, seed=seed))
    assert (sets["train"], sets["test"], sets[None]) == (train, test, len(strata) - train - test)


@pytest.mark.parametrize(
    ("groups", "sizes", "reason"),
    [
        (singles(10), {"train": 8, "test": 5}, "13 examples are asked for .* there are 10"),
        (singles(10), {"train": 0.9, "test": 0.2}, "11 examples are asked for"),
        (singles(10), {"train": -1}, 'size of "train" is -1'),
        (singles(10), {"train": 1.5}, "share from 0.0 to 1.0"),
        (singles(10), {}, "no set is asked for"),
        ([1] * 10, {"train": 5, "test": 5}, r"only 1 group"),
        ([1] * 90 + singles(10), {"train": 50, "test": 50}, "largest of .* groups holds 91 examples"),
        ([], {"train": 1}, "there are 0"),
    ],
)
def test_the_impossible_is_refused_with_the_reason(groups, sizes, reason):
    with pytest.raises(ImpossibleSplit, match=reason):
        assign(groups, ["s"] * len(groups), sizes, seed=0)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one of each"):
        assign([1, 2], ["a"], {"train": 1}, seed=0)


def test_a_sample_of_a_sorted_file_has_every_label_its_share():
    strata = [f"label {label:02}" for label in range(77) for _ in range(100 + label)]
    chosen = stratified_sample(strata, 400, seed=0)
    assert chosen == sorted(set(chosen)) and len(chosen) == 400
    counts = Counter(strata[index] for index in chosen)
    assert len(counts) == 77 and max(counts.values()) - min(counts.values()) <= 3
    assert chosen == stratified_sample(strata, 400, seed=0) != stratified_sample(strata, 400, seed=1)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("aaaaabbcd"), min_size=1, max_size=80), st.integers(1, 100), st.integers(0, 5))
def test_a_sample_has_its_size_and_every_stratum_that_fits(strata, limit, seed):
    chosen = stratified_sample(strata, limit, seed)
    assert len(chosen) == len(set(chosen)) == min(limit, len(strata))
    if limit >= len(set(strata)):
        assert {strata[index] for index in chosen} == set(strata)


def test_a_sample_smaller_than_the_number_of_strata_takes_the_largest():
    assert {
        ["a", "b", "b", "c", "c", "c"][i] for i in stratified_sample(["a", "b", "b", "c", "c", "c"], 2, seed=0)
    } == {"b", "c"}
    with pytest.raises(ValueError, match="at least 1"):
        stratified_sample(["a"], 0, seed=0)


def test_a_share_that_comes_to_no_example_is_refused():
    with pytest.raises(ImpossibleSplit, match="which is none"):
        assign([1], ["a"], {"train": 0.9, "test": 0.1}, seed=0)
    assert Counter(assign([1, 2], ["a", "a"], {"train": 0.99, "test": 0.01}, seed=0)) == {"train": 1, "test": 1}


def test_a_hundred_thousand_strata_of_one_are_no_trouble():
    sets = assign(singles(100_000), singles(100_000), {"train": 0.8, "test": 0.2}, seed=0)
    assert Counter(sets) == {"train": 80_000, "test": 20_000}
