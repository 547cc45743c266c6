"""How much votes tell of their sources when the truth is itself inferred from them."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from annotation.labelmodel.em import FLOOR, to_posteriors
from annotation.labelmodel.votes import sum_by
from evaluation.stats.figure import FloatArray, IntArray

_TOGETHER = 200  # workers; beyond, the cube of their number is seconds, and what each owes to one other is little
_RARE = 1e-6
_NOTHING = 1e-9


def votes_worth(
    item: IntArray, worker: IntArray, label: IntArray, right: FloatArray, priors: FloatArray, known: IntArray
) -> FloatArray:
    """(workers,) the number of votes of known truth that would tell as much of a worker's accuracy.

    item, worker, label   (n,) codes of the votes
    right                 (workers,) how many of its votes are right, as expected
    priors                (classes,) how frequent each class is
    known                 (items,) the code of the class where it is gold, else -1

    Louis (JRSS B 44, 1982): the information in the votes is that of votes of known truth, less the variance that the
    score still has when the votes are known. An item's truth joins the scores of all who voted on it, so accuracies, and
    the frequency of classes with them, are taken together: the inverse of the whole matrix says what one accuracy is
    worth when the others are estimates as well. Each worker counts as one coin; 0 where the votes determine nothing.

    Curvature at the top is all that this sees. With few sources the likelihood is no bell, and intervals called 95 % hold the
    best of three in 82 to 87 of 100 draws only; `limits` is for those.
    """
    workers, classes = len(right), len(priors)
    n = np.bincount(worker, minlength=workers).astype(np.float64)
    # Agresti and Coull's centre: if a source were never wrong, no vote of its own would leave any doubt, and what the
    # others' votes leave open about the truth would not be seen.
    skill = (right + 2) / (n + 4)
    spread = skill * (1 - skill)
    gain = np.log(skill) - np.log((1 - skill) / (classes - 1))
    cell = item * classes + label
    posteriors = sum_by(cell, gain[worker], len(known) * classes).reshape(-1, classes) + np.log(priors.clip(FLOOR))
    gold = np.flatnonzero(known >= 0)
    to_posteriors(posteriors, gold, known[gold])
    hit = posteriors.ravel()[cell]
    if workers > _TOGETHER:
        return np.maximum(0.0, n - sum_by(worker, hit * (1 - hit), workers) / spread)
    values, vectors = np.linalg.eigh(_information(item, worker, label, hit, posteriors, n * spread))
    variance = (vectors**2 / np.maximum(values, _NOTHING)).sum(axis=1)[:workers]
    return np.where(n > 0, np.clip(1 / (variance * spread), 0.0, n), 0.0)


def _information(
    item: IntArray, worker: IntArray, label: IntArray, hit: FloatArray, posteriors: FloatArray, complete: FloatArray
) -> FloatArray:
    """Of the workers' accuracies and the frequency of all classes but the last, in units of their complete scores.

    complete   (workers,) n s (1 - s): the variance of each worker's number of right votes
    """
    workers, classes = len(complete), posteriors.shape[1]
    at = (item * classes + label, worker)
    said = sparse.csr_array((np.ones(len(item)), at), shape=(posteriors.size, workers))
    right = sparse.csr_array((hit, at), shape=said.shape)
    right_on = sparse.csr_array((hit, (item, worker)), shape=(len(posteriors), workers))
    # Two votes on an item are right together if they say the same, and it is the truth.
    known = (right_on.T @ right_on - right.T @ said).toarray()
    known[np.diag_indices(workers)] += np.where(complete > 0, complete, 1.0)

    present = posteriors[np.unique(item)]
    if not len(present):
        return np.asarray(known, dtype=np.float64)
    frequency = present.mean(axis=0)
    kept = np.flatnonzero(frequency > _RARE)[:-1]
    between = present[:, kept] - frequency[kept]
    says = sum_by(worker * classes + label, hit, workers * classes).reshape(workers, classes)[:, kept]
    across = right_on.T @ posteriors[:, kept] - says
    return np.block([[known, across], [across.T, between.T @ between]])
