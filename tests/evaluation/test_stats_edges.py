"""Every statistic of the list with edge input: what cannot be had is NaN with a reason, never 0 and never a crash."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np
import pytest

from evaluation.stats import describe, names
from evaluation.stats.figure import Figure
from evaluation.stats.registry import UnknownStatisticError, find
from evaluation.stats.statistic import DESIGNS

nan = math.nan

# One sample of values, or the same with labels beside it.
EMPTY: list[float] = []
SAMPLES: dict[str, list[float]] = {
    "empty": EMPTY,
    "one": [3.0],
    "two equal": [2.0, 2.0],
    "constant": [0.1] * 9,
    "missing": [nan, nan],
    "one and missing": [nan, 4.0],
}
MATRICES: dict[str, Any] = {
    "empty": np.zeros((0, 0)),
    "no items": np.zeros((3, 0)),
    "one rater": [[1.0, 2, 3]],
    "one item": [[1.0], [2.0]],
    "all the same": [[2.0, 2, 2], [2, 2, 2]],
    "missing": [[nan, nan], [nan, nan]],
    "no overlap": [[1, nan, 2, nan], [nan, 1, nan, 2]],
    "one pair": [[1, nan, 2], [1, 1, nan]],
    "none": [[None, None], [None, None]],
    "one class beside a missing one": [[1, 1, nan], [1, 1, 1]],
}


def first(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def rows(values: list[float]) -> np.ndarray:
    return np.column_stack([np.asarray(values, float), np.ones(len(values))])


def zeros(values: list[float]) -> list[float]:
    return [0.0] * len(values)


def of_samples(*before: Any, **options: Any) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [((values, *before), options) for values in SAMPLES.values()]


def of_pairs(**options: Any) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Against nothing, against itself, and against other values of the same kind."""
    return [((v, other), options) for v in SAMPLES.values() for other in (zeros(v), v, [1.0] * len(v))]


def of_rated(**options: Any) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Values with items and raters: all of one, each of its own, crossed."""
    calls = []
    for values in SAMPLES.values():
        n = len(values)
        for items, raters in ((range(n), range(n)), ([1] * n, range(n)), (range(n), ["a"] * n), ([1] * n, [1] * n)):
            calls.append(((values, list(items), list(raters)), options))
    crossed = [5.0] * 42, list(np.repeat(range(7), 6)), list(range(6)) * 7
    return [*calls, (crossed, options)]


def of_matrices(*after: Any, **options: Any) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [((matrix, *after), options) for matrix in MATRICES.values()]


VOTES: list[Any] = [
    [],
    [("a", "b", "tie")],
    [("a", "b", "left")] * 3,
    [("a", "b", "left"), ("c", "d", "right")],
    [("a", "b", "left"), ("a", "b", "right")],
    [["a", "b", "left"], ["b", "a", "left"], ["a", "b", "tie"]],
    [("雨", "🎉", "left"), ("🎉", "雨", "left")],
]

Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]
few = {"resamples": 50}
EDGES: dict[str, Calls] = {
    "intervals.wilson": [((k, n), {}) for k, n in ((0, 0), (0, 1), (1, 1), (nan, 3), (0, nan))],
    "intervals.clopper_pearson": [
        ((k, n), {"sides": s}) for k, n in ((0, 0), (0, 1), (1, 1), (nan, 3)) for s in (1, 2)
    ],
    "intervals.rule_of_three": [((n,), {}) for n in (0, 1, nan)],
    "intervals.of_constant": [((3.0, 1, 1, limits), {}) for limits in ((1, 5), (-math.inf, math.inf))],
    "intervals.bootstrap": [
        call
        for method in ("percentile", "bca", "expanded", "studentised")
        for call in (*of_samples(method=method, **few), *of_samples(method=method, limits=(0, 5), **few))
    ]
    + [((values, np.median), few) for values in SAMPLES.values()],
    "intervals.bootstrap_statistics": [((rows(values), first), few) for values in SAMPLES.values()],
    "studentised.studentised": of_samples(**few) + of_samples(limits=(0, 5), **few),
    "clustered.two_way_variance": [
        ((values, range(len(values)), [1] * len(values)), {}) for values in ([3.0], [1.0, 1])
    ],
    "clustered.paired_mean": of_rated() + of_rated(limits=(-4, 4)),
    "crossed.bootstrap_crossed": of_rated(**few) + of_rated(limits=(0, 5), **few),
    "crossed.bootstrap_crossed_statistics": [
        ((rows(values), first, range(len(values)), range(len(values))), few) for values in SAMPLES.values()
    ],
    "severity.rater_severity": of_rated(),
    "cumulative_logit.ordinal_severity": of_rated(),
    "mixed.mixed_effects": of_rated(),
    "effects.paired_effect": of_pairs(),
    "margins.noninferiority": [((*pair, 0.5), {}) for pair, _ in of_pairs()],
    "margins.equivalence": [((*pair, 0.5), {}) for pair, _ in of_pairs()],
    "paired.mcnemar": [((0, 0, kind), {}) for kind in ("exact", "mid-p", "chi2", "chi2-corrected")] + [((0, 1), {})],
    "paired.compare": [
        call for test in ("permutation", "bootstrap", "wilcoxon", "t", "sign") for call in of_pairs(test=test, **few)
    ]
    + [((v, w), {"test": "mcnemar"}) for v, w in (([], []), ([1.0], [1.0]), ([1.0], [0.0]), ([nan], [1.0]))],
    "paired.compare_statistics": [((rows(v), rows(zeros(v)), first), few) for v in SAMPLES.values()]
    + [((np.zeros((3, 2)), np.zeros((3, 2)), first), few)],
    "paired.compare_systems": [(([v, v], zeros(v)), few) for v in SAMPLES.values() if v],
    "paired.compare_pairs": [(([v, v, zeros(v)],), few) for v in SAMPLES.values() if v] + [((np.zeros((1, 4)),), {})],
    "effects.hedges_g": of_pairs(),
    "effects.cliffs_delta": of_pairs(),
    "effects.risk_difference": [((0, 0, 0, 0), {}), ((0, 1, 0, 1), {}), ((1, 1, 0, 3), {})],
    "effects.odds_ratio": [((0, 0, 0, 0), {}), ((0, 1, 0, 1), {}), ((1, 1, 1, 1), {})],
    "effects.cohens_h": [((0, 1), {}), ((nan, 0.5), {})],
    "paired.holm": [((p,), {}) for p in ([], [0.5], [nan], [nan, 0.01])],
    "paired.benjamini_hochberg": [((p,), {}) for p in ([], [0.5], [nan], [nan, 0.01])],
    "multiplicity.benjamini_yekutieli": [((p,), {}) for p in ([], [0.5], [nan], [nan, 0.01])],
    "agreement.krippendorff_alpha": [
        call for level in ("nominal", "ordinal", "interval", "ratio") for call in of_matrices(level)
    ],
    "agreement.alpha_interval": [
        call for level in ("nominal", "ordinal", "interval", "ratio") for call in of_matrices(level, **few)
    ],
    "agreement.cohen_kappa": [
        ((*pair, weights), {}) for pair, _ in of_pairs() for weights in (None, "linear", "quadratic")
    ],
    "agreement_detail.cohen_interval": of_pairs(**few),
    "agreement.fleiss_kappa": [((table,), {}) for table in (np.zeros((0, 3)), [[1, 0]], [[2, 0]], [[0, 0]], [[1, 1]])],
    "agreement_detail.fleiss_interval": [
        ((table,), few) for table in (np.zeros((0, 3)), [[1, 0]], [[2, 0]], [[0, 0]], [[1, 1]], [[2, 0], [0, 2]])
    ],
    "agreement.percent_agreement": of_matrices(),
    "agreement.category_agreement": of_matrices(1),
    "agreement.gwet_ac1": of_matrices() + [((matrix, [1, 2, 3]), {}) for matrix in MATRICES.values()],
    "agreement.ac1_interval": of_matrices(**few),
    "agreement.icc": [call for kind in ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k") for call in of_matrices(kind)],
    "agreement_detail.icc_interval": [
        call for kind in ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k") for call in of_matrices(kind)
    ],
    "agreement_detail.by_category": of_matrices(),
    "preference.bradley_terry": [
        ((votes, ties), {"position": position})
        for votes in VOTES
        for ties in ("davidson", "rao_kupper", "half")
        for position in (False, True)
    ]
    + [((votes,), {"raters": [1] * len(votes), "items": range(len(votes)), "position": True}) for votes in VOTES],
    "preference.win_share": [((votes, "a"), {}) for votes in VOTES],
    "elo.elo": [((votes,), {"orders": orders}) for votes in VOTES for orders in (0, 3)],
    "cusum.cusum": of_samples(0.0, 0.5, 4.0),
    "rater_habits.straight_lining": [((np.asarray(m, float),), {}) for k, m in MATRICES.items()],
    "rater_habits.rater_speed": of_rated(),
    "sequential.preference_evidence": [((0, 0), {}), ((0, 1), {})],
    "sequential.mean_evidence": [((0.0, 0, 1, 1), {}), ((5.0, 10**6, 1, 1), {})],
    "sequential.always_valid_p": of_samples(),
    "sequential.proportion": [((0, 0), {}), ((0, 1), {}), ((1, 1), {})],
    "sequential.mean": of_samples(1.0),
    "sequential.mean_difference": [((*pair, 1.0), {}) for pair, _ in of_pairs()],
    "sequential.bounded_mean": of_samples(0.0, 5.0),
    "sequential.srm": [(([0, 0], [1, 1]), {}), (([1, 0], [1, 1]), {}), (([0, 9], [1, 3]), {})],
    "sequential.srm_evidence": [(([0, 0], [1, 1]), {}), (([1, 0], [1, 1]), {})],
    "alternative_annotator.alternative_annotator_test": [
        ((np.asarray(m, float)[0], np.asarray(m, float)), {}) for k, m in MATRICES.items() if k != "empty"
    ],
    "ppi.mean": [((*pair, rest), {}) for pair, _ in of_pairs() for rest in ([], [1.0], [nan], [2.0, 3.0])],
    "ppi.rogan_gladen": [
        ((0, 0, 0, 0, 0, 0), {}),
        ((1, 2, 1, 2, 1, 2), {}),
        ((0, 5, 5, 5, 5, 5), {}),
        ((5, 5, 1, 1, 1, 1), {}),
    ],
    "correlation.item_correlation": [
        ((*pair, kind), few) for pair, _ in of_pairs() for kind in ("pearson", "spearman", "kendall")
    ],
    "correlation.within_item_correlation": [
        ((np.asarray(m, float), np.asarray(m, float)), few) for m in MATRICES.values()
    ],
    "correlation.system_correlation": [((np.asarray(m, float), np.asarray(m, float)), few) for m in MATRICES.values()],
    "correlation.pairwise_accuracy": [((np.asarray(m, float), np.asarray(m, float)), few) for m in MATRICES.values()],
    "power.design_effect": [((1, 0), {}), ((5, 1.0), {}), ((5, -1.0), {})],
    "power.sample_size": [
        (("paired", 0.0), {}),
        (("paired", nan), {}),
        (("paired", 1.0), {"sd": 0}),
        (("preference", 0.5), {}),
    ],
    "power.detectable_difference": [
        (("paired", 0), {}),
        (("preference", 1), {}),
        (("mcnemar", 1), {"discordant": 0.1}),
    ],
    "power.paired_sd": [((0.0,), {})],
    "power.more_items_needed": [
        ((0.0, 0.0, 0), {}),
        ((nan, 1.0, 5), {}),
        ((0.0, 0.0, 5), {}),
        ((1.0, 1.0, 5, nan), {}),
    ],
    "power.raters_needed": [((icc,), {}) for icc in (nan, -0.2, 0.0, 0.5, 1.0)],
    "power.clean_items_needed": [((rate,), {}) for rate in (0.0, 0.05, 1.0)],
    "power_arms.arms_of_means": [((0.0, 1.0), {}), ((1.0, 0.0), {}), ((nan, 1.0), {})],
    "power_arms.arms_of_proportions": [((0.3, 0.3), {}), ((0.0, 1.0), {})],
    "power_arms.detectable_rate": [((1.0, 10), {}), ((0.5, 0), {}), ((0.5, 1), {})],
    "power_arms.noninferiority_size": [((0.1, 0.0), {}), ((0.1, 1.0), {"true_difference": -0.1})],
    "power_arms.correlation_size": [((0.3,), {"null": 0.3}), ((0.99,), {})],
    "power_ratings.items_for_crossed_raters": [((0.2,), {"item_sd": 0, "rater_sd": 0, "noise_sd": 0, "raters": 3})],
    "power_ratings.units_for_icc": [((0.5, 0.2, 1), {}), ((1.0, 0.2, 3), {})],
    "power_ratings.human_ratings_with_judge": [((100, 0.0, 0), {}), ((0, 0.5, 100), {}), ((100, 1.0, 10), {})],
}


def test_every_statistic_is_tried() -> None:
    assert set(EDGES) == set(names())


@pytest.mark.parametrize("name", EDGES)
def test_no_edge_crashes_and_what_is_missing_has_a_reason(name: str) -> None:
    function = find(name)
    for arguments, options in EDGES[name]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a warning of numpy's is a NaN that nobody thought of
            result = function(*arguments, **options)
        assert_told(result, (name, arguments, options))


def assert_told(result: Any, call: Any) -> None:
    """A NaN figure has a reason: its own, or that of the value it is part of."""
    if isinstance(result, Figure):
        assert not math.isnan(result) or result.reason, call
    elif isinstance(result, dict):
        for each in result.values():
            assert_told(each, call)
    elif isinstance(result, list):
        for each in result:
            assert_told(each, call)
    elif dataclasses.is_dataclass(result) and hasattr(result, "reason"):
        for field in dataclasses.fields(result):
            value = getattr(result, field.name)
            if dataclasses.is_dataclass(value):
                assert_told(value, call)
            elif field.name in TOLD and np.isnan(np.asarray(value, float)).any():
                assert result.reason, (call, field.name, result)


# Fields whose absence a reader must be told the reason of.
TOLD = {"estimate", "ci_low", "ci_high", "p_value", "delta", "strengths", "shifts", "estimates", "share", "relative"}


def test_the_list_says_of_each_what_it_is_for_and_where_it_misleads() -> None:
    for name, each in describe().items():
        assert each.name == name and each.design in DESIGNS
        assert len(each.text) > 60, name
        assert len(each.title) > 10 and len(each.source) >= 9 and len(each.trap) > 15, name
        assert each.options and each.answers, name


def test_the_names_are_those_one_imports() -> None:
    from importlib import import_module

    for name in names():
        module, function = name.split(".")
        assert getattr(import_module(f"evaluation.stats.{module}"), function) is find(name)


def test_every_name_of_the_contract_is_listed() -> None:
    contract = {
        "agreement": ["krippendorff_alpha", "cohen_kappa", "fleiss_kappa", "icc", "gwet_ac1"],
        "paired": ["compare", "compare_statistics", "holm", "benjamini_hochberg"],
        "intervals": ["bootstrap", "wilson"],
        "preference": ["bradley_terry"],
        "sequential": ["proportion", "mean", "srm"],
        "power": ["sample_size", "detectable_difference"],
        "ppi": ["mean"],
    }
    assert {f"{module}.{function}" for module, functions in contract.items() for function in functions} <= set(names())


def test_names_for_one_design_and_wrong_ones() -> None:
    assert "paired.compare" in names("two systems, same items")
    assert "paired.compare" not in names("raters × items")
    assert sum(len(names(design)) for design in DESIGNS) == len(names())
    with pytest.raises(ValueError, match="there is no design"):
        names("one sided")  # type: ignore[arg-type]
    with pytest.raises(UnknownStatisticError, match=r"did you mean paired\.compare"):
        find("paired.compar")
