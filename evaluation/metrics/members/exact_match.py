"""Exact match."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.metrics import inputs, squad
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores, mean_of


def exact_match(predictions: Any, references: Any, *, normalise: bool = False, articles: bool = True) -> Scores:
    """Share of texts that equal one of their references.

    normalise: compare after SQuAD's normalisation (case, punctuation, white space, and the English articles);
               the default compares the strings as they are, code point by code point
    articles:  with `normalise`, drop a, an and the; switch it off for texts that are not English
    """
    pairs = inputs.texts(predictions, references)

    def form(text: str) -> str:
        return squad.normalised(text, articles) if normalise else text

    equal = np.array(
        [
            float(any(form(text) == form(reference) for reference in group))
            for text, group in zip(pairs.predictions, pairs.references, strict=True)
        ]
    )
    norm = ("squad" if articles else "squad-no-articles") if normalise else "no"
    return mean_of(equal, f"nrefs:{pairs.nrefs}|norm:{norm}|version:1", **pairs.counts)


METRIC = Metric(
    name="exact_match",
    title="Exact match",
    function=exact_match,
    takes="texts",
    direction="higher",
    range=(0.0, 1.0),
    source="Rajpurkar et al. 2016, SQuAD: 100,000+ questions for machine comprehension of text",
    blind_spot="How near a wrong answer is, and whether one in other words is right. For free text longer than a few "
    "words it is nearly always 0.",
)
