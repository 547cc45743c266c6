"""Claim: an iteration of GLAD is at least ten times as quick as crowd-kit's, with posteriors equal to about six digits.

Both climb by the same conjugate gradients with the same tolerance, ours over votes, theirs over votes times classes in a data
frame. The line searches amplify rounding, so 1e-9 as for the others cannot be had; the distance found is printed, and at convergence
both stand on the same maximum.

    python -m benchmarks.labelmodel_glad [--votes 20000] [--iterations 2] [--turns 2]
"""

import argparse

import numpy as np

from annotation.labelmodel import fit
from benchmarks.labelmodel_peer import CROWD_KIT, NEVER, Posteriors, compare, simulated
from benchmarks.peers import importable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--votes", type=int, default=20000)
    parser.add_argument("--iterations", type=int, default=2, help="beyond the first")
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()
    votes = simulated(options.votes)
    arrays = (votes.item, votes.worker, votes.label)

    with importable(CROWD_KIT, "crowdkit") as where:
        import pandas as pd
        from crowdkit.aggregation.classification import GLAD

        frame = pd.DataFrame({"task": votes.item, "worker": votes.worker, "label": votes.label})

        def ours(iterations: int) -> Posteriors:
            return fit("glad", arrays, max_iterations=iterations, tolerance=0).posteriors

        def theirs(iterations: int) -> Posteriors:
            found = GLAD(n_iter=iterations + 1, tol=NEVER).fit_predict_proba(frame)
            return found.sort_index()[np.unique(votes.label)].to_numpy()

        claim = f"an iteration of GLAD at {options.votes:,} votes, given as arrays"
        compare("labelmodel_glad", claim, where, options.votes, ours, theirs, options.iterations, options.turns)


if __name__ == "__main__":
    main()
