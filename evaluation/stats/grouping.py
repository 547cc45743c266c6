"""Labels of documents, raters or items turned into dense codes, and sums over them.

Resampling and cluster variances take whole groups; both need only these two steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from evaluation.stats.figure import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Groups:
    """``codes[i]`` in 0…count-1 is the group of value i."""

    codes: IntArray
    count: int

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums within each group: (n,) gives (count,), (n, k) gives (count, k)."""
        if values.ndim == 1:
            return np.bincount(self.codes, weights=values, minlength=self.count).astype(np.float64)
        members = sparse.csr_array(
            (np.ones(len(self.codes)), (self.codes, np.arange(len(self.codes)))), shape=(self.count, len(self.codes))
        )
        return np.asarray(members @ values, dtype=np.float64)

    def sizes(self) -> FloatArray:
        """How many values each group holds, (count,)."""
        return np.bincount(self.codes, minlength=self.count).astype(np.float64)

    def take(self, kept: BoolArray) -> Groups:
        """The groups of the kept values only; a group left without values is gone."""
        present, codes = np.unique(self.codes[kept], return_inverse=True)
        return Groups(codes.astype(np.intp), len(present))


def as_labels(labels: npt.ArrayLike) -> npt.NDArray[Any]:
    """The labels as an array in which a missing one is still None or NaN: numpy alone would make NaN among strings the
    string "nan"."""
    array: npt.NDArray[Any] = np.asarray(labels)
    return np.asarray(labels, dtype=object) if array.dtype.kind in "US" else array


def as_matrix(matrix: npt.ArrayLike) -> npt.NDArray[Any]:
    """Ratings as raters × units, as `as_labels` has them; an empty list is no raters and no units. ValueError: not two-dimensional."""
    ratings = as_labels(matrix)
    if ratings.shape == (0,):
        return ratings.reshape(0, 0)
    if ratings.ndim != 2:
        raise ValueError(f"ratings must be a matrix of raters × units, NaN for missing; got shape {ratings.shape}")
    return ratings


def is_missing(labels: npt.NDArray[Any]) -> BoolArray:
    """True where a label is None or NaN."""
    if labels.dtype.kind == "f":
        return np.asarray(np.isnan(labels), dtype=np.bool_)
    if labels.dtype.kind != "O":
        return np.zeros(labels.shape, dtype=np.bool_)
    # NaN is the one value that differs from itself.
    return np.fromiter((label is None or label != label for label in labels.flat), np.bool_, labels.size).reshape(
        labels.shape
    )


def encode(labels: npt.ArrayLike, length: int, name: str = "clusters") -> Groups:
    """Groups from ``length`` labels of any hashable kind. A missing label is a group of its own: nothing says that two
    values without a document come from the same one.

    ValueError: not one label per value.
    """
    array = as_labels(labels)
    if array.shape != (length,):
        raise ValueError(f"{name} needs one label per value: {length} values, labels of shape {array.shape}")
    missing = is_missing(array)
    codes = np.empty(length, dtype=np.intp)
    if array.dtype.kind == "O":  # mixed kinds cannot be sorted, so no np.unique
        seen: dict[Any, int] = {}
        codes[~missing] = [seen.setdefault(label, len(seen)) for label in array[~missing]]
        known = len(seen)
    else:
        distinct, codes[~missing] = np.unique(array[~missing], return_inverse=True)
        known = len(distinct)
    alone = int(missing.sum())
    codes[missing] = np.arange(known, known + alone)
    return Groups(codes, known + alone)


def encode_kept(labels: npt.ArrayLike, kept: BoolArray, name: str) -> Groups:
    """Groups of the kept ratings, none of which may lack its label: what an effect is estimated for has a name.

    ValueError: not one label per rating, or a kept one without.
    """
    array = as_labels(labels)
    if array.shape != kept.shape:
        raise ValueError(f"{name} needs one label per rating: {len(kept)} ratings, labels of shape {array.shape}")
    if is_missing(array[kept]).any():
        raise ValueError(f"{name}: a rating lacks its label")
    return encode(array[kept], int(kept.sum()), name)


def named(labels: npt.ArrayLike, kept: BoolArray, name: str) -> tuple[tuple[Any, ...], Groups]:
    """The labels in the order of their codes, and the groups: `encode_kept`."""
    groups = encode_kept(labels, kept, name)
    first = np.unique(groups.codes, return_index=True)[1]
    return tuple(as_labels(labels)[kept][first].tolist()), groups


def crossed(first: Groups, second: Groups) -> Groups:
    """The cells of two groupings: values share a cell when they share both groups."""
    cells, codes = np.unique(first.codes * second.count + second.codes, return_inverse=True)
    return Groups(codes.astype(np.intp), len(cells))


def one_each(length: int) -> Groups:
    """Every value a group of its own: what "no clusters" means."""
    return Groups(np.arange(length, dtype=np.intp), length)
