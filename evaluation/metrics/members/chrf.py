"""chrF."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.metric import Metric
from evaluation.metrics.ngrams import characters, clipped_matches
from evaluation.metrics.result import Floats, Scores, from_statistics, ratio

ORDER = 6
BETA = 2


def chrf(predictions: Any, references: Any, *, lowercase: bool = False) -> Scores:
    """Corpus chrF2 as sacrebleu computes it: F-score (recall weighs twice) of character 1- to 6-grams without white
    space, from counts over the whole list; 0–100. Works on any script.

    lowercase: ignore case
    Several references: per text the one with the greatest F-score.

    details["statistics"] (n, 18): for each order predicted n-grams, reference n-grams, matches.
    details["sentence_scores"] (n,): chrF of each text, to find the worst ones; their mean is not the value.
    """
    pairs = inputs.texts(predictions, references)

    def form(text: str) -> str:
        return "".join((text.lower() if lowercase else text).split())

    predicted, expected = pairs.combinations()
    candidates = _statistics(list(map(form, predicted)), list(map(form, expected)))
    statistics = candidates[pairs.best(reduce(candidates))]
    return from_statistics(
        statistics, reduce, _signature(pairs.nrefs, lowercase), sentence_scores=reduce(statistics), **pairs.counts
    )


def reduce(sums: Floats) -> Floats:
    """Summed statistics (..., 18) -> chrF (...): F of the mean precision and mean recall over the orders that both
    sides have (sacrebleu's "effective order"); 0 where there is none."""
    sums = np.asarray(sums, dtype=np.float64)
    predicted, reference, matched = (sums[..., start::3] for start in range(3))
    both = (predicted > 0) & (reference > 0)
    orders = both.sum(axis=-1)
    precision = ratio(np.where(both, ratio(matched, predicted, 0.0), 0.0).sum(axis=-1), orders, 0.0)
    recall = ratio(np.where(both, ratio(matched, reference, 0.0), 0.0).sum(axis=-1), orders, 0.0)
    return 100 * ratio((1 + BETA**2) * precision * recall, BETA**2 * precision + recall, 0.0)


def _statistics(predicted: list[str], references: list[str]) -> Floats:
    """Predicted n-grams, reference n-grams and matches of each order by turns, a row for each text and one reference of it."""
    orders = np.arange(ORDER)
    of_prediction, of_reference = (
        np.maximum(np.array([len(text) for text in texts])[:, None] - orders, 0) for texts in (predicted, references)
    )
    matches = clipped_matches(predicted, references, ORDER, characters)
    # As sacrebleu: where the reference is too short for an order, the prediction's n-grams are not counted.
    counted = np.where(of_reference > 0, of_prediction, 0)
    return np.stack([counted, of_reference, matches], axis=-1).reshape(len(predicted), 3 * ORDER).astype(np.float64)


def _signature(nrefs: str, lowercase: bool) -> str:
    """The string that sacrebleu prints, so that values can be compared with its own."""
    from sacrebleu import __version__

    case = "lc" if lowercase else "mixed"
    return f"nrefs:{nrefs}|case:{case}|eff:yes|nc:{ORDER}|nw:0|space:no|version:{__version__}"


METRIC = Metric(
    name="chrf",
    title="chrF",
    function=chrf,
    takes="texts",
    direction="higher",
    range=(0.0, 100.0),
    source="Popović 2015, chrF: character n-gram F-score for automatic MT evaluation; values as sacrebleu",
    blind_spot="Meaning and fact: words that look alike count as nearly right, “2019” and “2018” too. Unrelated texts "
    "of one language already share many characters, so low values differ little.",
)
