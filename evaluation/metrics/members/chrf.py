"""chrF."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.metric import Metric
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

    def grams(text: str) -> list[Counter[str]]:
        return _grams("".join((text.lower() if lowercase else text).split()))

    statistics = np.array(
        [
            _best_statistics(grams(text), [grams(reference) for reference in group])
            for text, group in zip(pairs.predictions, pairs.references, strict=True)
        ],
        dtype=np.float64,
    )
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


def _grams(text: str) -> list[Counter[str]]:
    return [Counter(text[i : i + n] for i in range(len(text) - n + 1)) for n in range(1, ORDER + 1)]


def _best_statistics(predicted: list[Counter[str]], references: list[list[Counter[str]]]) -> list[int]:
    candidates = [_statistics(predicted, reference) for reference in references]
    if len(candidates) == 1:
        return candidates[0]
    return candidates[int(np.argmax(reduce(np.array(candidates, dtype=np.float64))))]


def _statistics(predicted: list[Counter[str]], reference: list[Counter[str]]) -> list[int]:
    flat = []
    for grams, expected in zip(predicted, reference, strict=True):
        matched = sum(min(count, expected[gram]) for gram, count in grams.items() if gram in expected)
        # As sacrebleu: where the reference is too short for this order, the prediction's n-grams are not counted.
        flat += [grams.total() if expected else 0, expected.total(), matched]
    return flat


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
