"""Translation edit rate."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Floats, Scores, from_statistics


def ter(predictions: Any, references: Any, *, case_sensitive: bool = False) -> Scores:
    """Corpus TER as sacrebleu computes it: least edits (insert, delete, replace a word, move a run of words) that make
    the reference of each text, summed, per word of the references; 0 is perfect, above 100 is possible.

    Several references: the fewest edits, over the mean length.

    details["statistics"] (n, 2): edits, reference length.
    details["sentence_scores"] (n,): TER of each text, to find the worst ones; their mean is not the value.
    """
    from sacrebleu.metrics.lib_ter import translation_edit_rate

    pairs = inputs.texts(predictions, references)
    tokenizer = _tokenizer(case_sensitive)

    def words(text: str) -> list[str]:
        return str(tokenizer(text.rstrip())).split()

    def statistics_of(text: str, group: tuple[str, ...]) -> tuple[int, float]:
        rates = [translation_edit_rate(words(text), words(reference)) for reference in group]
        return min(edits for edits, _ in rates), sum(length for _, length in rates) / len(rates)

    statistics = np.array(
        [statistics_of(text, group) for text, group in zip(pairs.predictions, pairs.references, strict=True)],
        dtype=np.float64,
    )
    return from_statistics(
        statistics, reduce, _signature(pairs.nrefs, case_sensitive), sentence_scores=reduce(statistics), **pairs.counts
    )


def reduce(sums: Floats) -> Floats:
    """Summed statistics (..., 2) -> TER (...). Without a reference word: 100 if there were edits, else 0, as sacrebleu."""
    sums = np.asarray(sums, dtype=np.float64)
    edits, length = sums[..., 0], sums[..., 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(length > 0, 100 * edits / length, np.where(edits > 0, 100.0, 0.0))


@cache
def _tokenizer(case_sensitive: bool) -> Any:
    from sacrebleu.metrics.ter import TER

    return TER(case_sensitive=case_sensitive).tokenizer


def _signature(nrefs: str, case_sensitive: bool) -> str:
    """The string that sacrebleu prints, so that values can be compared with its own."""
    from sacrebleu import __version__

    case = "mixed" if case_sensitive else "lc"
    return f"nrefs:{nrefs}|case:{case}|tok:tercom|norm:no|punct:yes|asian:no|version:{__version__}"


METRIC = Metric(
    name="ter",
    title="TER",
    function=ter,
    takes="texts",
    direction="lower",
    range=(0.0, float("inf")),
    source="Snover et al. 2006, A study of translation edit rate with targeted human annotation; values as sacrebleu",
    blind_spot="Whether the edits matter: a synonym costs as much as a wrong fact. Short replies to long references "
    "look good, and scripts without spaces are single words.",
)
