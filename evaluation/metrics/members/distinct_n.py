"""Distinct n-grams: a warning of answers that all say the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluation.metrics import inputs
from evaluation.metrics.errors import Absent, MetricInputError
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores
from evaluation.metrics.tokens import Tokenizer, words


def distinct_n(predictions: Any, references: Any = None, *, n: int = 2, tokenizer: Tokenizer = "unicode") -> Scores:
    """Distinct n-grams of words over all n-grams, counted over all predictions together: 1, none said twice.

    n:         words in an n-gram; 2 as in Li et al.'s distinct-2.
    tokenizer: see `tokens.words`; in scripts without spaces a word is a code point.
    references, where given, are measured likewise: details["of_references"] is what people's own texts reach (the first
    reference of each), which is the only fair mark. It falls with the amount of text, so compare equal numbers of texts.
    Absent where no prediction has n words.
    details: distinct, total; of_references (None without references).
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise MetricInputError(f"n={n!r}; it is a whole number from 1 on")
    if references is None:
        predicted = inputs.listed(predictions, "predictions")
        own = inputs.texts(predicted, [""] * len(predicted)).predictions
        of_references = None
    else:
        pairs = inputs.texts(predictions, references)
        own = pairs.predictions
        seen, total = _grams([group[0] for group in pairs.references], n, tokenizer)
        of_references = seen / total if total else None
    seen, total = _grams(own, n, tokenizer)
    if total == 0:
        raise Absent(f"no prediction has {n} word{'' if n == 1 else 's'}")
    details = {"distinct": seen, "total": total, "of_references": of_references}
    return Scores(seen / total, f"n:{n}|tok:{tokenizer}|version:1", None, details)


def _grams(texts: Sequence[str], n: int, tokenizer: Tokenizer) -> tuple[int, int]:
    """How many different n-grams of words there are, and how many in all."""
    distinct: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        tokens = words(text, tokenizer)
        grams = list(zip(*(tokens[start:] for start in range(n)), strict=False))
        distinct.update(grams)
        total += len(grams)
    return len(distinct), total


METRIC = Metric(
    name="distinct_n",
    title="Distinct n-grams",
    function=distinct_n,
    takes="texts",
    warning=True,
    direction="higher",
    range=(0.0, 1.0),
    source="Li et al. 2016, A diversity-promoting objective function for neural conversation models",
    blind_spot="Everything but repetition: gibberish is most diverse. A warning, no aim; support answers should repeat "
    "their set phrases. It falls as texts grow longer or more.",
)
