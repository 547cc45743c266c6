"""Length of the answers against that of the references: a warning, for raters and judges favour long answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Floats, Scores, from_statistics, ratio
from evaluation.metrics.tokens import Tokenizer, words


def length_ratio(predictions: Any, references: Any, *, tokenizer: Tokenizer = "unicode") -> Scores:
    """Words of all predictions over words of all references; of several references the nearest in length counts.

    That is the ratio which BLEU's brevity penalty looks at. 1 is the length that people wrote; both ways away from it
    are a warning, so compare |ln(value)|: the direction "lower" says only that long answers are no merit.
    Absent where the references have no words.
    details: per_text (n,), NaN where a reference has no words; statistics (n, 2): words of prediction, of reference.
    """
    pairs = inputs.texts(predictions, references)
    rows = []
    for text, group in zip(pairs.predictions, pairs.references, strict=True):
        length = len(words(text, tokenizer))
        # Of two equally near references the shorter counts, as in BLEU.
        nearest = min((len(words(reference, tokenizer)) for reference in group), key=lambda n: (abs(n - length), n))
        rows.append((length, nearest))
    statistics = np.array(rows, dtype=np.float64)
    settings = f"nrefs:{pairs.nrefs}|tok:{tokenizer}|version:1"
    scores = from_statistics(statistics, reduce, settings, per_text=reduce(statistics), **pairs.counts)
    if np.isnan(scores.value):
        scores.details["reason"] = "the references have no words"
    return scores


def reduce(sums: Floats) -> Floats:
    """Summed (words predicted, words of references), shape (..., 2) -> ratio (...); NaN without words."""
    sums = np.asarray(sums, dtype=np.float64)
    return ratio(sums[..., 0], sums[..., 1])


METRIC = Metric(
    name="length_ratio",
    title="Length ratio",
    function=length_ratio,
    takes="texts",
    warning=True,
    direction="lower",
    range=(0.0, float("inf")),
    source="Papineni et al. 2002, BLEU (its brevity penalty); Singhal et al. 2023, A long way to go (length as a bias)",
    blind_spot="Whether the words are the right ones. 1 is the aim and neither direction: a total of 1 may hide answers "
    "half of which are too long and half too short; see per_text.",
)
