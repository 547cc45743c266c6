"""Writes labelmodel_crowdkit.json: votes, and the posteriors that crowd-kit 1.4.2 finds in them after a few iterations.

crowd-kit is no dependency of ours, so this runs in an environment of its own, and the tests read what it wrote:

    uv venv /tmp/peers && uv pip install --python /tmp/peers crowd-kit
    /tmp/peers/bin/python tests/reference/labelmodel_crowdkit.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from crowdkit.aggregation.classification import GLAD, MACE, DawidSkene, MajorityVote, OneCoinDawidSkene

ITEMS, WORKERS, CLASSES = 40, 7, 3
NEVER = -1e300  # a tolerance that no rise falls short of
OUTPUT = Path(__file__).with_suffix(".json")


def votes() -> pd.DataFrame:
    """Of 1 to 6 workers per item; the first three votes name workers and classes in order, as crowd-kit numbers them."""
    rng = np.random.default_rng(7)
    truth = rng.integers(0, CLASSES, ITEMS)
    skill = np.linspace(0.35, 0.95, WORKERS)
    rows = [(0, worker, worker % CLASSES) for worker in range(WORKERS)]
    for item in range(1, ITEMS):
        for worker in sorted(rng.choice(WORKERS, rng.integers(1, 7), replace=False).tolist()):
            right = rng.random() < skill[worker]
            rows.append((item, worker, int(truth[item]) if right else int(rng.integers(0, CLASSES))))
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def main() -> None:
    data = votes()
    fits = {
        "majority": [1, MajorityVote()],
        "dawid_skene": [12, DawidSkene(n_iter=12, tol=NEVER)],
        "one_coin": [12, OneCoinDawidSkene(n_iter=12, tol=NEVER)],
        "mace": [12, MACE(n_iter=12, n_restarts=1, random_state=3)],
        # It computes posteriors before the first and not after the last of its steps: five steps for our four.
        "glad": [4, GLAD(n_iter=5, tol=NEVER)],
    }
    found = {
        name: {"iterations": iterations, "posteriors": model.fit_predict_proba(data)[[0, 1, 2]].to_numpy().tolist()}
        for name, (iterations, model) in fits.items()
    }
    written = {"source": f"crowd-kit {version('crowd-kit')}", "votes": data.to_numpy().tolist(), "fits": found}
    OUTPUT.write_text(json.dumps(written) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
