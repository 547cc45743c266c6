"""Signs that a rater does not read: straight lines through the form, and speed beyond reading.

Signs, not proofs: what is found here asks for a talk or for gold items, and drops nobody. Sources: Herzog & Bachman 1981 and
Kim et al. 2019 (straight-lining); Johnson 2005 (longest run of equal answers); Wise & Kong 2005 (rapid guessing by a
time threshold); Brysbaert 2019 (238 words per minute: silent reading of English).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.stats.figure import BoolArray, FloatArray, Interval, as_values, no_interval
from evaluation.stats.grouping import encode
from evaluation.stats.intervals import wilson
from evaluation.stats.statistic import statistic

FASTEST_READING = 600.0  # words per minute beyond which hardly anybody reads with understanding


@dataclass(frozen=True, slots=True)
class StraightLining:
    """``share`` of a rater's forms with the same score on all dimensions; ``expected`` if dimensions were scored
    independently with this rater's own frequencies; ``p_value`` one-sided for more than expected; ``longest_run`` of one
    score through the forms in the order they were filled in."""

    share: Interval
    expected: float
    p_value: float
    longest_run: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Speed:
    """``median_seconds`` an item; ``relative``: the rater's typical time over that of the others on the same items (½: twice as
    fast), NaN where nobody else rated them; ``too_fast``: share of items done faster than they can be read, NaN without lengths."""

    median_seconds: float
    relative: float
    too_fast: Interval
    n: int
    reason: str = ""


@statistic(
    title="Forms with one score throughout, against chance",
    design="one rater's work",
    source="Herzog & Bachman 1981; Kim et al. 2019; Johnson 2005",
    trap="Answers that are all good earn straight lines too.",
)
def straight_lining(scores: npt.ArrayLike) -> StraightLining:
    """One rater's ``scores`` (forms × dimensions), in the order the forms were filled in, NaN for "cannot judge".

    A form counts if it has two scores or more. A good rater of answers that are all good draws straight lines too: look at
    ``expected`` and at the other raters of the same items. With a single score throughout, ``p_value`` is NaN.
    """
    forms = np.asarray(scores, dtype=np.float64)
    if forms.ndim != 2:
        raise ValueError(f"scores must be forms × dimensions; got shape {forms.shape}")
    given = ~np.isnan(forms)
    longest = _longest_run(forms[given])
    counted = given.sum(axis=1) >= 2
    forms, given = forms[counted], given[counted]
    if len(forms) == 0:
        reason = "no form has two scores"
        return StraightLining(no_interval(math.nan, 0.95, 0, "Wilson", reason), math.nan, math.nan, longest, reason)
    straight = np.nanmax(forms, axis=1) == np.nanmin(forms, axis=1)
    found = int(straight.sum())
    chance = _chance_of_straight(forms, given)
    share = wilson(found, len(forms))
    if len(np.unique(forms[given])) == 1:
        reason = "one score throughout: no frequencies to expect straight lines from"
        return StraightLining(share, 1.0, math.nan, longest, reason)
    expected = float(chance.mean())
    # Forms with different dimensions missing differ in their chance: the binomial with the mean chance is conservative.
    p_value = float(stats.binom.sf(found - 1, len(forms), expected))
    return StraightLining(share, expected, p_value, longest)


def _chance_of_straight(forms: FloatArray, given: BoolArray) -> FloatArray:
    """Chance (forms,) that all given scores of a form are equal, dimensions independent: Σ_score Π_dimension share."""
    values = np.unique(forms[given])
    shares = np.array([(forms == value).sum(axis=0) for value in values]) / np.maximum(given.sum(axis=0), 1)
    factors = np.where(given[:, None, :], shares[None], 1.0)
    return np.asarray(factors.prod(axis=2).sum(axis=1), dtype=np.float64)


def _longest_run(values: FloatArray) -> int:
    if len(values) == 0:
        return 0
    changes = np.flatnonzero(np.diff(values) != 0)
    return int(np.diff(np.concatenate([[-1], changes, [len(values) - 1]])).max())


@statistic(
    title="How fast each rater works, against others and against reading",
    design="one rater's work",
    source="Wise & Kong 2005; Brysbaert 2019",
    trap="A sign, not a proof: some people read quickly.",
)
def rater_speed(
    seconds: npt.ArrayLike, items: npt.ArrayLike, raters: npt.ArrayLike, words: npt.ArrayLike | None = None
) -> dict[Any, Speed]:
    """How fast each rater works: by rater's label.

    ``seconds`` (n,) spent on a rating, NaN or not above 0 left out; ``items``, ``raters`` (n,) labels; ``words`` (n,) that had
    to be read for it. Times are compared on the log scale, each with the median of the *other* raters of its item, so a rater
    who drew long items is not called slow.
    """
    times = as_values(seconds, "seconds")
    labels = np.asarray(raters)
    by_item = encode(items, len(times), "items")
    by_rater = encode(raters, len(times), "raters")
    lengths = np.full(len(times), np.nan) if words is None else as_values(words, "words")
    if lengths.shape != times.shape:
        raise ValueError(f"words needs one number per rating: {len(times)} ratings, {len(lengths)} numbers")
    usable: BoolArray = times > 0
    logs = np.log(np.where(usable, times, 1.0))
    against = np.full(len(times), np.nan)
    for rows in _rows_of(by_item.codes, usable):
        for row in rows:
            others = rows[by_rater.codes[rows] != by_rater.codes[row]]
            if len(others):
                against[row] = logs[row] - np.median(logs[others])
    found: dict[Any, Speed] = {}
    for rows in _rows_of(by_rater.codes, np.ones(len(times), dtype=np.bool_)):
        found[labels[rows[0]].item() if hasattr(labels[rows[0]], "item") else labels[rows[0]]] = _speed(
            times[rows], against[rows], lengths[rows], usable[rows]
        )
    return found


def _rows_of(codes: npt.NDArray[np.intp], kept: BoolArray) -> list[npt.NDArray[np.intp]]:
    """The rows of each group that are kept, groups without any left out."""
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(codes[rows], kind="stable")]
    return [part for part in np.split(rows, np.flatnonzero(np.diff(codes[rows])) + 1) if len(part)]


def _speed(times: FloatArray, against: FloatArray, words: FloatArray, usable: BoolArray) -> Speed:
    method = "Wilson"
    n = int(usable.sum())
    if n == 0:
        reason = "no time was taken"
        return Speed(math.nan, math.nan, no_interval(math.nan, 0.95, 0, method, reason), 0, reason)
    compared = against[usable & ~np.isnan(against)]
    relative = math.exp(float(np.median(compared))) if len(compared) else math.nan
    known = usable & (words > 0)
    too_fast = (
        wilson(int((words[known] / times[known] * 60 > FASTEST_READING).sum()), int(known.sum()))
        if known.any()
        else no_interval(math.nan, 0.95, 0, method, "the lengths of the texts are unknown")
    )
    reason = "" if len(compared) else "nobody else rated these items"
    return Speed(float(np.median(times[usable])), relative, too_fast, n, reason)
