"""How good each source is, with an interval: read off the votes and the posteriors, whatever model made them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from annotation.labelmodel.information import votes_worth
from annotation.labelmodel.limits import votes_at_limits
from annotation.labelmodel.votes import Votes, sum_by
from evaluation.stats.figure import FloatArray, IntArray, Interval, no_interval

_CONFUSION_CELLS = 10_000_000  # 80 MB; beyond, no table is made
_LIMITS_CELLS = 10_000  # workers × votes: 0.1 s; beyond, likelihoods are bells, or sources many
_NOTHING = 1e-9  # votes' worth of information


@dataclass(frozen=True, slots=True, eq=False)
class SourceQuality:
    """One entry per worker, in the order of `workers`; NaN where it cannot be had, and `of(worker).reason` says why.

    accuracy       (workers,) the probability that a vote of the worker is right, over its votes on items that others voted
                   on as well or that are gold. For `majority`: that it agrees with the majority of the others
    ci_low, ci_high   (workers,) Wilson's interval (1927) on as many votes of known truth as the votes are worth: for few
                   sources as their likelihood falls on either side (`limits`), for others as `information` says
    information    (workers,) votes of known truth that would tell as much (`information.votes_worth`)
    votes, abstentions   (workers,) how many
    kinds          (workers,) "person", "function", "model", … or ""
    confusion      (workers, classes, classes): [w, k, l] is the share of w's votes that say l where the truth is k, each
                   vote weighted by its item's posterior; a row NaN where no such truth is expected. None for `majority`
                   and where the table would be larger than 80 MB.
    """

    workers: tuple[Hashable, ...]
    kinds: tuple[str, ...]
    votes: IntArray
    abstentions: IntArray
    accuracy: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    information: FloatArray
    confidence: float
    confusion: FloatArray | None

    def of(self, worker: Hashable) -> Interval:
        """Accuracy of one worker between its limits. KeyError for a worker who is not in the votes."""
        if worker not in self.workers:
            raise KeyError(f"{worker!r} gave no votes")
        at = self.workers.index(worker)
        n, estimate = int(self.votes[at]), float(self.accuracy[at])
        if np.isnan(estimate):
            reason = "nobody else voted on the same items" if n else "no votes, only abstentions"
            return no_interval(estimate, self.confidence, n, _METHOD, reason)
        reason = "" if self.information[at] > _NOTHING else "the votes do not show whether this source is right"
        return Interval(estimate, float(self.ci_low[at]), float(self.ci_high[at]), self.confidence, n, _METHOD, reason)


_METHOD = "Wilson, votes of inferred truth counted by their information"


def source_quality(
    votes: Votes,
    hits: FloatArray,
    posteriors: FloatArray | None,
    priors: FloatArray,
    known: IntArray,
    kinds: Sequence[str],
    confidence: float,
) -> SourceQuality:
    """hits: (votes,) the probability that each vote is right, NaN where nothing tells. posteriors: (items, classes), or
    None where they are no probabilities and no confusion matrix follows from them. priors: (classes,). known: (items,) the code of the gold class,
    or -1."""
    workers = len(votes.workers)
    judged = ~np.isnan(hits)
    item, worker, label, hit = votes.item[judged], votes.worker[judged], votes.label[judged], hits[judged]
    n = np.bincount(worker, minlength=workers).astype(np.float64)
    right = sum_by(worker, hit, workers)
    accuracy = np.divide(right, n, out=np.full(workers, np.nan), where=n > 0)
    information = n if posteriors is None else votes_worth(item, worker, label, right, priors, known)
    low, high = _wilson(accuracy, information, confidence)
    if posteriors is not None and workers * len(item) <= _LIMITS_CELLS:
        best, below, above = votes_at_limits(item, worker, label, accuracy, priors, known, confidence)
        # A prior may draw the model's estimate away from what the votes alone say; the interval holds both.
        low = np.minimum(_wilson(accuracy, below, confidence)[0], _wilson(best, below, confidence)[0])
        high = np.maximum(_wilson(accuracy, above, confidence)[1], _wilson(best, above, confidence)[1])
    return SourceQuality(
        workers=votes.workers,
        kinds=tuple(kinds),
        votes=np.bincount(votes.worker, minlength=workers).astype(np.intp),
        abstentions=np.bincount(votes.silent_worker, minlength=workers).astype(np.intp),
        accuracy=accuracy,
        ci_low=low,
        ci_high=high,
        information=information,
        confidence=confidence,
        confusion=None if posteriors is None else _confusion(votes, posteriors),
    )


def _wilson(share: FloatArray, n: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    z = float(stats.norm.ppf((1 + confidence) / 2))
    told = np.where(n > _NOTHING, n, np.nan)
    middle = (share + z**2 / (2 * told)) / (1 + z**2 / told)
    half = z / (1 + z**2 / told) * np.sqrt(share * (1 - share) / told + z**2 / (4 * told**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def _confusion(votes: Votes, posteriors: FloatArray) -> FloatArray | None:
    workers, classes = len(votes.workers), len(votes.classes)
    if workers * classes**2 > _CONFUSION_CELLS:
        return None
    said = votes.worker * classes + votes.label
    table = np.empty((workers, classes, classes))
    for truth in range(classes):
        counts = sum_by(said, posteriors[votes.item, truth], workers * classes)
        table[:, truth, :] = counts.reshape(workers, classes)
    total = table.sum(axis=2, keepdims=True)
    shares: FloatArray = np.divide(table, total, out=np.full_like(table, np.nan), where=total > _NOTHING)
    return shares
