"""Votes as dense codes: what every model computes with, whether they came as tuples or as arrays.

An abstention (a label of None or NaN, or the value called `abstain`) is no vote. It is kept apart, because some models
learn from it that a source was asked and stayed silent; a pair of item and worker without a row was never asked.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from annotation.labelmodel.errors import VoteError
from evaluation.stats.figure import BoolArray, FloatArray, IntArray

Column = npt.NDArray[Any] | list[Any]
_PACKAGES_MISSING = {"NAType", "NaTType"}  # pandas' own; known by name, so that pandas need not be installed


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """n votes, sorted by item, worker and label: vote v says that item `item[v]` is of class `label[v]`, says worker `worker[v]`.

    item, worker, label              (n,) codes into `items`, `workers`, `classes`
    silent_item, silent_worker       (m,) codes of the abstentions
    items, workers, classes          the caller's own values, sorted where they can be sorted
    """

    item: IntArray
    worker: IntArray
    label: IntArray
    silent_item: IntArray
    silent_worker: IntArray
    items: tuple[Hashable, ...]
    workers: tuple[Hashable, ...]
    classes: tuple[Hashable, ...]

    @property
    def cell(self) -> IntArray:
        """(n,) where in a flattened (items × classes) table each vote lies."""
        return self.item * len(self.classes) + self.label

    def counts(self) -> FloatArray:
        """(items, classes) how many votes each class of each item has."""
        shape = (len(self.items), len(self.classes))
        return np.bincount(self.cell, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def encode(
    votes: Any, *, classes: Sequence[Hashable] | None, abstain: Hashable | None, gold: Mapping[Hashable, Hashable]
) -> Votes:
    """Votes from (item, worker, label) rows or from three arrays of equal length.

    classes  all there are, in the order of the posteriors' columns; otherwise those that were voted or are gold
    abstain  a label that means "no answer", besides None and NaN

    VoteError: arrays of different lengths, a row that is no triple, no item or no worker in a row, a label outside
    `classes`, values that cannot be told apart (unhashable).
    """
    item_column, worker_column, label_column = _columns(votes)
    item, items = _coded(item_column, "item")
    worker, workers = _coded(worker_column, "worker")
    silent = _silent(label_column, abstain)
    spoken = np.flatnonzero(~silent)
    label, voted = _coded(_take(label_column, spoken), "label")
    known = tuple(classes) if classes is not None else _sorted([*voted, *_gold_labels(gold, items)])
    place = {value: code for code, value in enumerate(known)}
    if len(place) != len(known):
        raise VoteError("classes holds the same class twice")
    if any(value not in place for value in voted):
        _refuse_unknown(label, voted, place, spoken)
    label = np.array([place[value] for value in voted], dtype=np.intp)[label]
    # Whatever order the votes came in, the figures are the same to the last digit; and sums go through memory in order.
    key = np.sort((item[spoken] * len(workers) + worker[spoken]) * len(known) + label)
    visit, label = np.divmod(key, len(known)) if len(key) else (key, key)
    of_item, of_worker = np.divmod(visit, len(workers)) if len(key) else (visit, visit)
    return Votes(of_item, of_worker, label, item[silent], worker[silent], items, workers, known)


def _columns(votes: Any) -> tuple[Column, Column, Column]:
    """Three arrays are a tuple or list of three whose parts are arrays, or a tuple of three lists; all else is rows."""
    if isinstance(votes, tuple | list) and len(votes) == 3:
        arrays = all(hasattr(part, "__array__") and np.ndim(part) == 1 for part in votes)
        if arrays or (isinstance(votes, tuple) and all(isinstance(part, list) for part in votes)):
            lengths = [len(part) for part in votes]
            if len(set(lengths)) > 1:
                raise VoteError(f"items, workers and labels differ in length: {', '.join(map(str, lengths))}")
            item, worker, label = (part if isinstance(part, list) else np.asarray(part) for part in votes)
            return item, worker, label
    if isinstance(votes, str | bytes | Mapping) or not isinstance(votes, Iterable):
        raise VoteError("votes are (item, worker, label) rows, or a tuple of three arrays: items, workers, labels")
    rows = list(votes)
    for number, row in enumerate(rows):
        if isinstance(row, str) or not hasattr(row, "__len__") or len(row) != 3:
            raise VoteError(f"vote {number} is no (item, worker, label): {row!r}")
    if not rows:
        return [], [], []
    item, worker, label = (list(column) for column in zip(*rows, strict=True))
    return item, worker, label


def _coded(column: Column, name: str) -> tuple[IntArray, tuple[Hashable, ...]]:
    """Codes (n,) and the values they stand for, sorted where that is possible, else in the order they came."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iubf" and not (column != column).any():
        numbers, coded = distinct(column)
        return coded, tuple(numbers.tolist())
    listed = column.tolist() if isinstance(column, np.ndarray) else column
    seen: dict[Hashable, int] = {}
    try:
        codes = np.fromiter((seen.setdefault(value, len(seen)) for value in listed), np.intp, len(listed))
    except TypeError as error:
        raise VoteError(f"a {name} must be hashable, as a string or a number is: {error}") from error
    missing = next((value for value in seen if is_missing(value)), _PRESENT)
    if missing is not _PRESENT:
        row = int(np.flatnonzero(codes == seen[missing])[0])
        raise VoteError(f"vote {row} has no {name}")
    values = _sorted(seen)
    place = np.empty(len(seen), dtype=np.intp)
    place[[seen[value] for value in values]] = np.arange(len(seen))
    return place[codes] if len(seen) else codes, values


_PRESENT = object()


def distinct(column: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], IntArray]:
    """Sorted distinct values of numbers, and the code (n,) of each entry: `np.unique` with its inverse, and
    without its sort where the values lie close together, as ids do."""
    if not len(column) or column.dtype.kind not in "iu":
        values, codes = np.unique(column, return_inverse=True)
        return values, codes.astype(np.intp)
    lowest, highest = int(column.min()), int(column.max())
    if highest - lowest > 4 * len(column) or highest > np.iinfo(np.intp).max:
        values, codes = np.unique(column, return_inverse=True)
        return values, codes.astype(np.intp)
    offset = column.astype(np.intp) - lowest
    present = np.bincount(offset) > 0
    return np.flatnonzero(present) + lowest, (np.cumsum(present) - 1)[offset].astype(np.intp)


def sum_by(codes: IntArray, weights: FloatArray, length: int) -> FloatArray:
    """(length,) sums of the weights (n,) that share a code (n,)."""
    return np.asarray(np.bincount(codes, weights=weights, minlength=length), dtype=np.float64)


def is_missing(value: object) -> bool:
    """None, NaN, and pandas' NA and NaT."""
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ in _PACKAGES_MISSING


def _silent(column: Column, abstain: Hashable | None) -> BoolArray:
    if isinstance(column, np.ndarray) and column.dtype.kind in "iubf":
        silent = np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), dtype=np.bool_)
        return np.asarray(silent if abstain is None else silent | (column == abstain), dtype=np.bool_)
    listed = column.tolist() if isinstance(column, np.ndarray) else column
    told = (is_missing(value) or (abstain is not None and value == abstain) for value in listed)
    return np.fromiter(told, np.bool_, len(listed))


def _take(column: Column, kept: IntArray) -> Column:
    if len(kept) == len(column):
        return column
    return column[kept] if isinstance(column, np.ndarray) else [column[row] for row in kept.tolist()]


def _sorted(values: Iterable[Hashable]) -> tuple[Hashable, ...]:
    distinct = list(dict.fromkeys(values))
    try:
        return tuple(sorted(distinct))  # type: ignore[type-var]  # tried, not known
    except TypeError:
        return tuple(distinct)


def _gold_labels(gold: Mapping[Hashable, Hashable], items: Iterable[Hashable]) -> list[Hashable]:
    return [gold[item] for item in items if item in gold] if gold else []


def _refuse_unknown(
    label: IntArray, voted: tuple[Hashable, ...], place: Mapping[Hashable, int], spoken: IntArray
) -> None:
    code = next(code for code, value in enumerate(voted) if value not in place)
    row = int(spoken[np.flatnonzero(label == code)[0]])
    raise VoteError(
        f"vote {row} says {voted[code]!r}, which is none of the classes; abstain=… names a label that is no answer"
    )
