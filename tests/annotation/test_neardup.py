"""Near-duplicates: exactly the pairs that brute force finds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.neardup import near_duplicates


def grams(text):
    return {text[k : k + 5] for k in range(len(text) - 4)} if len(text) >= 5 else {text}


def brute_force(texts, threshold):
    sets = [grams(text) for text in texts]
    pairs = (
        (i, j, len(sets[i] & sets[j]) / len(sets[i] | sets[j]))
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
    )
    return [pair for pair in pairs if pair[2] >= threshold]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(alphabet="abé🙂\ud800", max_size=14), max_size=25),
    st.sampled_from([0.01, 0.25, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0]),
)
def test_none_missed_and_none_false(texts, threshold):
    assert near_duplicates(texts, threshold) == brute_force(texts, threshold)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=12), st.sampled_from([0.3, 0.8]))
def test_any_script(texts, threshold):
    texts = [*texts, *(text + "x" for text in texts)]
    assert near_duplicates(texts, threshold) == brute_force(texts, threshold)


def test_codes_stay_exact_with_a_huge_alphabet():
    rng = random.Random(1)
    texts = ["".join(chr(0x4E00 + rng.randrange(20_000)) for _ in range(30)) for _ in range(300)]
    texts += [text[:25] + "終" + text[26:] for text in texts[:100]]
    found = near_duplicates(texts, 0.5)
    assert found == brute_force(texts, 0.5) and len(found) == 100


def test_planted_duplicates_among_many_questions():
    rng = random.Random(0)
    words = [
        "permit",
        "wall",
        "roof",
        "tax",
        "garden",
        "house",
        "fence",
        "build",
        "need",
        "when",
        "how",
        "cost",
        "which",
        "office",
        "form",
        "pay",
        "before",
        "after",
        "licence",
        "small",
    ]
    texts = [" ".join(rng.choices(words, k=12)) for _ in range(1500)]
    texts += [text.replace("permit", "permits", 1) for text in texts[:300]]
    assert near_duplicates(texts, 0.8) == brute_force(texts, 0.8)


def test_short_and_empty_texts_are_near_their_equals_only():
    assert near_duplicates(["", "ab", "", "ab", "abcde", "abcd"]) == [(0, 2, 1.0), (1, 3, 1.0)]
    assert near_duplicates([]) == near_duplicates(["one"]) == []


@pytest.mark.parametrize("threshold", [0, -1, 1.01])
def test_a_threshold_without_meaning_is_refused(threshold):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        near_duplicates(["a", "b"], threshold)
