"""Elo ratings of models from battles, for comparison with leaderboards; `preference.bradley_terry` is the estimate to report.

Elo 1978: after each battle the winner gains k · (1 - expected). It weighs late battles most, so the same votes in another order
give other ratings; the range over random orders shows how much of a difference is only order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.stats.figure import FloatArray
from evaluation.stats.preference import Battle, check_battle, names_of
from evaluation.stats.statistic import statistic

_SCORES = {"left": 1.0, "right": 0.0, "tie": 0.5}


@dataclass(frozen=True, slots=True, eq=False)
class Elo:
    """``ratings`` (m,) in the order of ``names``, by the order in which the battles came; ``mean``, ``low`` and ``high`` (m,) over
    random orders of the same battles, NaN without such orders."""

    names: tuple[str, ...]
    ratings: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    battles: int
    orders: int


@statistic(
    title="Elo ratings, with their range over random orders",
    design="pairwise votes",
    source="Elo 1978; Boubdir et al. 2023",
    trap="The order of the votes moves it; Bradley–Terry is the estimate to report.",
)
def elo(
    battles: Sequence[Battle],
    k: float = 4.0,
    *,
    scale: float = 400.0,
    start: float = 1000.0,
    orders: int = 100,
    seed: int = 0,
) -> Elo:
    """Ratings from ``battles``: (left, right, "left"|"right"|"tie"), a tie being half a win.

    ``k``: points at stake; ``scale``: difference at which the odds are ten to one; ``start``: everybody's first rating;
    ``orders``: random orders to play the battles in for the range.

    ValueError: an outcome of another name, a model against itself, or names of several kinds, with the battle's number.
    """
    for number, battle in enumerate(battles):
        check_battle(number, battle)
    names = names_of(battles, battles)
    place = {name: at for at, name in enumerate(names)}
    played = [(place[left], place[right], _SCORES[outcome]) for left, right, outcome in battles]
    sides = np.array(played, dtype=np.float64).reshape(-1, 3)
    on_left, on_right, score = sides[:, 0].astype(np.intp), sides[:, 1].astype(np.intp), sides[:, 2]

    # All orders are played at once, one battle of each per step: row 0 is the order in which they came.
    rng = np.random.default_rng(seed)
    order = np.vstack([np.arange(len(sides))] + [rng.permutation(len(sides)) for _ in range(orders)]).astype(np.intp)
    ratings = np.full((len(order), len(names)), float(start))
    row = np.arange(len(order))
    for battle in order.T:
        a, b = on_left[battle], on_right[battle]
        expected = 1 / (1 + 10 ** ((ratings[row, b] - ratings[row, a]) / scale))
        gain = k * (score[battle] - expected)
        ratings[row, a] += gain
        ratings[row, b] -= gain
    shuffled = ratings[1:]
    nothing = np.full(len(names), math.nan)
    return Elo(
        names=names,
        ratings=ratings[0],
        mean=shuffled.mean(axis=0) if orders else nothing,
        low=shuffled.min(axis=0) if orders else nothing,
        high=shuffled.max(axis=0) if orders else nothing,
        battles=len(sides),
        orders=orders,
    )
