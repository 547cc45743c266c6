"""How many items a comparison needs, and what a given number can show.

Normal approximations, each with its source: paired means (Miller 2024 for evaluations with several samples per item);
preference by the sign test (Noether 1987); pass/fail by McNemar's test (Connor 1987). Spend a budget on items, not on
repeated ratings of the same item (Steen & Markert 2021).
"""

from __future__ import annotations

import math
from typing import Literal, get_args

from scipy import optimize, stats

from evaluation.stats.figure import Figure, check_confidence, undefined
from evaluation.stats.statistic import statistic

Design = Literal["paired", "preference", "mcnemar"]

ON_THE_MARGIN = 1e-3  # an estimate so near, in standard errors, would take millions of times as many items


def quantiles(power: float, confidence: float, sides: int) -> tuple[float, float]:
    """Normal quantiles of the error and of the power."""
    check_confidence(confidence)
    if not 0.0 < power < 1.0:
        raise ValueError(f"power must lie between 0 and 1, as 0.8 does; got {power!r}")
    if sides not in (1, 2):
        raise ValueError(f"sides must be 1 or 2; got {sides!r}")
    return float(stats.norm.ppf(1 - (1 - confidence) / sides)), float(stats.norm.ppf(power))


def _inflation(design: Design, ties: float, cluster_size: float, icc: float) -> float:
    """What ties and clusters multiply the number of observations by."""
    if design not in get_args(Design):
        raise ValueError(f"design must be one of {', '.join(get_args(Design))}; got {design!r}")
    if not 0.0 <= ties < 1.0:
        raise ValueError(f"ties is the expected share of ties, from 0 to below 1; got {ties!r}")
    if ties and design != "preference":
        raise ValueError("ties belong to preference votes; the other designs count them in sd or discordant")
    return design_effect(cluster_size, icc) / (1 - ties)


@statistic(
    title="By how much clustered observations are worth less",
    design="planning",
    source="Kish 1965",
    trap="Five ratings of a hundred items are not five hundred observations.",
)
def design_effect(cluster_size: float, icc: float) -> float:
    """1 + (m-1)·ICC: by how much m ratings of a cluster (item, document) are worth less than m independent ones."""
    if cluster_size < 1 or not -1.0 <= icc <= 1.0:
        raise ValueError(f"cluster_size must be at least 1 and icc within ±1; got {cluster_size!r} and {icc!r}")
    return max(1 + (cluster_size - 1) * icc, 0.0)


@statistic(
    title="Observations for a paired comparison, a preference, a pass rate",
    design="planning",
    source="Miller 2024; Noether 1987; Connor 1987",
    trap="The effect to find comes from what matters, never from what was seen.",
)
def sample_size(
    design: Design,
    effect: float,
    *,
    sd: float = 1.0,
    discordant: float | None = None,
    ties: float = 0.0,
    power: float = 0.8,
    confidence: float = 0.95,
    sides: Literal[1, 2] = 2,
    cluster_size: float = 1,
    icc: float = 0.0,
) -> Figure:
    """Observations needed to find ``effect`` with the wanted ``power``: a whole number, NaN with a reason if none will do.

    ``design`` and what ``effect`` is:

    - ``paired``: a difference of means, in the unit of ``sd``, the standard deviation of the paired differences
    - ``preference``: the winner's share of the decisive votes (0.6 for six of ten); ``ties`` is the share of ties
    - ``mcnemar``: a difference of pass rates; ``discordant`` is the share of items that only one of the two passes

    ``cluster_size``, ``icc``: observations per cluster and their correlation; the answer still counts observations,
    so divide by ``cluster_size`` for clusters.
    """
    z_error, z_power = quantiles(power, confidence, sides)
    inflation = _inflation(design, ties, cluster_size, icc)
    if math.isnan(effect):
        return undefined("no effect to find was given")
    if design == "paired":
        if not sd > 0:
            return undefined("paired differences without variation: any number of items shows the same")
        needed = _squared_ratio((z_error + z_power) * sd, effect)
    elif design == "preference":
        if not 0.0 <= effect <= 1.0:
            raise ValueError(f"effect of a preference is the winner's share of decisive votes, 0 to 1; got {effect!r}")
        needed = _squared_ratio(z_error + z_power, 2 * (effect - 0.5))
    else:
        share = _discordant_share(discordant)
        if abs(effect) > share:
            raise ValueError(f"a difference of {effect:g} cannot exceed the discordant share {share:g}")
        root = z_error * math.sqrt(share) + z_power * math.sqrt(share - effect**2)
        needed = _squared_ratio(root, effect)
    if math.isinf(needed):
        return undefined("no number of items finds an effect of nothing")
    return Figure(float(math.ceil(needed * inflation - 1e-9)))


def _squared_ratio(scale: float, effect: float) -> float:
    """(scale/effect)², infinite where the effect is nothing or next to it."""
    if abs(effect) < 1e-100 * scale:
        return math.inf
    return (scale / effect) ** 2


def _discordant_share(discordant: float | None) -> float:
    if discordant is None or not 0.0 < discordant <= 1.0:
        raise ValueError(f"mcnemar needs discordant, the share of items that only one passes (0–1); got {discordant!r}")
    return discordant


@statistic(
    title="Smallest effect that a number of observations finds",
    design="planning",
    source="Miller 2024; Noether 1987; Connor 1987",
    trap="It is no test of data already seen.",
)
def detectable_difference(
    design: Design,
    n: float,
    *,
    sd: float = 1.0,
    discordant: float | None = None,
    ties: float = 0.0,
    power: float = 0.8,
    confidence: float = 0.95,
    sides: Literal[1, 2] = 2,
    cluster_size: float = 1,
    icc: float = 0.0,
) -> Figure:
    """The smallest effect that ``n`` observations find with the wanted ``power``: `sample_size` turned round.

    The answer is in that function's ``effect``: a difference of means, a winner's share, a difference of pass rates.
    """
    z_error, z_power = quantiles(power, confidence, sides)
    effective = n / _inflation(design, ties, cluster_size, icc)
    if not effective > 0:
        return undefined("no items")
    if design == "paired":
        return Figure((z_error + z_power) * sd / math.sqrt(effective))
    if design == "preference":
        share = 0.5 + (z_error + z_power) / (2 * math.sqrt(effective))
        return Figure(share) if share <= 1 else undefined(f"{n:g} votes cannot show even a unanimous preference")
    rate = _discordant_share(discordant)

    def missing(effect: float) -> float:
        return z_error * math.sqrt(rate) + z_power * math.sqrt(rate - effect**2) - effect * math.sqrt(effective)

    if missing(rate) > 0:
        return undefined(f"{n:g} items cannot show even a difference as large as the discordant share")
    return Figure(float(optimize.brentq(missing, 0.0, rate)))


@statistic(
    title="Standard deviation of an item's difference with several answers per system",
    design="planning",
    source="Miller 2024, section 5",
    trap="More answers per item never make up for few items.",
)
def paired_sd(
    between: float, within_a: float = 0.0, within_b: float = 0.0, samples_a: float = 1, samples_b: float = 1
) -> float:
    """Standard deviation of an item's difference when each system answers it several times (Miller 2024, section 5):
    ``between`` items, ``within`` an item from answer to answer, averaged over ``samples``."""
    return math.sqrt(between**2 + within_a**2 / samples_a + within_b**2 / samples_b)


@statistic(
    title="About how many more items clear a margin",
    design="planning",
    source="normal approximation",
    trap="If today's estimate is the truth, which it is not.",
)
def more_items_needed(
    delta: float, se: float, n: int, margin: float = 0.0, *, confidence: float = 0.95, power: float = 0.8
) -> Figure:
    """About how many more items would let the interval of ``delta`` clear ``margin``, on whichever side it lies.

    ``delta``, ``se``: what ``n`` items gave. 0 when the interval is clear already. Otherwise the number that clears it
    with probability ``power`` *if today's estimate is the truth*: a hint for planning, said with "about", and no
    promise, since the estimate itself will move.
    """
    z_error, z_power = quantiles(power, confidence, 2)
    if not n > 0 or math.isnan(delta) or not se >= 0:
        return undefined("no estimate with a standard error yet")
    if math.isnan(margin):
        return undefined("no margin is set")
    distance = abs(delta - margin)
    if distance > z_error * se:
        return Figure(0.0)
    if se == 0:
        return undefined("the estimate lies exactly on the margin without any variation")
    if distance <= ON_THE_MARGIN * se:
        return undefined("the estimate lies on the margin: no number of items that people can rate would decide")
    needed = n * ((z_error + z_power) * se / distance) ** 2
    return Figure(float(max(1, math.ceil(needed - n))))


@statistic(
    title="Raters per item for a wanted reliability",
    design="planning",
    source="Spearman 1910; Brown 1910",
    trap="Reliability of the mean, not agreement of people.",
)
def raters_needed(single_icc: float, target: float = 0.8) -> Figure:
    """Raters per item whose mean reaches reliability ``target``, from the ICC of one rater (Spearman–Brown)."""
    if not 0.0 < target < 1.0:
        raise ValueError(f"target must lie between 0 and 1; got {target!r}")
    if math.isnan(single_icc):
        return undefined("the reliability of one rater is unknown")
    if single_icc <= 0:
        return undefined("one rater's scores carry no signal, so no number of raters will do")
    if single_icc >= 1:
        return Figure(1.0)
    return Figure(float(math.ceil(target * (1 - single_icc) / (single_icc * (1 - target)) - 1e-9)))


@statistic(
    title="Items without harm that bound its rate",
    design="planning",
    source="Hanley & Lippman-Hand 1983",
    trap="A single harm, and the number grows.",
)
def clean_items_needed(rate: float, confidence: float = 0.95) -> Figure:
    """Items without a single harm that show the harm rate to be at most ``rate``, one-sided (59 for 5 %)."""
    check_confidence(confidence)
    if not 0.0 < rate < 1.0:
        return undefined("no number of clean items shows a rate of 0")
    return Figure(float(math.ceil(math.log1p(-confidence) / math.log1p(-rate) - 1e-9)))
