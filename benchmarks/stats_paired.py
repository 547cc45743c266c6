"""Claim: the paired bootstrap of twenty systems on ten thousand items is at least fifty times as quick as a loop over scipy.

The loop asks `scipy.stats.bootstrap` for each comparison, in the two ways that one writes it: of pairs, and of their differences.
It is timed over one comparison and taken times the rest. Ours draws once for all systems; its permutation tests are in the time as
well. Twenty systems are 190 pairs; beside them stands the smaller task, nineteen systems against the first.

    python -m benchmarks.stats_paired [--systems 20] [--items 10000] [--resamples 10000]
"""

import argparse
from importlib.metadata import version

import numpy as np
from scipy import stats

from benchmarks.turns import tell, turns
from evaluation.stats.paired import Comparison, compare_pairs, compare_systems

BATCH = 200  # resamples that scipy holds at once: all of them would take 800 MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=20)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=10_000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    baseline = rng.beta(4, 2, options.items)
    systems = np.clip(baseline + rng.normal(0, 0.1, (options.systems, options.items)), 0, 1)

    def all_pairs() -> list[Comparison]:
        return list(compare_pairs(systems, resamples=options.resamples).values())

    def against_one() -> list[Comparison]:
        return compare_systems(systems[1:], systems[0], resamples=options.resamples)

    def difference(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
        return one.mean(axis=axis) - other.mean(axis=axis)

    settings = {"n_resamples": options.resamples, "batch": BATCH, "method": "percentile", "vectorized": True}
    one, other = systems[0], systems[1]
    sides = {
        "all pairs": all_pairs,
        "one baseline": against_one,
        "of pairs": lambda: stats.bootstrap((one, other), difference, paired=True, **settings),
        "of differences": lambda: stats.bootstrap((one - other,), np.mean, **settings),
    }
    seconds, answers = turns(sides, 2)
    found = answers["all pairs"][0]
    for task in ("all pairs", "one baseline"):
        for way in ("of pairs", "of differences"):
            low, high = answers[way].confidence_interval
            told = {
                "comparisons": len(answers[task]),
                "width of ours over scipy's": f"{(found.ci_high - found.ci_low) / (high - low):.3f}",
            }
            claim = f"paired bootstrap of {options.systems} systems × {options.items:,} items, {task}"
            peer = f"a loop over scipy {version('scipy')}, {way}"
            tell("stats_paired", claim, peer, seconds[task], len(answers[task]) * seconds[way], 50.0, **told)


if __name__ == "__main__":
    main()
