"""Claim: the paired bootstrap of twenty systems on ten thousand items is at least fifty times as quick as a loop over scipy.

The loop asks `scipy.stats.bootstrap` for each system against the baseline, in the two ways that one writes it: of pairs, and of
their differences. It is timed over some of the systems and taken times the rest. Ours draws once for all systems, and its permutation
tests are in the time as well.

    python -m benchmarks.stats_paired [--systems 20] [--items 10000] [--resamples 10000] [--loop 1]
"""

import argparse
import time
from importlib.metadata import version

import numpy as np
from scipy import stats

from benchmarks.peer import tell, turns
from evaluation.stats.paired import Comparison, compare_systems

BATCH = 200  # resamples that scipy holds at once: all of them would take 800 MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=20)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--loop", type=int, default=1, help="systems that the loop is timed over")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    baseline = rng.beta(4, 2, options.items)
    systems = np.clip(baseline + rng.normal(0, 0.1, (options.systems, options.items)), 0, 1)

    def ours() -> list[Comparison]:
        return compare_systems(systems, baseline, resamples=options.resamples)

    def difference(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
        return one.mean(axis=axis) - other.mean(axis=axis)

    settings = {"n_resamples": options.resamples, "batch": BATCH, "method": "percentile", "vectorized": True}
    ways = {
        "of pairs": lambda row: stats.bootstrap((row, baseline), difference, paired=True, **settings),
        "of differences": lambda row: stats.bootstrap((row - baseline,), np.mean, **settings),
    }
    seconds, answers = turns({"ours": ours}, 3)
    for way, bootstrap in ways.items():
        began = time.perf_counter()
        limits = [bootstrap(row).confidence_interval for row in systems[: options.loop]]
        whole = (time.perf_counter() - began) * options.systems / options.loop
        widths = [
            (found.ci_high - found.ci_low) / (high - low)
            for found, (low, high) in zip(answers["ours"], limits, strict=False)
        ]
        claim = f"paired bootstrap of {options.systems} systems × {options.items:,} items, scipy's {way}"
        peer = f"a loop over scipy {version('scipy')}"
        told = {"width of ours over scipy's": f"{np.mean(widths):.3f}"}
        tell("stats_paired", claim, peer, seconds["ours"], whole, 50.0, **told)


if __name__ == "__main__":
    main()
