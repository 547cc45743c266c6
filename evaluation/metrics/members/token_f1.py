"""Token F1."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from evaluation.metrics import inputs, squad
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores, mean_of
from evaluation.metrics.tokens import split_spaceless


def token_f1(predictions: Any, references: Any, *, articles: bool = True) -> Scores:
    """Mean F1 of the words that prediction and reference share, after SQuAD's normalisation.

    articles: drop the English a, an and the; switch it off for texts that are not English
    Several references: the best counts. Two texts without words agree (1), one without words does not (0), as in
    SQuAD 2.0. Scripts without spaces (Han, kana, Thai, …) are compared by character.
    """
    pairs = inputs.texts(predictions, references)
    values = np.array(
        [
            max(_f1(_words(text, articles), _words(reference, articles)) for reference in group)
            for text, group in zip(pairs.predictions, pairs.references, strict=True)
        ]
    )
    norm = "squad" if articles else "squad-no-articles"
    return mean_of(values, f"nrefs:{pairs.nrefs}|norm:{norm}|version:1", **pairs.counts)


def _words(text: str, articles: bool) -> list[str]:
    return split_spaceless(squad.normalised(text, articles)).split()


def _f1(predicted: list[str], reference: list[str]) -> float:
    if not predicted or not reference:
        return float(predicted == reference)
    shared = (Counter(predicted) & Counter(reference)).total()
    # 2·shared / (both lengths) is the harmonic mean of precision and recall.
    return 2 * shared / (len(predicted) + len(reference))


METRIC = Metric(
    name="token_f1",
    title="Token F1",
    function=token_f1,
    takes="texts",
    direction="higher",
    range=(0.0, 1.0),
    source="Rajpurkar et al. 2016, SQuAD: 100,000+ questions for machine comprehension of text",
    blind_spot="Order and meaning: the reference's words in any order score 1, and “not” weighs as any other word. "
    "It is made for answers of a few words.",
)
