"""Closed-form intervals of a proportion, and what a sample without variance still says.

Sources: Wilson 1927 and Newcombe 1998; Clopper & Pearson 1934; Hanley & Lippman-Hand 1983 (rule of three, and through it the
mean of a sample without variance).
"""

from __future__ import annotations

import math
from typing import Literal

from scipy import stats

from evaluation.stats.figure import Figure, Interval, check_confidence, no_interval, undefined
from evaluation.stats.statistic import statistic


def _check_counts(k: float, n: float) -> None:
    if not (math.isnan(k) or math.isnan(n)) and not 0 <= k <= n:
        raise ValueError(f"a proportion needs 0 ≤ k ≤ n; got k={k}, n={n}")


@statistic(
    title="Score interval of a proportion",
    design="one sample",
    source="Wilson 1927; Newcombe 1998",
    trap="The trials must be independent: several ratings of one item are not.",
    door="intervals",
)
def wilson(k: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson score interval of the proportion k/n, two-sided, without continuity correction."""
    _check_counts(k, n)
    check_confidence(confidence)
    if not n > 0 or math.isnan(k):
        return no_interval(math.nan, confidence, 0, "Wilson", "no trials")
    z2 = float(stats.norm.ppf((1 + confidence) / 2)) ** 2
    centre = (k + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    # At the ends the formula is exactly 0 or 1, rounding aside.
    low = 0.0 if k == 0 else centre - half
    high = 1.0 if k == n else centre + half
    return Interval(k / n, low, high, confidence, int(n), "Wilson")


@statistic(
    title="Exact interval of a proportion, two- or one-sided",
    design="one sample",
    source="Clopper & Pearson 1934",
    trap="It covers at least what it says, mostly more: wide beside Wilson's.",
    door="intervals",
)
def clopper_pearson(k: float, n: float, confidence: float = 0.95, sides: Literal[1, 2] = 2) -> Interval:
    """Exact interval of the proportion k/n. ``sides=1``: the whole error is on the upper limit and the lower is 0,
    the form that a safety gate asks for ("at most")."""
    _check_counts(k, n)
    check_confidence(confidence)
    if not n > 0 or math.isnan(k):
        return no_interval(math.nan, confidence, 0, "Clopper–Pearson", "no trials")
    tail = (1 - confidence) / sides
    low = 0.0 if k == 0 or sides == 1 else float(stats.beta.ppf(tail, k, n - k + 1))
    high = 1.0 if k == n else float(stats.beta.ppf(1 - tail, k + 1, n - k))
    method = "Clopper–Pearson" if sides == 2 else "Clopper–Pearson, one-sided"
    return Interval(k / n, low, high, confidence, int(n), method)


@statistic(
    title="Highest rate that fits no event in n trials",
    design="one sample",
    source="Hanley & Lippman-Hand 1983",
    trap="If raters miss harms, divide the bound by their sensitivity.",
    door="intervals",
)
def rule_of_three(n: float, confidence: float = 0.95) -> Figure:
    """Highest rate compatible with 0 events in n independent trials, one-sided: 1 - (1-confidence)^(1/n), about 3/n."""
    check_confidence(confidence)
    if not n > 0:
        return undefined("no trials")
    return Figure(-math.expm1(math.log1p(-confidence) / n))


@statistic(
    title="Interval of the mean of a sample without variance",
    design="one sample",
    source="Hanley & Lippman-Hand 1983, at both ends of the scale",
    trap="It is wide, for a handful of equal values say little.",
    door="intervals",
)
def of_constant(value: float, n: int, units: int, limits: tuple[float, float], confidence: float = 0.95) -> Interval:
    """Interval of the mean when all ``units`` independent examples or clusters gave the same ``value``.

    A sample without variance still knows little. By the rule of three at most a share of 1 - (α/2)^(1/units) of all
    others differs from it; at worst every one of these lies at one of the ``limits`` (lowest, highest possible). So
    two ties say next to nothing, and sixty say much. ``n`` values stand behind the units. Without finite limits there
    is no interval.
    """
    check_confidence(confidence)
    name = f"rule of three over {units} equal {'value' if units == n else 'cluster'}{'' if units == 1 else 's'}"
    lowest, highest = limits
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        reason = "the sample does not vary, and its values have no limits"
        return no_interval(value, confidence, n, name, reason)
    share = float(rule_of_three(units, (1 + confidence) / 2))
    low, high = value - (value - lowest) * share, value + (highest - value) * share
    return Interval(
        value, low, high, confidence, n, name, "the sample does not vary: the interval is the rule of three's"
    )


def sign_flip_of_constant(value: float, units: int) -> float:
    """Two-sided p of the exact sign-flip test when all ``units`` differences are ``value``: 2^(1-units), 1 for ties. Only the two
    of the 2^units flips that leave all signs equal are as far from 0."""
    return 1.0 if value == 0 else 2.0 ** (1 - units)
