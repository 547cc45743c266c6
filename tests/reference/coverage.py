"""How often intervals called 95 % hold the truth, on the designs that the product uses, by simulation.

    python -m tests.reference.coverage [NAME …] [--runs 2000] [--output docs/coverage.md]

A design draws a sample and says for each interval whether it holds the truth. With 2,000 runs the share has a standard error of
half a point; it is printed beside it. The quick designs are asserted in `test_stats_coverage.py`.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from evaluation.stats import (
    agreement,
    agreement_detail,
    clustered,
    correlation,
    crossed,
    intervals,
    mixed,
    paired,
    ppi,
    preference,
    proportions,
    studentised,
)
from evaluation.stats.figure import Interval

Rng = np.random.Generator
Design = Callable[[Rng], dict[str, bool]]
RESAMPLES = 500
PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
DESIGNS: dict[str, Design] = {}


def design(function: Design) -> Design:
    DESIGNS[function.__name__] = function
    return function


def covers(
    interval: Interval | paired.Comparison | clustered.ClusteredMean | ppi.PredictionPoweredMean, truth: float
) -> bool:
    return interval.ci_low <= truth <= interval.ci_high


def nested(rng: Rng, groups: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Values of two to eight items in each of ``groups`` documents; four tenths of the variance is the documents'."""
    document = np.repeat(np.arange(groups), rng.integers(2, 9, groups))
    values = rng.normal(0, math.sqrt(0.4), groups)[document] + rng.normal(0, math.sqrt(0.6), len(document))
    return values, document


@design
def items_in_documents(rng: Rng) -> dict[str, bool]:
    values, document = nested(rng)
    options = {"clusters": document, "resamples": RESAMPLES, "seed": int(rng.integers(1 << 30))}
    flat = np.zeros(len(values))
    return {
        "bootstrap": covers(intervals.bootstrap(values, **options), 0),
        "studentised": covers(studentised.studentised(values, **options), 0),
        "compare": covers(paired.compare(values, flat, **options), 0),
        "compare, t": covers(paired.compare(values, flat, "t", clusters=document), 0),
    }


@design
def ratings_of_five_steps_in_documents(rng: Rng) -> dict[str, bool]:
    """Rounded and cut to 1–5, mostly 4 and 5: the skew that rubrics have. The truth is the mean of a million."""
    values, document = nested(rng, 30)
    options = {"clusters": document, "resamples": RESAMPLES, "seed": int(rng.integers(1 << 30)), "limits": (1, 5)}
    rated = np.clip(np.round(4.2 + 0.9 * values), 1, 5)
    return {
        "bootstrap": covers(intervals.bootstrap(rated, **options), _mean_of_five_steps()),
        "studentised": covers(studentised.studentised(rated, **options), _mean_of_five_steps()),
    }


@cache
def _mean_of_five_steps() -> float:
    from scipy import stats

    edges = stats.norm.cdf((np.arange(1, 5) + 0.5 - 4.2) / 0.9)
    return float(np.arange(1, 6) @ np.diff(np.concatenate([[0], edges, [1]])))


@design
def corpus_figure_in_documents(rng: Rng) -> dict[str, bool]:
    """F1 of a class: hits, predicted and true summed; by documents that differ."""
    groups = 40
    document = np.repeat(np.arange(groups), rng.integers(3, 10, groups))
    true = rng.random(len(document)) < 0.5
    right = rng.random(len(document)) < rng.beta(8, 2, groups)[document]
    predicted = np.where(right, true, ~true)
    rows = np.column_stack([2.0 * (true & predicted), 1.0 * true + predicted])
    found = intervals.bootstrap_statistics(
        rows, lambda sums: sums[..., 0] / sums[..., 1], document, resamples=RESAMPLES, seed=int(rng.integers(1 << 30))
    )
    return {"bootstrap_statistics": covers(found, 0.8)}


def crossed_ratings(
    rng: Rng, items: int, raters: int, each: int, item_sd: float = 0.8, rater_sd: float = 0.3, noise: float = 0.6
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each item rated by ``each`` of the raters, drawn anew for each item; no true difference."""
    item = np.repeat(np.arange(items), each)
    rater = np.argsort(rng.random((items, raters)), axis=1)[:, :each].ravel()
    values = rng.normal(0, item_sd, items)[item] + rng.normal(0, rater_sd, raters)[rater]
    return values + rng.normal(0, noise, len(item)), item, rater


def _crossed(rng: Rng, items: int, raters: int, each: int, **options: float) -> dict[str, bool]:
    values, item, rater = crossed_ratings(rng, items, raters, each, **options)
    resampled = crossed.bootstrap_crossed(values, item, rater, resamples=RESAMPLES, seed=int(rng.integers(1 << 30)))
    return {
        "paired_mean": covers(clustered.paired_mean(values, item, rater), 0),
        "bootstrap_crossed": covers(resampled, 0),
    }


@design
def eight_raters_rate_all(rng: Rng) -> dict[str, bool]:
    return _crossed(rng, 30, 8, 8)


@design
def eight_raters_who_hardly_differ(rng: Rng) -> dict[str, bool]:
    return _crossed(rng, 30, 8, 8, rater_sd=0.0)


@design
def three_of_twelve_raters_an_item(rng: Rng) -> dict[str, bool]:
    return _crossed(rng, 60, 12, 3)


@design
def five_raters_rate_all(rng: Rng) -> dict[str, bool]:
    return _crossed(rng, 40, 5, 5, rater_sd=0.4)


@design
def three_fixed_raters(rng: Rng) -> dict[str, bool]:
    values, item, rater = crossed_ratings(rng, 25, 3, 3, rater_sd=0.0)
    return {"paired_mean": covers(clustered.paired_mean(values, item, rater), 0)}


@design
def mixed_model(rng: Rng) -> dict[str, bool]:
    """Two models answer the same items, ten raters see both: the difference of the models is 0.3."""
    values, item, rater = crossed_ratings(rng, 30, 10, 4)
    model = rng.integers(0, 2, len(values))
    fit = mixed.mixed_effects(values + 0.3 * model, item, rater, model)
    low, high = fit.ci_low, fit.ci_high
    return {"intercept": bool(low[0] <= 0 <= high[0]), "treatment": bool(low[1] <= 0.3 <= high[1])}


def agreeing(rng: Rng, units: int, raters: int = 3) -> np.ndarray:
    """Ratings from 1 to 5, raters × units, of raters who are alike."""
    truth = rng.normal(3.3, 1.0, units)
    return np.clip(np.round(truth + rng.normal(0, 0.7, (raters, units))), 1, 5)


@cache
def _true_agreement() -> dict[str, float]:
    ratings = agreeing(np.random.default_rng(0), 400_000)
    counts = np.stack([(ratings == step).sum(axis=0) for step in range(1, 6)], axis=1)
    return {
        "alpha": agreement.krippendorff_alpha(ratings, "ordinal"),
        "nominal alpha": agreement.krippendorff_alpha(ratings),
        "AC1": agreement.gwet_ac1(ratings, [1, 2, 3, 4, 5]),
        "kappa": agreement.cohen_kappa(ratings[0], ratings[1], "quadratic"),
        "Fleiss": agreement.fleiss_kappa(counts),
        "ICC": agreement.icc(ratings[:, :100_000], "2,1"),
    }


@design
def agreement_of_three_raters(rng: Rng) -> dict[str, bool]:
    ratings, truth = agreeing(rng, 50), _true_agreement()
    options = {"resamples": RESAMPLES, "seed": int(rng.integers(1 << 30))}
    counts = np.stack([(ratings == step).sum(axis=0) for step in range(1, 6)], axis=1)
    return {
        "alpha": covers(agreement.alpha_interval(ratings, "ordinal", **options), truth["alpha"]),
        "nominal alpha": covers(agreement.alpha_interval(ratings, **options), truth["nominal alpha"]),
        "AC1": covers(agreement.ac1_interval(ratings, [1, 2, 3, 4, 5], **options), truth["AC1"]),
        "kappa": covers(
            agreement_detail.cohen_interval(ratings[0], ratings[1], "quadratic", **options), truth["kappa"]
        ),
        "Fleiss": covers(agreement_detail.fleiss_interval(counts, **options), truth["Fleiss"]),
        "ICC": covers(agreement_detail.icc_interval(ratings, "2,1"), truth["ICC"]),
    }


@design
def votes_by_items_and_raters(rng: Rng) -> dict[str, bool]:
    """Three models, 60 items, 10 raters, four votes per item; an item favours a model, and a rater too."""
    items, raters, each = 60, 10, 4
    item = np.repeat(np.arange(items), each)
    rater = np.argsort(rng.random((items, raters)), axis=1)[:, :each].ravel()
    strengths = np.array([-0.4, 0.0, 0.4])
    left = rng.integers(0, 3, len(item))
    right = (left + rng.integers(1, 3, len(item))) % 3
    taste = rng.normal(0, 0.4, (items, 3))[item] + rng.normal(0, 0.3, (raters, 3))[rater]
    seen = strengths + taste
    rows = np.arange(len(item))
    wins = rng.random(len(item)) < 1 / (1 + np.exp(seen[rows, right] - seen[rows, left]))
    battles = [(str(a), str(b), "left" if won else "right") for a, b, won in zip(left, right, wins, strict=True)]
    fit = preference.bradley_terry(battles, "half", items=item, raters=rater)
    truth = _marginal_strengths()
    return {f"strength {k + 1}": bool(fit.ci_low[k] <= truth[k] <= fit.ci_high[k]) for k in (0, 2)}


@cache
def _marginal_strengths() -> np.ndarray:
    """Tastes flatten the strengths that all votes together show: those of a Bradley–Terry fit to the true shares of wins."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    spread = math.sqrt(2 * (0.4**2 + 0.3**2))  # of the difference of two tastes
    shares = {gap: float(weights @ (1 / (1 + np.exp(-(gap + spread * nodes)))) / weights.sum()) for gap in (0.4, 0.8)}
    counts = []
    for one, other, gap in (("1", "0", 0.4), ("2", "1", 0.4), ("2", "0", 0.8)):
        won = round(100_000 * shares[gap])
        counts += [(one, other, "left")] * won + [(one, other, "right")] * (100_000 - won)
    return preference.bradley_terry(counts, "half").strengths


@design
def proportion_of_fifty(rng: Rng) -> dict[str, bool]:
    k = int(rng.binomial(50, 0.3))
    return {
        "wilson": covers(proportions.wilson(k, 50), 0.3),
        "clopper_pearson": covers(proportions.clopper_pearson(k, 50), 0.3),
    }


@design
def judge_and_people(rng: Rng) -> dict[str, bool]:
    n, judged = 100, 1000
    truth = rng.normal(3, 1, n + judged)
    judge = truth + 0.4 + rng.normal(0, 0.7, n + judged)
    found = ppi.mean(truth[:n], judge[:n], judge[n:])
    sick = rng.random(300) < 0.3
    positive = int(np.sum(rng.random(300) < np.where(sick, 0.85, 0.1)))
    calibrated = ppi.rogan_gladen(positive, 300, int(rng.binomial(60, 0.85)), 60, int(rng.binomial(80, 0.9)), 80)
    return {"ppi": covers(found, 3), "rogan_gladen": covers(calibrated, 0.3)}


@design
def metric_and_people(rng: Rng) -> dict[str, bool]:
    human = rng.normal(0, 1, 60)
    metric = 0.6 * human + 0.8 * rng.normal(0, 1, 60)
    options = {"resamples": RESAMPLES, "seed": int(rng.integers(1 << 30))}
    return {
        "pearson": covers(correlation.item_correlation(metric, human, "pearson", **options), 0.6),
        "spearman": covers(correlation.item_correlation(metric, human, **options), 6 / math.pi * math.asin(0.3)),
    }


@design
def tests_of_no_difference(rng: Rng) -> dict[str, bool]:
    """Not of intervals but of p-values: how often 5 % is not reached where both systems are equally good."""
    values, document = nested(rng)
    seed = int(rng.integers(1 << 30))
    flat, alone = np.zeros(len(values)), rng.normal(0, 1, 40)
    passed = (rng.random((2, 60)) < 0.7).astype(float)

    def holds(a: np.ndarray, b: np.ndarray, test: paired.TestName, clusters: np.ndarray | None = None) -> bool:
        return paired.compare(a, b, test, clusters=clusters, resamples=RESAMPLES, seed=seed).p_value > 0.05

    return {
        "permutation": holds(values, flat, "permutation", document),
        "bootstrap": holds(values, flat, "bootstrap", document),
        "t": holds(values, flat, "t", document),
        "wilcoxon": holds(alone, np.zeros(40), "wilcoxon"),
        "sign": holds(alone, np.zeros(40), "sign"),
        "mcnemar": holds(passed[0], passed[1], "mcnemar"),
    }


def simulate(name: str, runs: int, seed: int = 0) -> dict[str, float]:
    """The share of ``runs`` in which each interval of the design holds the truth."""
    each = [DESIGNS[name](np.random.default_rng([seed, run])) for run in range(runs)]
    return {interval: float(np.mean([found[interval] for found in each])) for interval in each[0]}


def row(name: str, interval: str, share: float, runs: int) -> str:
    """A row of docs/coverage.md."""
    error = 100 * math.sqrt(share * (1 - share) / runs)
    return f"| {name.replace('_', ' ')} | {interval} | {100 * share:.1f} % | {error:.1f} | {runs:,} |"


def page(rows: list[str]) -> str:
    """The whole of docs/coverage.md."""
    return "\n".join(
        [
            "# What intervals called 95 % cover",
            "",
            "Written by `python -m tests.reference.coverage`: how often the interval holds the truth, or a test at 5 % stays silent",
            "where there is nothing to find, with the simulation's own standard error in points. Each design is a function of that",
            "file, with its numbers. Exact tests and intervals of counts lie above 95 % by nature.",
            "",
            "| design | interval or test | share | ± | samples |",
            "|---|---|---:|---:|---:|",
            *rows,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(DESIGNS)}; all when left out")
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--output", type=Path, help="the page to write; docs/coverage.md when all are run")
    options = parser.parse_args()
    rows: list[str] = []
    for name in options.names or DESIGNS:
        began = time.process_time()
        for interval, share in simulate(name, options.runs).items():
            error = math.sqrt(share * (1 - share) / options.runs)
            print(f"{name:38} {interval:18} {100 * share:5.1f} % ± {100 * error:.1f}", flush=True)
            rows.append(row(name, interval, share, options.runs))
        print(f"{name:38} {time.process_time() - began:.1f} s", flush=True)
    output = options.output or (None if options.names else PAGE)
    if output:
        output.write_text(page(rows), encoding="utf-8")
        print(f"written to {output}")


if __name__ == "__main__":
    main()
