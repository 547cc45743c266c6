"""The counting behind ROUGE: n-gram overlap, longest common subsequence and its union over sentences.

Values equal those of Google's rouge-score (`RougeScorer(use_stemmer=True)`) on ASCII text, by a faster way: stems are
cached, n-grams of all pairs are counted at once, and the longest common subsequence is found in the bits of one integer per row
instead of a table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from evaluation.metrics.inputs import TextPairs
from evaluation.metrics.ngrams import clipped_matches, words
from evaluation.metrics.result import Floats, Scores, mean_of, ratio
from evaluation.metrics.tokens import Tokenizer, stemmed_words

Units = TypeVar("Units")
# Matched, predicted and reference units of one pair.
Overlap = tuple[int, int, int]


def ngram_counts(predicted: Sequence[Sequence[str]], references: Sequence[Sequence[str]], n: int) -> Floats:
    """Clipped n-gram matches of pairs of token lists, with the number of n-grams of each: shape (pairs, 3)."""
    lengths = np.array([[len(one), len(other)] for one, other in zip(predicted, references, strict=True)])
    matched = clipped_matches(predicted, references, n, words)[:, n - 1]
    return np.column_stack([matched, np.maximum(lengths - n + 1, 0)]).astype(np.float64)


def lcs_length(reference: Sequence[str], candidate: Sequence[str]) -> int:
    """Length of the longest common subsequence: `lcs_rows` without keeping the rows."""
    positions = _positions(candidate)
    flat = every = (1 << len(candidate)) - 1
    for token in reference:
        matches = flat & positions.get(token, 0)
        flat = (flat + matches) | (flat - matches)
    return len(candidate) - (flat & every).bit_count()


def lcs_rows(reference: Sequence[str], candidate: Sequence[str]) -> list[int]:
    """The table of longest common subsequences, a row per prefix of `reference` (the empty one first).

    Bit j of row i is set where the length for (reference[:i], candidate[:j + 1]) exceeds that for
    (reference[:i], candidate[:j]); so the length at (i, j) is the number of bits below j.
    Hyyrö 2004, Bit-parallel LCS-length computation revisited; here with the bits inverted (1 = a step up).
    """
    positions = _positions(candidate)
    flat = every = (1 << len(candidate)) - 1
    rows = [0]
    for token in reference:
        matches = flat & positions.get(token, 0)
        flat = ((flat + matches) | (flat - matches)) & every
        rows.append(every ^ flat)
    return rows


def _positions(tokens: Sequence[str]) -> dict[str, int]:
    """Each token with the set of its places as bits."""
    places: dict[str, int] = {}
    for place, token in enumerate(tokens):
        places[token] = places.get(token, 0) | (1 << place)
    return places


def lcs_positions(reference: Sequence[str], candidate: Sequence[str]) -> set[int]:
    """Positions in `reference` of one longest common subsequence: the one rouge-score's backtracking finds.

    Going back from the end it takes a match, else steps in `candidate` if that side's length is greater, else in
    `reference`. At a mismatch the length is the greater of the two, so the first holds exactly where the row above
    has fewer bits below j.
    """
    rows = lcs_rows(reference, candidate)
    i, j = len(reference), len(candidate)
    found = set()
    while i > 0 and j > 0:
        if reference[i - 1] == candidate[j - 1]:
            found.add(i - 1)
            i, j = i - 1, j - 1
            continue
        below = (1 << j) - 1
        if (rows[i] & below).bit_count() > (rows[i - 1] & below).bit_count():
            j -= 1
        else:
            i -= 1
    return found


def union_lcs_overlap(predicted: Sequence[Sequence[str]], reference: Sequence[Sequence[str]]) -> Overlap:
    """Summary-level LCS (Lin 2004, section 3.2): for each reference sentence the union over predicted sentences.

    A token is counted at most as often as each side holds it (as ROUGE-1.5.5 does, beyond the paper).
    """
    left_predicted = Counter(token for sentence in predicted for token in sentence)
    left_reference = Counter(token for sentence in reference for token in sentence)
    matched = 0
    for sentence in reference:
        union: set[int] = set().union(*(lcs_positions(sentence, candidate) for candidate in predicted))
        for position in sorted(union):
            token = sentence[position]
            if left_predicted[token] > 0 and left_reference[token] > 0:
                matched += 1
                left_predicted[token] -= 1
                left_reference[token] -= 1
    return matched, sum(map(len, predicted)), sum(map(len, reference))


def ngram_scores(pairs: TextPairs, n: int, stemming: bool, tokenizer: Tokenizer) -> Scores:
    """Scores of ROUGE-n."""
    split = partial(stemmed_words, tokenizer=tokenizer, stemming=stemming)
    predicted, references = pairs.combinations()
    counts = ngram_counts(list(map(split, predicted)), list(map(split, references)), n)
    return scores(pairs, counts, stemming, tokenizer)


def lcs_scores(
    pairs: TextPairs,
    units: Callable[[str], Units],
    overlap: Callable[[Units, Units], Overlap],
    stemming: bool,
    tokenizer: Tokenizer,
) -> Scores:
    """Scores by longest common subsequences. units: text -> what is compared; overlap: (predicted, reference) -> counts"""
    predicted, references = pairs.combinations()
    counts = [overlap(units(one), units(other)) for one, other in zip(predicted, references, strict=True)]
    return scores(pairs, np.array(counts, dtype=np.float64), stemming, tokenizer)


def scores(pairs: TextPairs, counts: Floats, stemming: bool, tokenizer: Tokenizer) -> Scores:
    """Mean F-measure over pairs, with the best reference of each by F (the first of equals, as `score_multi`).

    counts: (combinations, 3) matched, predicted and reference units. F is 0 where a side is empty, as rouge-score says.
    """
    matched, predicted, expected = counts.T
    precision, recall = matched / np.maximum(predicted, 1), matched / np.maximum(expected, 1)
    # The same operations in the same order as rouge-score's, so that values are equal to the last bit.
    f = ratio(2 * precision * recall, precision + recall, undefined=0.0)
    best = pairs.best(f)
    signature = f"nrefs:{pairs.nrefs}|stem:{'yes' if stemming else 'no'}|tok:{tokenizer}|version:1"
    return mean_of(f[best], signature, precision=precision[best], recall=recall[best], **pairs.counts)
