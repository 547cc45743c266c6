"""Of the answers that a long run wrote, a page shows some: the first, the last, and evenly between."""

from hypothesis import given
from hypothesis import strategies as st

from training.samples import SHOWN, spread


@given(st.integers(0, 300))
def test_few_are_shown_the_first_and_the_last_among_them(count: int) -> None:
    found = [(step, False, "", True) for step in range(count)]
    shown = spread(found, SHOWN)
    assert len(shown) == min(count, SHOWN) == len({step for step, *_ in shown})
    assert shown == sorted(shown)
    assert not found or (shown[0], shown[-1]) == (found[0], found[-1])
