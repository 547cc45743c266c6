"""Near-duplicates: exactly the pairs that brute force finds."""

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.neardup import clusters, expected_memory, near_duplicates, near_duplicates_between


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


THRESHOLDS = st.sampled_from([0.01, 0.25, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0])
TEXTS = st.lists(st.text(alphabet="abé🙂\ud800", max_size=14), max_size=25)


@settings(max_examples=300, deadline=None)
@given(TEXTS, THRESHOLDS)
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
    texts = [" ".join(rng.choices(words, k=12)) for _ in range(500)]
    texts += [text.replace("permit", "permits", 1) for text in texts[:200]]
    assert near_duplicates(texts, 0.8) == brute_force(texts, 0.8)


def test_short_and_empty_texts_are_near_their_equals_only():
    assert near_duplicates(["", "ab", "", "ab", "abcde", "abcd"]) == [(0, 2, 1.0), (1, 3, 1.0)]
    assert near_duplicates([]) == near_duplicates(["one"]) == []


@pytest.mark.parametrize("threshold", [0, -1, 1.01])
def test_a_threshold_without_meaning_is_refused(threshold):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        near_duplicates(["a", "b"], threshold)


# ------------------------------------------------------------------------------------------------------------- texts
WORDS = [
    f"{head}{tail}"
    for head in ("per", "wa", "roo", "ta", "gar", "fen", "off")
    for tail in ("mit", "ll", "f", "x", "den", "ce")
]


def edited(text, rng):
    """The text with one to four letters changed, dropped or added: near it, or just not."""
    letters = list(text)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(letters))
        letters[at] = rng.choice(["", "x", letters[at] + "y", "z"])
    return "".join(letters)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.3, 0.5, 0.7, 0.8, 0.9]))
def test_pairs_around_the_threshold_among_texts_of_all_lengths(seed, threshold):
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.choice([1, 2, 3, 8, 30, 120]))) for _ in range(60)]
    texts += [edited(rng.choice(texts), rng) for _ in range(60)]
    rng.shuffle(texts)
    assert near_duplicates(texts, threshold) == brute_force(texts, threshold)


def test_a_jaccard_of_exactly_the_threshold_counts():
    assert near_duplicates(["abcdefghi", "abcdefgh"], 0.8) == [(0, 1, 0.8)]  # four grams of five
    assert near_duplicates(["abcdefghijklm", "abcdefg"], 1 / 3) == [(0, 1, 1 / 3)]


def test_blocks_of_the_work_make_no_difference(monkeypatch):
    rng = random.Random(3)
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(1, 12))) for _ in range(400)]
    texts += [edited(text, rng) for text in texts[:200]] + texts[:50]
    expected = brute_force(texts, 0.6)
    for name in ("grams._AT_ONCE", "join._MEETINGS_AT_ONCE", "join._COMPARED_AT_ONCE", "join._COUNTED_AT_ONCE"):
        monkeypatch.setattr(f"annotation.neardup.{name}", 7)
    assert near_duplicates(texts, 0.6) == expected


# -------------------------------------------------------------------------------------------------- between two sets
@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, THRESHOLDS)
def test_between_two_sets_are_the_pairs_of_one_text_each(left, right, threshold):
    expected = [
        (i, j - len(left), value) for i, j, value in brute_force([*left, *right], threshold) if i < len(left) <= j
    ]
    assert near_duplicates_between(left, right, threshold) == expected


def test_a_leak_is_told_with_the_place_in_each_set():
    train = ["Do I need a permit for a wall?", "What does it cost?", "Do I need a permit for a wall?"]
    test = ["Where is the office?", "Do I need a permit for a wall!"]
    assert [(i, j) for i, j, _ in near_duplicates_between(train, test)] == [(0, 1), (2, 1)]
    assert near_duplicates_between([], test) == near_duplicates_between(train, []) == []


# ---------------------------------------------------------------------------------------------------------- clusters
def joined(size, pairs):
    """Connected components by brute force."""
    groups = [{at} for at in range(size)]
    for i, j, _ in pairs:
        one, other = (next(group for group in groups if at in group) for at in (i, j))
        if one is not other:
            groups.remove(other)
            one |= other
    return sorted(sorted(group) for group in groups if len(group) > 1)


@settings(max_examples=200, deadline=None)
@given(TEXTS, THRESHOLDS)
def test_clusters_are_the_texts_that_are_near_also_through_others(texts, threshold):
    assert clusters(texts, threshold) == joined(len(texts), brute_force(texts, threshold))


def test_a_text_that_occurs_often_is_one_cluster_without_its_pairs():
    tracemalloc.start()
    assert clusters(["again and again"] * 20_000) == [list(range(20_000))]  # two hundred million pairs
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 << 20
    assert clusters([]) == clusters(["alone"]) == []


# ------------------------------------------------------------------------------------------------------------ memory
@pytest.mark.parametrize("words", [3, 9, 200])
def test_memory_stays_below_what_is_told_beforehand(words):
    rng = random.Random(4)
    texts = [" ".join(rng.choices(WORDS, k=words)) + str(number) for number in range(60_000 // words)]
    tracemalloc.start()
    near_duplicates(texts, 0.95)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < expected_memory(texts)
