"""Side by side: marks that join to the text, and lists whose first item is the most telling."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from inference.comparing import MOST_TOKENS, ItemScores, difference, order, word_differences

TEXTS = st.text(alphabet=st.sampled_from("ab, .\n\tß猫"), max_size=60)


@given(TEXTS, TEXTS)
def test_the_pieces_of_a_side_are_its_text(left: str, right: str) -> None:
    for text, pieces in zip((left, right), word_differences(left, right), strict=True):
        assert "".join(piece.text for piece in pieces) == text
        assert all(a.differs != b.differs for a, b in itertools.pairwise(pieces))


@given(TEXTS)
def test_equal_texts_are_unmarked(text: str) -> None:
    assert not any(piece.differs for side in word_differences(text, text) for piece in side)


@given(TEXTS, TEXTS)
def test_what_is_unmarked_stands_on_both_sides_in_the_same_order(left: str, right: str) -> None:
    sides = word_differences(left, right)
    common = ["".join("".join(piece.text for piece in side if not piece.differs).split()) for side in sides]
    assert common[0] == common[1]


def test_a_phrase_is_marked_as_one() -> None:
    left, right = word_differences(
        "The firm is responsible for asking.", "The owner of the site is responsible for asking."
    )
    assert [(piece.text, piece.differs) for piece in left] == [
        ("The ", False),
        ("firm", True),
        (" is responsible for asking.", False),
    ]
    assert [piece.text for piece in right if piece.differs] == ["owner of the site"]


def test_a_space_alone_is_no_difference() -> None:
    left, _ = word_differences("one  two", "one two")
    assert not any(piece.differs for piece in left)


def test_texts_that_are_too_long_come_back_unmarked() -> None:
    long = "word " * MOST_TOKENS
    left, right = word_differences(long, "another")
    assert [(len(side), side[0].differs) for side in (left, right)] == [(1, False), (1, False)]


def scores(*values: float | None, more_is_better: bool | None = True) -> ItemScores:
    return ItemScores("reply.rougeL", "ROUGE-L of reply", values, more_is_better)


def test_worse_and_better_are_sorted_by_how_much() -> None:
    found = difference(scores(0.5, 0.5, 0.5, None, 0.5), scores(0.4, 0.9, 0.1, 0.3, 0.5))
    assert order(found, "worse") == [2, 0]
    assert order(found, "better") == [1]
    assert order(found, "largest") == [1, 2, 0]
    assert order(found, "all") == [0, 1, 2, 3, 4]


def test_where_less_is_better_a_fall_is_a_gain() -> None:
    found = difference(scores(2.0, 1.0, more_is_better=False), scores(1.0, 3.0, more_is_better=False))
    assert (order(found, "better"), order(found, "worse")) == ([0], [1])


@given(st.lists(st.one_of(st.none(), st.floats(-1, 1)), min_size=1, max_size=20), st.randoms())
def test_every_item_stands_in_at_most_one_list(values: list[float | None], random: object) -> None:
    found = difference(scores(*[0.0] * len(values)), scores(*values))
    worse, better = order(found, "worse"), order(found, "better")
    assert not set(worse) & set(better)
    assert set(order(found, "largest")) == set(worse) | set(better)
