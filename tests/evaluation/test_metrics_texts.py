"""Metrics over texts, and perplexity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics import MetricInputError, compute, describe
from evaluation.metrics.rouge import lcs_length, lcs_positions
from evaluation.metrics.tokens import stemmed_words, words

MEANS = ["exact_match", "token_f1", "rouge1", "rouge2", "rougeL", "rougeLsum"]
NAMES = [*MEANS, "bleu", "chrf", "ter"]
SCRIPTS = [
    "Άδεια οικοδομής για στέγη",
    "رخصة بناء جديدة",
    "विवाह प्रमाण पत्र",
    "建築許可申請",
    "การก่อสร้างบ้าน",
    "разрешение на ремонт",
]

texts = st.text(alphabet="abcd ABC.,\n-é建", max_size=30)
tokens = st.lists(st.sampled_from("abc"), max_size=12)


@pytest.mark.parametrize("name", NAMES)
def test_the_text_itself_is_perfect(name: str) -> None:
    text = "The permit was granted to the owners in May."
    best = {"bleu": 100, "chrf": 100, "ter": 0}.get(name, 1)
    assert compute(name, [text], [text]).value == pytest.approx(best)


@pytest.mark.parametrize("name", ["token_f1", "rouge1", "rouge2", "rougeL", "rougeLsum", "chrf"])
@pytest.mark.parametrize("text", SCRIPTS)
def test_any_script_is_scored(name: str, text: str) -> None:
    best = 100 if name == "chrf" else 1
    assert compute(name, [text], [text]).value == pytest.approx(best)
    assert 0 < compute(name, [f"{text} zzz"], [text]).value < best
    assert compute(name, ["zzz yyy"], [text]).value == pytest.approx(0)


@pytest.mark.parametrize("name", MEANS)
def test_of_several_references_the_best_counts_for_each_example(name: str) -> None:
    predictions = ["a b c", "d e"]
    groups = [["x", "a b c", "a"], ["d", "d e f"]]
    several = compute(name, predictions, groups)
    singles = [
        max(compute(name, [text], [reference]).value for reference in group)
        for text, group in zip(predictions, groups, strict=True)
    ]
    assert several.per_example.tolist() == pytest.approx(singles)
    assert several.signature.startswith("nrefs:var|")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_values_stay_in_their_range(rows: list[tuple[str, str]]) -> None:
    for name in NAMES:
        result = compute(name, [text for text, _ in rows], [reference for _, reference in rows])
        low, high = result.range
        assert low <= result.value <= high + 1e-9


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_doubling_every_example_changes_nothing(rows: list[tuple[str, str]]) -> None:
    # Not BLEU: its smoothing of orders without a match weighs less the longer the list.
    for name in [name for name in NAMES if name != "bleu"]:
        once = compute(name, [text for text, _ in rows], [reference for _, reference in rows]).value
        twice = compute(name, [text for text, _ in rows] * 2, [reference for _, reference in rows] * 2).value
        assert twice == pytest.approx(once)


@settings(deadline=None)
@given(texts, texts)
def test_f_measures_are_symmetric(one: str, other: str) -> None:
    for name in ["token_f1", "rouge1", "rouge2", "rougeL"]:
        assert compute(name, [one], [other]).value == pytest.approx(compute(name, [other], [one]).value)


@settings(deadline=None)
@given(texts, texts)
def test_another_reference_never_makes_it_worse(one: str, other: str) -> None:
    for name in MEANS:
        assert compute(name, [one], [[other, "a b"]]).value >= compute(name, [one], [other]).value


# ROUGE


@given(tokens, tokens)
def test_the_longest_common_subsequence_in_bits_equals_the_table(reference: list[str], candidate: list[str]) -> None:
    table = np.zeros((len(reference) + 1, len(candidate) + 1), dtype=int)
    for i, left in enumerate(reference, 1):
        for j, right in enumerate(candidate, 1):
            table[i, j] = table[i - 1, j - 1] + 1 if left == right else max(table[i - 1, j], table[i, j - 1])
    assert lcs_length(reference, candidate) == table[-1, -1]
    positions = lcs_positions(reference, candidate)
    assert len(positions) == table[-1, -1]
    remaining = iter(candidate)
    assert all(reference[position] in remaining for position in sorted(positions))


def test_the_longest_common_subsequence_takes_texts_longer_than_a_machine_word() -> None:
    reference = [str(k) for k in range(500)]
    assert lcs_length(reference, reference[::2]) == 250


def test_stemming_can_be_switched_off() -> None:
    assert compute("rouge1", ["renovating"], ["renovated"]).value == 1.0
    assert compute("rouge1", ["renovating"], ["renovated"], stem=False).value == 0.0


def test_words_of_scripts_without_spaces_are_code_points() -> None:
    assert words("建築ab許可 2024年") == ["建", "築", "ab", "許", "可", "2024", "年"]


def test_composed_and_decomposed_letters_are_the_same_word() -> None:
    assert words("Cafe\u0301 STRASSE") == words("café straße") == ["café", "strasse"]


def test_marks_stay_with_their_word() -> None:
    assert words("विवाह प्रमाण") == ["विवाह", "प्रमाण"]


def test_the_english_stemmer_leaves_words_of_other_scripts_alone() -> None:
    assert stemmed_words("cafés owners дома") == ("cafés", "owner", "дома")


def test_lines_are_sentences_for_rouge_lsum_only() -> None:
    prediction, reference = "c d\na b", "a b\nc d"
    assert compute("rougeLsum", [prediction], [reference]).value == 1.0
    assert compute("rougeL", [prediction], [reference]).value == 0.5


def test_an_unknown_tokenizer_is_refused() -> None:
    with pytest.raises(MetricInputError, match="tokenizer='bert'"):
        compute("rouge1", ["a"], ["a"], tokenizer="bert")
    with pytest.raises(MetricInputError, match="tokenize='spm'"):
        compute("bleu", ["a"], ["a"], tokenize="spm")


# Exact match and token F1


def test_exact_match_is_exact_unless_asked_to_normalise() -> None:
    assert compute("exact_match", ["The roof.", "roof"], ["roof", "roof"]).per_example.tolist() == [0, 1]
    assert compute("exact_match", ["The roof."], ["roof"], normalise=True).value == 1.0
    assert compute("exact_match", ["The roof."], ["roof"], normalise=True, articles=False).value == 0.0


def test_token_f1_drops_case_punctuation_of_any_script_and_articles() -> None:
    assert compute("token_f1", ["„The Roof“, «a» wall!"], ["roof wall"]).value == 1.0
    assert compute("token_f1", ["der a"], ["der"], articles=False).value == pytest.approx(2 / 3)


def test_token_f1_of_two_empty_answers_is_one_and_of_one_zero() -> None:
    assert compute("token_f1", ["", "", "roof"], ["", "roof", "the"]).per_example.tolist() == [1, 0, 0]


# Corpus metrics


def test_bleu_has_no_values_per_example_and_is_no_mean_of_sentences() -> None:
    assert compute("bleu", ["a b c d", "e"], ["a b c d", "e f g h"]).per_example is None


@pytest.mark.parametrize("name", ["chrf", "ter"])
def test_sentence_scores_are_those_of_each_text_alone(name: str) -> None:
    predictions, references = ["the roof", "a wall", ""], ["the roofs", "a wall", "x"]
    alone = [compute(name, [text], [reference]).value for text, reference in zip(predictions, references, strict=True)]
    assert compute(name, predictions, references).details["sentence_scores"] == pytest.approx(alone)


# Perplexity


def test_perplexity_is_per_token_over_all_texts_with_bytes_and_words_beside_it() -> None:
    result = compute("perplexity", logprobs=[-6.0, -4.0], tokens=[3, 2], bytes=[12, 8], words=[2, 2])
    assert result.value == pytest.approx(math.exp(10 / 5))
    assert result.details["per_byte"] == pytest.approx(math.exp(10 / 20))
    assert result.details["bits_per_byte"] == pytest.approx(10 / 20 / math.log(2))
    assert result.details["per_word"] == pytest.approx(math.exp(10 / 4))
    assert result.details["per_text"] == pytest.approx([math.exp(2), math.exp(2)])
    assert result.direction == "lower"


def test_perplexity_counts_bytes_and_words_of_texts_that_are_given() -> None:
    given_counts = compute("perplexity", logprobs=[-6.0], tokens=[3], bytes=[6], words=[1])
    counted = compute("perplexity", references=["naïve"], logprobs=[-6.0], tokens=[3])
    assert counted.details["per_byte"] == given_counts.details["per_byte"]
    assert counted.details["per_word"] == given_counts.details["per_word"]


def test_what_perplexity_cannot_know_is_none() -> None:
    result = compute("perplexity", logprobs=[-6.0], tokens=[3])
    assert result.details["per_byte"] is None
    assert result.details["per_word"] is None
    assert result.details["bits_per_byte"] is None


def test_perplexity_is_absent_without_tokens_or_texts_and_infinite_for_the_impossible() -> None:
    assert compute("perplexity", logprobs=[0.0], tokens=[0]).reason == "the texts have no tokens"
    assert compute("perplexity", logprobs=[], tokens=[]).reason == "there are no texts"
    assert compute("perplexity", logprobs=[float("-inf")], tokens=[2]).value == math.inf


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"logprobs": [0.5], "tokens": [1]}, "row 0: the log-probability 0.5 is above 0"),
        ({"logprobs": [-1.0], "tokens": [1, 2]}, "2 tokens but 1 logprobs"),
        ({"logprobs": [float("nan")], "tokens": [1]}, "without NaN"),
        ({"logprobs": [-1.0], "tokens": [-1]}, "negative or infinite"),
    ],
)
def test_wrong_log_probabilities_are_refused(options: dict[str, list[float]], message: str) -> None:
    with pytest.raises(MetricInputError, match=message):
        compute("perplexity", **options)


# Embeddings


@pytest.mark.skipif(describe()["embedding_similarity"].absent is not None, reason="the model is not installed")
@pytest.mark.model
def test_embedding_similarity_is_one_for_the_same_text_and_higher_for_like_ones() -> None:
    result = compute(
        "embedding_similarity",
        ["A man is eating food.", "A man is eating food.", "A man is eating food.", ""],
        ["A man is eating food.", "A man eats a piece of bread.", "The girl carries a baby.", "food"],
    )
    same, like, unlike, empty = result.per_example
    assert same == pytest.approx(1) and same <= 1
    assert same > like > unlike
    assert empty == 0
