"""Claim: an iteration of Dawid–Skene is at least ten times as quick as crowd-kit's, with the same posteriors.

Both start from the vote shares and do the same two steps; ours as sparse products over blocks of items, theirs by joining and
grouping data frames.

    python -m benchmarks.labelmodel_dawid_skene [--votes 1000000] [--iterations 10] [--turns 3]
"""

import argparse

import numpy as np

from annotation.labelmodel import fit
from benchmarks.labelmodel_peer import CROWD_KIT, NEVER, Posteriors, compare, simulated
from benchmarks.peers import importable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--votes", type=int, default=1000000)
    parser.add_argument("--iterations", type=int, default=10, help="beyond the first")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    votes = simulated(options.votes)
    arrays = (votes.item, votes.worker, votes.label)

    with importable(CROWD_KIT, "crowdkit") as where:
        import pandas as pd
        from crowdkit.aggregation.classification import DawidSkene

        frame = pd.DataFrame({"task": votes.item, "worker": votes.worker, "label": votes.label})

        def ours(iterations: int) -> Posteriors:
            return fit("dawid_skene", arrays, max_iterations=iterations, tolerance=0).posteriors

        def theirs(iterations: int) -> Posteriors:
            found = DawidSkene(n_iter=iterations, tol=NEVER).fit_predict_proba(frame)
            return found.sort_index()[np.unique(votes.label)].to_numpy()

        claim = f"an iteration of Dawid–Skene at {options.votes:,} votes, given as arrays"
        compare("labelmodel_dawid_skene", claim, where, options.votes, ours, theirs, options.iterations, options.turns)


if __name__ == "__main__":
    main()
