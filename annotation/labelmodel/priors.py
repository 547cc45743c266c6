"""How frequent the classes are taken to be: estimated, even, or told."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

import numpy as np

from annotation.labelmodel.em import FLOOR
from annotation.labelmodel.errors import VoteError
from annotation.labelmodel.model import Problem
from evaluation.stats.figure import FloatArray

ClassPriors = Literal["estimated", "uniform"] | Mapping[Hashable, float] | Sequence[float]


def fixed_priors(problem: Problem, asked: ClassPriors) -> FloatArray | None:
    """(classes,) the priors to hold fixed; None where they are to be estimated.

    VoteError: a word of another name, a class left out, a negative or no weight at all. Weights are scaled to sum to 1.
    """
    classes = problem.votes.classes
    if isinstance(asked, str):
        if asked not in ("estimated", "uniform"):
            raise VoteError(f"class_priors is “estimated”, “uniform” or one weight per class; got {asked!r}")
        return None if asked == "estimated" else np.full(len(classes), 1 / len(classes))
    if isinstance(asked, Mapping):
        if left_out := [one for one in classes if one not in asked]:
            raise VoteError(f"class_priors leaves out {left_out[0]!r}")
        asked = [asked[one] for one in classes]
    weights = np.asarray(asked, dtype=np.float64)
    if weights.shape != (len(classes),):
        raise VoteError(f"class_priors needs one weight for each of {len(classes)} classes; got shape {weights.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise VoteError("class_priors must be weights of 0 and above, one of them above 0")
    if (impossible := problem.gold_label[weights[problem.gold_label] == 0]).size:
        raise VoteError(f"class_priors gives {classes[impossible[0]]!r} no weight, yet it is the gold class of an item")
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def check_pseudo_votes(what: str, *counts: float) -> None:
    """VoteError for a count that is negative, NaN or infinite; `what` begins the message."""
    if not all(0 <= count < math.inf for count in counts):
        raise VoteError(f"{what}: a count of votes is 0 or more, and finite")


def log_priors(priors: FloatArray) -> FloatArray:
    """Their logarithms; minus infinity only for a class that cannot be."""
    with np.errstate(divide="ignore"):
        return np.where(priors > 0, np.log(np.maximum(priors, FLOOR)), -np.inf)


def prevalence(posteriors: FloatArray, fixed: FloatArray | None) -> FloatArray:
    """(classes,) the fixed priors, or else the mean posterior over items."""
    return np.asarray(posteriors.mean(axis=0), dtype=np.float64) if fixed is None else fixed
