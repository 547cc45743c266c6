"""Sample size of the designs in which people rate: raters crossed with items, reliability, ratings beside a judge.

`power` has paired comparisons and votes, `power_arms` live experiments.
"""

from __future__ import annotations

import math
from typing import Literal

from scipy import stats

from evaluation.stats.figure import Figure, check_confidence, undefined
from evaluation.stats.power import quantiles
from evaluation.stats.statistic import statistic


@statistic(
    title="Items for a difference that crossed raters see",
    design="planning",
    source="Cornfield & Tukey 1956 (variance of a crossed mean); Miller 2024",
    trap="More items never make up for few raters who differ: then no number will do.",
)
def items_for_crossed_raters(
    difference: float,
    *,
    item_sd: float,
    rater_sd: float,
    noise_sd: float,
    raters: int,
    raters_an_item: float | None = None,
    power: float = 0.8,
    confidence: float = 0.95,
    sides: Literal[1, 2] = 2,
) -> Figure:
    """Items for a mean paired ``difference`` when ``raters`` people rate, ``raters_an_item`` of them each item (None: all).

    The standard deviations are of the paired differences: from item to item, from rater to rater, and what is left in a single
    one. The mean's variance is item²/I + rater²/R + noise²/(I·m); the raters' part stays however many items there are. NaN with
    the reason where it is too large already. For `clustered.paired_mean`, which also pays for few degrees of freedom.

    ValueError: a negative standard deviation, no raters, or more of them per item than there are.
    """
    z = sum(quantiles(power, confidence, sides))
    if min(item_sd, rater_sd, noise_sd) < 0:
        raise ValueError("standard deviations cannot be negative")
    each = raters if raters_an_item is None else raters_an_item
    if raters < 1 or not 0 < each <= raters:
        raise ValueError(f"an item needs from one to all {raters} raters; got {each!r}")
    if math.isnan(difference):
        return undefined("no difference to find was given")
    if difference == 0:
        return undefined("no number of items finds a difference of nothing")
    if item_sd == rater_sd == noise_sd == 0:
        return undefined("differences without variation: any number of items shows the same")
    room = (difference / z) ** 2 - rater_sd**2 / raters
    if room <= 0:
        least = math.ceil((z * rater_sd / difference) ** 2 + 1e-9)
        return undefined(
            f"{raters} raters differ too much for any number of items: more than {least - 1} raters are needed"
        )
    return Figure(float(max(1, math.ceil((item_sd**2 + noise_sd**2 / each) / room - 1e-9))))


@statistic(
    title="Items for an intraclass correlation of wanted precision",
    design="planning",
    source="Bonett 2002, Sample size requirements for estimating intraclass correlations with desired precision",
    trap="For kinds 1 and 3; kind 2 with severe raters takes more.",
)
def units_for_icc(icc: float, width: float, raters: int, confidence: float = 0.95) -> Figure:
    """Units that ``raters`` rate so that the interval of an ``icc`` of about that size is ``width`` wide from limit to limit.

    ValueError: an icc outside -1–1, or a width that is not above 0.
    """
    check_confidence(confidence)
    if not -1.0 <= icc <= 1.0 or not width > 0:
        raise ValueError(f"icc lies within ±1 and width above 0; got {icc!r} and {width!r}")
    if raters < 2:
        return undefined("one rater: nobody to agree with")
    z = float(stats.norm.ppf((1 + confidence) / 2))
    spread = 8 * z**2 * (1 - icc) ** 2 * (1 + (raters - 1) * icc) ** 2 / (raters * (raters - 1) * width**2)
    # Bonett's own correction: an approximation from below for three raters and more, by hand for two.
    extra = 5 * icc if raters == 2 and icc >= 0.7 else 0.0
    return Figure(float(math.ceil(spread + 1 + extra - 1e-9)))


@statistic(
    title="Human ratings that a judge spares",
    design="planning",
    source="Angelopoulos, Duchi & Zrnic 2023, PPI++",
    trap="The correlation is over items, and that of another model's answers may be lower.",
)
def human_ratings_with_judge(alone: float, correlation: float, judged: float) -> Figure:
    """Ratings by people that, with a judge's scores of ``judged`` further items, tell as much as ``alone`` ratings without it.

    ``correlation`` of judge and people over items. Power-tuned, n ratings and N scores have the variance of people alone times
    1 - correlation² · N/(n + N), so n solves n = alone · (1 - correlation² · N/(n + N)). Of use in `ppi.mean`.

    ValueError: a correlation outside ±1, or a negative number.
    """
    if not -1.0 <= correlation <= 1.0 or not alone >= 0 or not judged >= 0:
        raise ValueError(f"correlation lies within ±1, numbers from 0 on; got {correlation!r}, {alone!r}, {judged!r}")
    if alone == 0:
        return undefined("no ratings to replace")
    shared = correlation**2 if correlation > 0 else 0.0  # a judge against people has weight 0
    # n² + n·(judged - alone) - alone·judged·(1 - shared) = 0
    half = (judged - alone) / 2
    needed = -half + math.sqrt(half**2 + alone * judged * (1 - shared))
    return Figure(float(max(2, math.ceil(needed - 1e-9))))
