"""Claim: Bradley–Terry strengths of twenty players from a million battles are at least ten times as quick as choix's, and the same.

Without ties, which choix does not know. Its quickest maximum-likelihood method counts; ours also gives intervals.

    python -m benchmarks.stats_bradley_terry [--battles 1000000] [--players 20] [--turns 2]
"""

import argparse

import numpy as np

from benchmarks.peer import importable, tell, turns
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
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()
    pairs = simulated(options.battles, options.players)
    battles: list[Battle] = [(f"{winner:02}", f"{loser:02}", "left") for winner, loser in pairs]

    with importable("choix==0.4.1", "choix") as peer:
        import choix

        def ours() -> np.ndarray:
            return bradley_terry(battles).strengths

        def ilsr() -> np.ndarray:
            return choix.ilsr_pairwise(options.players, pairs)

        def newton() -> np.ndarray:
            return choix.opt_pairwise(options.players, pairs, method="Newton-CG")

        bradley_terry(battles[:1000])
        seconds, strengths = turns({"ours": ours, "ilsr": ilsr, "newton": newton}, options.turns)
        quickest = min(("ilsr", "newton"), key=seconds.__getitem__)
        apart = np.abs(strengths["ours"] - (strengths[quickest] - strengths[quickest].mean())).max()
        told = {"method": quickest, "strengths apart": f"{apart:.1e}"}
        claim = f"Bradley–Terry at {options.battles:,} battles of {options.players} players"
        tell("stats_bradley_terry", claim, peer, seconds["ours"], seconds[quickest], 10.0, **told)


if __name__ == "__main__":
    main()
