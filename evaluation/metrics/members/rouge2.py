"""ROUGE-2."""

from __future__ import annotations

from typing import Any

from evaluation.metrics import inputs, rouge
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores
from evaluation.metrics.tokens import Tokenizer


def rouge2(predictions: Any, references: Any, *, stem: bool = True, tokenizer: Tokenizer = "unicode") -> Scores:
    """Mean F-measure of the pairs of neighbouring words that prediction and reference share.

    stem, tokenizer, several references and details: as rouge1.
    """
    return rouge.ngram_scores(inputs.texts(predictions, references), 2, stem, tokenizer)


METRIC = Metric(
    name="rouge2",
    title="ROUGE-2",
    function=rouge2,
    takes="texts",
    direction="higher",
    range=(0.0, 1.0),
    source="Lin 2004, ROUGE: a package for automatic evaluation of summaries; values as google-research/rouge-score",
    blind_spot="Meaning and fact, as ROUGE-1. It is 0 for a one-word text, also for a right one, and mostly 0 for "
    "short replies in other words: differences on short texts are noise.",
)
