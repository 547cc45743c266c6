"""Claim: an iteration of MACE is at least ten times as quick as crowd-kit's, with the same posteriors.

Both start once from the same random weights and do the same variational steps; theirs by grouping a data frame for each class.

    python -m benchmarks.labelmodel_mace [--votes 1000000] [--iterations 3] [--turns 3]
"""

import argparse

import numpy as np

from annotation.labelmodel import fit
from benchmarks.labelmodel_peer import CROWD_KIT, Posteriors, compare, simulated
from benchmarks.peers import importable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--votes", type=int, default=1000000)
    parser.add_argument("--iterations", type=int, default=3, help="beyond the first")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    votes = simulated(options.votes)
    arrays = (votes.item, votes.worker, votes.label)

    with importable(CROWD_KIT, "crowdkit") as where:
        import pandas as pd
        from crowdkit.aggregation.classification import MACE

        frame = pd.DataFrame({"task": votes.item, "worker": votes.worker, "label": votes.label})

        def ours(iterations: int) -> Posteriors:
            return fit("mace", arrays, max_iterations=iterations, tolerance=0, restarts=1, seed=0).posteriors

        def theirs(iterations: int) -> Posteriors:
            found = MACE(n_iter=iterations, n_restarts=1, random_state=0).fit_predict_proba(frame)
            return found.sort_index()[np.unique(votes.label)].to_numpy()

        claim = f"an iteration of MACE at {options.votes:,} votes, given as arrays"
        compare("labelmodel_mace", claim, where, options.votes, ours, theirs, options.iterations, options.turns)


if __name__ == "__main__":
    main()
