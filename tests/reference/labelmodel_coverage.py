"""How often the intervals of sources' quality hold the accuracy that the votes were drawn with: a table, by simulation.

    python -m tests.reference.labelmodel_coverage [--runs 2000] [--models one_coin dawid_skene …]

A run draws the items' classes, who votes on what, and votes that are right with each source's accuracy; it costs 5 to 50 ms. The
table's own standard error stands beside it: intervals of one run hang together, so it comes from the runs, not the intervals.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from annotation.labelmodel import fit, names


@dataclass(frozen=True)
class Design:
    """Accuracies run evenly from `lowest` to `highest` over the workers, of whom `votes` are drawn for each item."""

    items: int
    workers: int
    votes: int
    classes: int
    lowest: float = 0.55
    highest: float = 0.95

    @property
    def skill(self):
        return np.linspace(self.lowest, self.highest, self.workers)

    def draw(self, seed):
        """Votes as three arrays."""
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, self.classes, self.items)
        worker = np.argsort(rng.random((self.items, self.workers)), axis=1)[:, : self.votes]
        wrong = (truth[:, None] + rng.integers(1, self.classes, worker.shape)) % self.classes
        label = np.where(rng.random(worker.shape) < self.skill[worker], truth[:, None], wrong)
        return np.repeat(np.arange(self.items), self.votes), worker.ravel(), label.ravel()

    def __str__(self):
        return f"{self.items} items, {self.votes} votes of {self.workers}, {self.classes} classes"


FEW = (  # sources as the product has them: three to six labelers, each item by three or all
    Design(200, 3, 3, 3),
    Design(200, 4, 4, 2),
    Design(200, 6, 3, 3),
    Design(200, 6, 3, 2),
    Design(300, 5, 5, 3),
)
MORE = (Design(300, 10, 5, 3), Design(400, 20, 5, 4), Design(2000, 40, 5, 3, 0.6, 0.9))


def covered(name, design, runs, first_seed=0, confidence=0.95):
    """(runs, workers) True where the interval holds the accuracy."""
    options = {"restarts": 1} if name == "mace" else {}
    held = []
    for seed in range(first_seed, first_seed + runs):
        quality = fit(name, design.draw(seed), max_iterations=300, confidence=confidence, **options).quality
        held.append((quality.ci_low <= design.skill) & (design.skill <= quality.ci_high))
    return np.array(held)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--models", nargs="+", default=[name for name in names() if name != "majority"])
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    options = parser.parse_args()
    for design in (*FEW, *MORE):
        for name in options.models:
            held = covered(name, design, options.runs, options.seed)
            error = held.mean(axis=1).std(ddof=1) / np.sqrt(len(held))
            each = " ".join(f"{share:.3f}" for share in held.mean(axis=0)) if design in FEW else ""
            print(f"{design}; {name}: {held.mean():.3f} ± {error:.3f}  {each}", flush=True)


if __name__ == "__main__":
    main()
