"""The quick counting behind BLEU and chrF against plain counters, and its words against sacrebleu's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from evaluation.metrics import ngrams
from evaluation.metrics.mteval import words_13a
from evaluation.metrics.ngrams import characters, clipped_matches, words

sacrebleu_13a = Tokenizer13a()
signs = st.text(alphabet="ab1 2.,-&;<>/'!\"$\n\t\u2028é雨\\", max_size=20)
few = st.text(alphabet="ab雨", max_size=12)


def counted(one, other, n: int) -> int:
    def grams(symbols) -> Counter:
        return Counter(tuple(symbols[i : i + n]) for i in range(len(symbols) - n + 1))

    return (grams(one) & grams(other)).total()


@settings(deadline=None, max_examples=500)
@given(signs)
@example("1.5,000.-, a..b,.c ,,d 3-4 -5 a-\nb &quot;x&amp;lt; <skipped>")
@example("1..2,,3.,4")
@example(".5")
@example("5.")
@example("wait... 3,5")
def test_words_are_those_of_sacrebleus_13a(text: str) -> None:
    assert words_13a(text) == str(sacrebleu_13a(text.rstrip())).split()


@given(st.lists(st.tuples(few, few), max_size=6))
@settings(deadline=None)
def test_matches_are_those_of_counters(pairs: list[tuple[str, str]]) -> None:
    predicted, references = [one for one, _ in pairs], [other for _, other in pairs]
    expected = [[counted(one, other, n) for n in range(1, 7)] for one, other in pairs]
    assert clipped_matches(predicted, references, 6, characters).tolist() == expected
    lists = [list(text) for text in predicted], [list(text) for text in references]
    assert clipped_matches(*lists, 4, words).tolist() == [row[:4] for row in expected]


def test_chunks_do_not_change_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    texts = [["".join(rng.choice(list("abc"), rng.integers(0, 30))) for _ in range(50)] for _ in range(2)]
    whole = clipped_matches(*texts, 6, characters)
    monkeypatch.setattr(ngrams, "CHUNK", 40)
    assert clipped_matches(*texts, 6, characters).tolist() == whole.tolist()


def test_alphabets_that_no_whole_number_holds_are_halved_and_then_counted() -> None:
    # Six of three thousand signs take 72 bits: pairs are halved until one is left, and that one is counted.
    every = "".join(chr(0x4E00 + number) for number in range(3000))
    predicted, references = [every, "ab", "雨"], [every[5:], "ab", "水"]
    found = clipped_matches(predicted, references, 6, characters)
    assert found.tolist() == [
        [counted(one, other, n) for n in range(1, 7)] for one, other in zip(predicted, references, strict=True)
    ]


def test_lone_surrogates_and_nothing_are_symbols_too() -> None:
    assert clipped_matches(["\ud800a"], ["a\ud800"], 2, characters).tolist() == [[2, 0]]
    assert clipped_matches([""], [""], 2, characters).tolist() == [[0, 0]]
    assert clipped_matches([], [], 2, words).shape == (0, 2)
