"""Claim: Krippendorff's alpha with its interval from a thousand resamples of units at a hundred thousand ratings is at least
fifty times as quick as a loop over the krippendorff package.

The loop draws units and asks the package for each resample, given counts of values (its quicker door). It is timed over some of
the resamples and taken times the rest; ours does all of them.

    python -m benchmarks.stats_alpha [--ratings 100000] [--resamples 1000] [--loop 100]
"""

import argparse

import numpy as np

from benchmarks.peers import importable
from benchmarks.turns import tell, turns
from evaluation.stats.agreement import alpha_interval
from evaluation.stats.figure import Interval

RATERS, STEPS = 3, 5


def simulated(ratings: int, seed: int = 0) -> np.ndarray:
    """Raters × units on a scale of five steps, mostly one step from the truth at most, about a tenth missing."""
    rng = np.random.default_rng(seed)
    units = round(ratings / RATERS / 0.9)
    truth = rng.integers(1, STEPS + 1, units)
    matrix = np.clip(truth + rng.integers(-1, 2, (RATERS, units)), 1, STEPS).astype(float)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--loop", type=int, default=100, help="resamples that the loop is timed over")
    options = parser.parse_args()
    matrix = simulated(options.ratings)
    scale = np.arange(1.0, STEPS + 1)
    counts = np.stack([(matrix == value).sum(axis=0) for value in scale], axis=1)

    with importable("krippendorff==0.9.0", "krippendorff") as peer:
        import krippendorff

        for level in ("nominal", "ordinal"):

            def theirs(level: str = level) -> np.ndarray:
                rng = np.random.default_rng(0)
                drawn = (rng.integers(0, len(counts), len(counts)) for _ in range(options.loop))
                return np.array(
                    [
                        krippendorff.alpha(value_counts=counts[rows], value_domain=scale, level_of_measurement=level)
                        for rows in drawn
                    ]
                )

            def ours(level: str = level) -> Interval:
                return alpha_interval(matrix, level, options.resamples)

            seconds, answers = turns({"ours": ours, "theirs": theirs}, 2)
            found, loop = answers["ours"], answers["theirs"]
            estimate = krippendorff.alpha(matrix, level_of_measurement=level)
            told = {
                "ratings": f"{int(np.isfinite(matrix).sum()):,}",
                "alphas apart": f"{abs(found.estimate - estimate):.1e}",
                "spread of the loop over ours": f"{loop.std() * 2 * 1.96 / (found.ci_high - found.ci_low):.2f}",
            }
            whole = seconds["theirs"] * options.resamples / options.loop
            claim = f"{level} alpha with its interval, {options.resamples:,} resamples"
            tell("stats_alpha", claim, f"a loop over {peer}", seconds["ours"], whole, 50.0, **told)


if __name__ == "__main__":
    main()
