"""Perplexity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.errors import Absent, MetricInputError
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Floats, Scores, from_statistics, ratio

_ROUNDING = 1e-5  # per token: a log-softmax in single precision gives a little above 0 where the model is certain


def perplexity(
    predictions: Any = None,
    references: Any = None,
    *,
    logprobs: Any,
    tokens: Any,
    bytes: Any = None,
    words: Any = None,
) -> Scores:
    """Perplexity per token of n texts under a model: exp(−Σ log-probability / Σ tokens), over all texts together.

    logprobs: per text, the sum of the natural log-probabilities of its tokens (≤ 0; −inf gives infinity)
    tokens:   per text, how many tokens that sum runs over
    bytes, words: per text, its length in UTF-8 bytes and in words; counted from `references` (the texts themselves,
              words by white space) where those are given instead. `predictions` is not used.

    details: per_byte, per_word (perplexities), bits_per_byte: None where the lengths are unknown;
             per_text (n,): each text's own perplexity per token, NaN without tokens; the mean of these is not the value;
             statistics (n, 2): negative log-probability, tokens.
    """
    losses = -_numbers(logprobs, "logprobs")
    if len(losses) == 0:
        raise Absent("there are no texts")
    units = _counts(tokens, "tokens", len(losses))
    above = losses < -_ROUNDING * np.maximum(units, 1)
    if above.any():
        row = int(np.argmax(above))
        raise MetricInputError(f"row {row}: the log-probability {-losses[row]} is above 0; give sums of natural logs")
    losses = np.maximum(losses, 0.0)
    texts = None if references is None else [str(text) for text in inputs.listed(references, "references")]
    per_byte = _per(losses, bytes, "bytes", texts, lambda text: len(text.encode("utf-8", "surrogatepass")))
    per_word = _per(losses, words, "words", texts, lambda text: len(text.split()))
    statistics = np.stack([losses, units], axis=1)
    scores = from_statistics(
        statistics,
        reduce,
        "unit:token|log:natural|version:1",
        per_byte=per_byte,
        per_word=per_word,
        bits_per_byte=None if per_byte is None else float(np.log2(per_byte)),
        per_text=reduce(statistics),
    )
    if np.isnan(scores.value):
        scores.details["reason"] = "the texts have no tokens"
    return scores


def reduce(sums: Floats) -> Floats:
    """Summed (negative log-probability, units), shape (..., 2) -> perplexity per unit (...); NaN without units."""
    sums = np.asarray(sums, dtype=np.float64)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(ratio(sums[..., 0], sums[..., 1])))


def _per(losses: Floats, given: Any, what: str, texts: list[str] | None, length: Callable[[str], int]) -> float | None:
    """Perplexity per byte or word; None where neither counts nor texts were given, or nothing was counted."""
    if given is None and texts is None:
        return None
    counts = _counts([length(text) for text in texts or []] if given is None else given, what, len(losses))
    value = float(reduce(np.array([losses.sum(), counts.sum()])))
    return None if np.isnan(value) else value


def _numbers(values: Any, what: str) -> Floats:
    numbers = np.asarray(inputs.listed(values, what), dtype=np.float64)
    if numbers.ndim != 1 or np.isnan(numbers).any():
        raise MetricInputError(f"{what}: give one number per text, without NaN")
    return numbers


def _counts(values: Any, what: str, n: int) -> Floats:
    counts = _numbers(values, what)
    if len(counts) != n:
        raise MetricInputError(f"{len(counts)} {what} but {n} logprobs; give one of each per text")
    if (counts < 0).any() or not np.isfinite(counts).all():
        raise MetricInputError(f"{what}: a count is negative or infinite")
    return counts


METRIC = Metric(
    name="perplexity",
    title="Perplexity",
    function=perplexity,
    takes="log-probabilities",
    direction="lower",
    range=(1.0, float("inf")),
    source="Jelinek et al. 1977, Perplexity: a measure of the difficulty of speech recognition tasks",
    blind_spot="What the model would write. Per token it compares only models with the same tokenizer; across "
    "tokenizers take per_byte. Fluent falsehood has low perplexity.",
)
