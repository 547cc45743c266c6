"""ROUGE-L."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from evaluation.metrics import inputs, rouge
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores
from evaluation.metrics.rouge import Overlap
from evaluation.metrics.tokens import Tokenizer, stemmed_words


def rouge_l(predictions: Any, references: Any, *, stem: bool = True, tokenizer: Tokenizer = "unicode") -> Scores:
    """Mean F-measure of the longest common subsequence of words.

    stem, tokenizer, several references and details: as rouge1. Sentences are not told apart, see rougeLsum.
    """
    units = partial(stemmed_words, tokenizer=tokenizer, stemming=stem)
    return rouge.lcs_scores(inputs.texts(predictions, references), units, _overlap, stem, tokenizer)


def _overlap(predicted: Sequence[str], reference: Sequence[str]) -> Overlap:
    return rouge.lcs_length(reference, predicted), len(predicted), len(reference)


METRIC = Metric(
    name="rougeL",
    title="ROUGE-L",
    function=rouge_l,
    takes="texts",
    direction="higher",
    range=(0.0, 1.0),
    source="Lin 2004, ROUGE: a package for automatic evaluation of summaries; values as google-research/rouge-score",
    blind_spot="Meaning and fact: it rewards the reference's words in its order. A right reply whose parts stand in "
    "another order loses half, a wrong figure in the right sentence loses almost nothing. Part of a gain can be length.",
)
