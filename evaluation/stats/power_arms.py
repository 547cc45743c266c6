"""Sample size of the designs that are not paired: live experiments with two arms, margins, correlations, rates.

`power` has the paired ones. Normal approximations: Chow, Shao & Wang 2008 (means, proportions, margins); Fisher's z
(correlation); Donner & Eliasziw 1987 is for ICC what is left out here: use `power.raters_needed`.
"""

from __future__ import annotations

import math
from typing import Literal

from scipy import optimize, stats

from evaluation.stats.figure import Figure, undefined
from evaluation.stats.power import design_effect, quantiles
from evaluation.stats.statistic import statistic


@statistic(
    title="Values in two arms for a difference of means",
    design="planning",
    source="Chow, Shao & Wang 2008",
    trap="Users who come back are clusters.",
)
def arms_of_means(
    difference: float,
    sd: float,
    *,
    ratio: float = 1.0,
    power: float = 0.8,
    confidence: float = 0.95,
    sides: Literal[1, 2] = 2,
    cluster_size: float = 1,
    icc: float = 0.0,
) -> Figure:
    """Values in the *first* arm to find ``difference`` of two independent means, ``sd`` within an arm; the second arm has
    ``ratio`` times as many. Clusters as in `power.sample_size`: users who come back, say."""
    z = quantiles(power, confidence, sides)
    _check_ratio(ratio)
    if not sd > 0:
        return undefined("values without variation: any number shows the same")
    return _whole((1 + 1 / ratio) * (sd * sum(z)) ** 2, difference, design_effect(cluster_size, icc))


@statistic(
    title="Trials in two arms for a difference of rates",
    design="planning",
    source="Chow, Shao & Wang 2008",
    trap="Normal approximation: for rates near 0 it is short.",
)
def arms_of_proportions(
    first: float,
    second: float,
    *,
    ratio: float = 1.0,
    power: float = 0.8,
    confidence: float = 0.95,
    sides: Literal[1, 2] = 2,
    cluster_size: float = 1,
    icc: float = 0.0,
) -> Figure:
    """Trials in the *first* arm to tell the rates ``first`` and ``second`` of two independent arms apart (pooled variance under
    no difference); the second arm has ``ratio`` times as many."""
    z_error, z_power = quantiles(power, confidence, sides)
    for rate in (first, second):
        if not 0 <= rate <= 1:
            raise ValueError(f"a rate lies between 0 and 1; got {rate!r}")
    _check_ratio(ratio)
    pooled = (first + ratio * second) / (1 + ratio)
    null = math.sqrt(pooled * (1 - pooled) * (1 + 1 / ratio))
    own = math.sqrt(first * (1 - first) + second * (1 - second) / ratio)
    return _whole((z_error * null + z_power * own) ** 2, first - second, design_effect(cluster_size, icc))


@statistic(
    title="Smallest rate that two arms tell from a baseline",
    design="planning",
    source="Chow, Shao & Wang 2008",
    trap="It looks upwards only: a rate below the baseline takes another number of trials.",
)
def detectable_rate(
    baseline: float, n: float, *, ratio: float = 1.0, power: float = 0.8, confidence: float = 0.95
) -> Figure:
    """Smallest rate above ``baseline`` that arms of ``n`` and ``ratio`` · ``n`` trials tell from it: `arms_of_proportions` turned round."""
    z_error, z_power = quantiles(power, confidence, 2)
    if not 0 <= baseline <= 1:
        raise ValueError(f"a rate lies between 0 and 1; got {baseline!r}")
    if not n > 0:
        return undefined("no trials")

    def missing(rate: float) -> float:
        pooled = (baseline + ratio * rate) / (1 + ratio)
        null = math.sqrt(pooled * (1 - pooled) * (1 + 1 / ratio))
        own = math.sqrt(baseline * (1 - baseline) + rate * (1 - rate) / ratio)
        return z_error * null + z_power * own - (rate - baseline) * math.sqrt(n)

    if baseline == 1 or missing(1.0) > 0:
        return undefined(f"{n:g} trials per arm show no rate above {baseline:g}, not even 1")
    return Figure(float(optimize.brentq(missing, baseline, 1.0)))


@statistic(
    title="Paired items for non-inferiority or equivalence",
    design="planning",
    source="Chow, Shao & Wang 2008",
    trap="A true difference near the margin takes any number.",
)
def noninferiority_size(
    margin: float,
    sd: float,
    *,
    true_difference: float = 0.0,
    equivalence: bool = False,
    power: float = 0.8,
    confidence: float = 0.95,
    cluster_size: float = 1,
    icc: float = 0.0,
) -> Figure:
    """Paired items to show that a is worse than b by less than ``margin`` when truly a - b = ``true_difference``.

    ``sd``: of the paired differences. ``equivalence``: both limits within ±margin, which takes more. For `margins`, whose tests are
    one-sided at 1 - ``confidence``.
    """
    z_error, z_power = quantiles(power, confidence, 1)
    if not margin > 0:
        raise ValueError(f"margin must be above 0; got {margin!r}")
    if not sd > 0:
        return undefined("paired differences without variation: any number of items shows the same")
    room = margin - abs(true_difference) if equivalence else margin + true_difference
    if room <= 0:
        return undefined("the true difference reaches the margin: no number of items shows that it does not")
    if equivalence and true_difference == 0:  # both sides can fail, each with half of the error
        z_power = float(stats.norm.ppf((1 + power) / 2))
    return _whole((sd * (z_error + z_power)) ** 2, room, design_effect(cluster_size, icc))


@statistic(
    title="Items to show a correlation",
    design="planning",
    source="Fisher 1921 (z)",
    trap="For Pearson's; rank correlations take a little more.",
)
def correlation_size(
    correlation: float, *, null: float = 0.0, power: float = 0.8, confidence: float = 0.95, sides: Literal[1, 2] = 2
) -> Figure:
    """Items to tell ``correlation`` of metric and people from ``null``, by Fisher's z."""
    z = quantiles(power, confidence, sides)
    for value in (correlation, null):
        if not -1 < value < 1:
            raise ValueError(f"a correlation lies between -1 and 1, both left out; got {value!r}")
    needed = _whole(sum(z) ** 2, math.atanh(correlation) - math.atanh(null), 1.0, extra=3)
    return needed if math.isnan(needed) else Figure(max(float(needed), 4.0))


def _check_ratio(ratio: float) -> None:
    if not ratio > 0:
        raise ValueError(f"ratio is the second arm's size over the first's, above 0; got {ratio!r}")


def _whole(squared_scale: float, effect: float, inflation: float, extra: float = 0.0) -> Figure:
    """squared_scale / effect², plus ``extra``, rounded up; NaN with the reason where there is no effect to find."""
    if math.isnan(effect):
        return undefined("no effect to find was given")
    if abs(effect) < 1e-100:
        return undefined("no number of items finds an effect of nothing")
    return Figure(float(max(1, math.ceil((squared_scale / effect**2 + extra) * inflation - 1e-9))))
