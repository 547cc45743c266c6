"""Claim: Bradley–Terry strengths of twenty players from a million battles are at least ten times as quick as choix's, and the same.

Without ties, which choix does not know. Of its maximum-likelihood methods the one that is quickest on a tenth of the battles
counts; ours also gives intervals.

    python -m benchmarks.stats_bradley_terry [--battles 1000000] [--players 20] [--turns 1]
"""

import argparse
from functools import partial

import numpy as np

from benchmarks.peers import importable
from benchmarks.turns import tell, turns
from evaluation.stats.preference import Battle, bradley_terry


def simulated(battles: int, players: int, seed: int = 0) -> list[tuple[int, int]]:
    """(winner, loser) pairs."""
    rng = np.random.default_rng(seed)
    strengths = np.linspace(-1, 1, players)
    left = rng.integers(0, players, battles)
    right = (left + rng.integers(1, players, battles)) % players
    wins = rng.random(battles) < 1 / (1 + np.exp(strengths[right] - strengths[left]))
    return list(zip(np.where(wins, left, right).tolist(), np.where(wins, right, left).tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--battles", type=int, default=1_000_000)
    parser.add_argument("--players", type=int, default=20)
    parser.add_argument("--turns", type=int, default=1)
    options = parser.parse_args()
    pairs = simulated(options.battles, options.players)
    battles: list[Battle] = [(f"{winner:02}", f"{loser:02}", "left") for winner, loser in pairs]

    with importable("choix==0.4.1", "choix") as peer:
        import choix

        def ours() -> np.ndarray:
            return bradley_terry(battles).strengths

        methods = {
            "ilsr_pairwise": lambda some: choix.ilsr_pairwise(options.players, some),
            "opt_pairwise": lambda some: choix.opt_pairwise(options.players, some, method="Newton-CG"),
        }
        some = pairs[: len(pairs) // 10]
        trial, _ = turns({name: partial(method, some) for name, method in methods.items()}, 1)
        quickest = min(trial, key=trial.__getitem__)
        bradley_terry(battles[:1000])
        seconds, strengths = turns({"ours": ours, "theirs": partial(methods[quickest], pairs)}, options.turns)
        apart = np.abs(strengths["ours"] - (strengths["theirs"] - strengths["theirs"].mean())).max()
        told = {"method": quickest, "strengths apart": f"{apart:.1e}"}
        claim = f"Bradley–Terry at {options.battles:,} battles of {options.players} players"
        tell("stats_bradley_terry", claim, peer, seconds["ours"], seconds["theirs"], 10.0, **told)


if __name__ == "__main__":
    main()
