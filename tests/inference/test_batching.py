"""Prompts are cut into batches at the least cost, and never into larger ones than fit."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.batching import Cost, cut

ROOM = 5


def spent(lengths: list[int], counts: list[int], cost: Cost) -> int:
    whole, begin = 0, 0
    for count in counts:
        whole += cost.shared + cost.a_forward * (1 + cost.steps) + count * (lengths[begin] - cost.shared)
        begin += count
    return whole


def fits(lengths: list[int], counts: list[int], most_rows: int, most_tokens: int) -> bool:
    begin = 0
    for count in counts:
        if count > most_rows or (count > 1 and count * (lengths[begin] + ROOM) > most_tokens):
            return False
        begin += count
    return True


def every_cut(rows: int) -> list[list[int]]:
    """All ways to cut a row of so many prompts: at each place between two, or not."""
    ways = []
    for places in product((False, True), repeat=max(0, rows - 1)):
        counts = [1]
        for is_cut in places:
            if is_cut:
                counts.append(1)
            else:
                counts[-1] += 1
        ways.append(counts)
    return ways


@settings(max_examples=300, deadline=None)
@given(
    lengths=st.lists(st.integers(10, 700), min_size=1, max_size=8).map(lambda found: sorted(found, reverse=True)),
    most_rows=st.integers(1, 9),
    most_tokens=st.integers(1, 4000),
    cost=st.builds(Cost, shared=st.integers(0, 9), steps=st.integers(0, 40), a_forward=st.integers(0, 60)),
)
def test_no_other_cut_that_fits_costs_less(lengths: list[int], most_rows: int, most_tokens: int, cost: Cost) -> None:
    counts = cut(lengths, most_rows=most_rows, most_tokens=most_tokens, room=ROOM, cost=cost)
    assert sum(counts) == len(lengths)
    assert fits(lengths, counts, most_rows, most_tokens)
    others = [way for way in every_cut(len(lengths)) if fits(lengths, way, most_rows, most_tokens)]
    assert spent(lengths, counts, cost) == min(spent(lengths, way, cost) for way in others)


def test_long_texts_with_short_answers_are_not_padded_to_the_longest() -> None:
    lengths = sorted([100, 300, 700] * 20, reverse=True)
    limits = {"most_rows": 96, "most_tokens": 10**6, "room": 11}
    assert cut(lengths, **limits, cost=Cost(shared=0, steps=10, a_forward=48)) == [20, 20, 20]
    assert cut(lengths, **limits, cost=Cost(shared=0, steps=1000, a_forward=48)) == [
        60
    ]  # long answers share their steps


def test_nothing_to_cut_and_an_order_that_is_none() -> None:
    cost = Cost(shared=0, steps=0, a_forward=0)
    assert cut([], most_rows=4, most_tokens=10, room=0, cost=cost) == []
    with pytest.raises(ValueError, match="longest first"):
        cut([1, 2], most_rows=4, most_tokens=10, room=0, cost=cost)
