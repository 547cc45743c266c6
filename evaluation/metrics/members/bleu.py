"""BLEU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import numpy as np

from evaluation.metrics import inputs
from evaluation.metrics.errors import MetricInputError
from evaluation.metrics.metric import Metric
from evaluation.metrics.mteval import words_13a
from evaluation.metrics.ngrams import clipped_matches, words
from evaluation.metrics.result import Floats, Scores, from_statistics

ORDER = 4
Tokenize = Literal["13a", "zh", "intl", "char", "none"]
Words = list[str]


def bleu(predictions: Any, references: Any, *, tokenize: Tokenize = "13a", lowercase: bool = False) -> Scores:
    """Corpus BLEU as sacrebleu computes it: geometric mean of clipped 1- to 4-gram precisions of the whole list,
    times a penalty for brevity; exponential smoothing; 0–100.

    tokenize:  sacrebleu's tokenizers: "13a" (default), "zh", "intl", "char", "none". 13a does not split Chinese,
               Japanese or Thai: take "zh" or "char" there
    lowercase: ignore case
    Several references: n-grams are clipped by the greatest count among them, the nearest length is the reference's.

    details["statistics"] (n, 10): predicted length, reference length, 4 matches, 4 totals, as sacrebleu has them.
    There are no per-example values: BLEU of a sentence is another measure, and its mean is not BLEU.
    As in sacrebleu the value is 0 where the list holds no match, also where all texts are shorter than 4 tokens.
    """
    if tokenize not in ("13a", "zh", "intl", "char", "none"):
        raise MetricInputError(f"tokenize={tokenize!r}; it is one of 13a, zh, intl, char, none")
    pairs = inputs.texts(predictions, references)
    split = _splitter(tokenize)

    def tokens(text: str) -> list[str]:
        return split(text.lower() if lowercase else text)

    predicted = [tokens(text) for text in pairs.predictions]
    expected = [[tokens(reference) for reference in group] for group in pairs.references]
    statistics = np.concatenate(
        [_lengths(predicted, expected), _matches(predicted, expected), _totals(predicted)], axis=1
    )
    return from_statistics(statistics, reduce, _signature(pairs.nrefs, tokenize, lowercase), **pairs.counts)


def reduce(sums: Floats) -> Floats:
    """Summed statistics (..., 10) -> BLEU (...), with sacrebleu's "exp" smoothing."""
    sums = np.asarray(sums, dtype=np.float64)
    length, reference_length = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2 : 2 + ORDER], sums[..., 2 + ORDER :]
    # An order without a match counts as half a match, the next such order as a quarter, and so on.
    smoothing = 0.5 ** np.cumsum(matches == 0, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_precisions = np.log(np.where(matches == 0, smoothing, matches) / totals)
        brevity = np.minimum(0.0, 1 - reference_length / length)
        score = 100 * np.exp(brevity + log_precisions.mean(axis=-1))
    return np.where(matches.any(axis=-1) & totals.all(axis=-1), score, 0.0)


def _lengths(predicted: list[Words], references: list[list[Words]]) -> Floats:
    """Length of each prediction and of the reference nearest to it, the shorter of two: shape (n, 2)."""
    nearest = [
        min(map(len, group), key=lambda length: (abs(length - len(tokens)), length))
        for tokens, group in zip(predicted, references, strict=True)
    ]
    return np.column_stack([[len(tokens) for tokens in predicted], nearest]).astype(np.float64)


def _totals(predicted: list[Words]) -> Floats:
    """How many n-grams of each order each prediction has, shape (n, 4)."""
    lengths = np.array([len(tokens) for tokens in predicted])
    return np.maximum(lengths[:, None] - np.arange(ORDER), 0).astype(np.float64)


def _matches(predicted: list[Words], references: list[list[Words]]) -> Floats:
    """n-grams of each order that match a reference, shape (n, 4)."""
    if all(len(group) == 1 for group in references):
        return clipped_matches(predicted, [group[0] for group in references], ORDER, words).astype(np.float64)
    rows = [_matches_of_several(tokens, group) for tokens, group in zip(predicted, references, strict=True)]
    return np.array(rows, dtype=np.float64)


def _matches_of_several(predicted: Words, references: list[Words]) -> list[int]:
    """Each n-gram counts at most as often as in the reference that has it most often."""
    matches = []
    for n in range(1, ORDER + 1):
        allowed = _grams(references[0], n)
        for reference in references[1:]:
            allowed |= _grams(reference, n)
        matches.append((_grams(predicted, n) & allowed).total())
    return matches


def _grams(tokens: Words, n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[i:] for i in range(n)), strict=False))


@cache
def _splitter(name: Tokenize) -> Callable[[str], Words]:
    if name == "13a":
        return words_13a
    from sacrebleu.metrics.bleu import BLEU  # a third of a second to import: only who needs it pays

    tokenizer = BLEU(tokenize=name).tokenizer
    return lambda text: str(tokenizer(text.rstrip())).split()


def _signature(nrefs: str, tokenize: str, lowercase: bool) -> str:
    """The string that sacrebleu prints, so that values can be compared with its own."""
    from sacrebleu import __version__

    case = "lc" if lowercase else "mixed"
    return f"nrefs:{nrefs}|case:{case}|eff:no|tok:{tokenize}|smooth:exp|version:{__version__}"


METRIC = Metric(
    name="bleu",
    title="BLEU",
    function=bleu,
    takes="texts",
    direction="higher",
    range=(0.0, 100.0),
    source="Papineni et al. 2002, BLEU; Post 2018, A call for clarity in reporting BLEU scores (sacrebleu)",
    blind_spot="Meaning and fact, and any single reply: it speaks of the whole list. One wrong figure costs as little "
    "as one synonym. Below some hundred texts, or for short ones, its smoothing decides.",
)
