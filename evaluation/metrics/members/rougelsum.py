"""ROUGE-Lsum."""

from __future__ import annotations

from functools import partial
from typing import Any

from evaluation.metrics import inputs, rouge
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores
from evaluation.metrics.tokens import Tokenizer, stemmed_words


def rouge_lsum(predictions: Any, references: Any, *, stem: bool = True, tokenizer: Tokenizer = "unicode") -> Scores:
    """Mean F-measure of the summary-level longest common subsequence: per reference line, the union over all
    predicted lines.

    Sentences are lines (split at "\\n", as rouge-score does by default). On one-line texts it is ROUGE-L.
    stem, tokenizer, several references and details: as rouge1.
    """
    units = partial(_sentences, tokenizer=tokenizer, stem=stem)
    return rouge.lcs_scores(inputs.texts(predictions, references), units, rouge.union_lcs_overlap, stem, tokenizer)


def _sentences(text: str, tokenizer: Tokenizer, stem: bool) -> list[tuple[str, ...]]:
    return [stemmed_words(line, tokenizer, stem) for line in text.split("\n") if line]


METRIC = Metric(
    name="rougeLsum",
    title="ROUGE-Lsum",
    function=rouge_lsum,
    takes="texts",
    direction="higher",
    range=(0.0, 1.0),
    source="Lin 2004, ROUGE: a package for automatic evaluation of summaries, section 3.2; values as rouge-score",
    blind_spot="Meaning and fact, as ROUGE-L. It depends on line breaks: the same sentences on one line or on several "
    "score differently.",
)
