"""ROUGE-1."""

from __future__ import annotations

from typing import Any

from evaluation.metrics import inputs, rouge
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores
from evaluation.metrics.tokens import Tokenizer


def rouge1(predictions: Any, references: Any, *, stem: bool = True, tokenizer: Tokenizer = "unicode") -> Scores:
    """Mean F-measure of the words that prediction and reference share.

    stem:      Porter's English stemmer on ASCII words of more than three letters
    tokenizer: "unicode" scores any script and equals rouge-score on ASCII text; "rouge-score" keeps a–z and 0–9 only,
               so a text in another script has no words there and scores 0
    Several references: the best by F. details: precision and recall per example, of that reference.
    """
    return rouge.ngram_scores(inputs.texts(predictions, references), 1, stem, tokenizer)


METRIC = Metric(
    name="rouge1",
    title="ROUGE-1",
    function=rouge1,
    takes="texts",
    direction="higher",
    range=(0.0, 1.0),
    source="Lin 2004, ROUGE: a package for automatic evaluation of summaries; values as google-research/rouge-score",
    blind_spot="Order, negation and fact: “permit granted” and “permit not granted” share nearly all words. A reply "
    "right in other words scores low, and length alone moves it.",
)
