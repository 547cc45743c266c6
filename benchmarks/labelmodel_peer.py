"""What the label models' benchmarks share: simulated votes, crowd-kit's version, and seconds per iteration of both sides."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

CROWD_KIT = "crowd-kit==1.4.2"
NEVER = -1e300  # crowd-kit's tolerance: no rise of the objective is less
CLASSES, VOTES_AN_ITEM, VOTES_A_WORKER = 3, 5, 1000

Array = npt.NDArray[Any]
Posteriors = npt.NDArray[np.float64]
Side = Callable[[int], Posteriors]  # iterations → posteriors (items, classes)


@dataclass(frozen=True)
class Votes:
    item: Array
    worker: Array
    label: Array


def simulated(count: int, seed: int = 0) -> Votes:
    """`count` votes, five per item and a thousand per worker, in random order; workers are right in 40 to 95 of 100."""
    rng = np.random.default_rng(seed)
    item = rng.permutation(np.arange(count) // VOTES_AN_ITEM)
    worker = rng.integers(0, max(count // VOTES_A_WORKER, 10), count)
    truth = rng.choice(CLASSES, item.max() + 1, p=[0.5, 0.3, 0.2])
    skill = rng.uniform(0.4, 0.95, worker.max() + 1)
    label = np.where(rng.random(count) < skill[worker], truth[item], rng.integers(0, CLASSES, count))
    # crowd-kit numbers by first appearance and starts MACE by number: the first votes name workers and classes in order.
    first = np.unique(worker, return_index=True)[1]
    order = np.r_[first, np.setdiff1d(np.arange(count), first)]
    item, worker, label = item[order], worker[order], label[order]
    label[:CLASSES] = np.arange(CLASSES)
    return Votes(item, worker, label)


def compare(
    name: str, claim: str, where: str, votes: int, ours: Side, theirs: Side, more: int, turns: int, reach: float = 10.0
) -> None:
    """Print seconds per iteration of both sides and their ratio.

    Seconds per iteration are those of `more` iterations beyond the first, so that reading the votes is not in them. The
    sides take turns and the quickest of each counts: what else the machine does can only make it slower.
    """
    sides = {"crowd-kit": theirs, "ours": ours}
    short: dict[str, list[float]] = {side: [] for side in sides}
    long: dict[str, list[float]] = {side: [] for side in sides}
    posteriors: dict[str, Posteriors] = {}
    for side in sides:
        sides[side](1)  # what is imported or compiled on first use
    for turn in range(turns):
        for side in sorted(sides, reverse=bool(turn % 2)):
            seconds, _ = _timed(sides[side], 1)
            short[side].append(seconds)
            seconds, posteriors[side] = _timed(sides[side], 1 + more)
            long[side].append(seconds)
    total = {side: min(long[side]) for side in sides}
    took = {side: (total[side] - min(short[side])) / more for side in sides}
    apart = float(np.abs(posteriors["ours"] - posteriors["crowd-kit"]).max())
    ratio = took["crowd-kit"] / took["ours"]
    print(f"{where}; {votes:,} votes, {VOTES_AN_ITEM} per item, {CLASSES} classes, as arrays")
    for side in sides:
        print(
            f"  {side:10} {took[side]:8.4f} s per iteration, {total[side]:7.2f} s for {1 + more} with reading the votes"
        )
    print(f"  ratio {ratio:.1f}× per iteration; posteriors at most {apart:.1e} apart")
    told = {
        "claim": claim,
        "ratio": ratio,
        "reach": reach,
        "peer": f"{where}, an iteration",
        "votes": votes,
        "ours": f"{took['ours']:.4f} s",
        "theirs": f"{took['crowd-kit']:.4f} s",
        "with reading the votes": f"{total['crowd-kit'] / total['ours']:.1f}×",
        "posteriors apart": f"{apart:.1e}",
    }
    print(json.dumps({"benchmark": name, **told}))


def _timed(side: Side, iterations: int) -> tuple[float, Posteriors]:
    began = time.perf_counter()
    posteriors = side(iterations)
    return time.perf_counter() - began, posteriors
