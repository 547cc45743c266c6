"""Votes as dense codes: what every model computes with, whether they came as tuples or as arrays.

An abstention (a label of None or NaN, or the value called `abstain`) is no vote. It is kept apart, because some models
learn from it that a source was asked and stayed silent; a pair of item and worker without a row was never asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from annotation.labelmodel.errors import VoteError
from evaluation.stats.figure import FloatArray, IntArray

Column = npt.NDArray[Any] | list[Any]
_KINDS_WITH_NAN = (float, complex, np.inexact, np.datetime64, np.timedelta64, Decimal)
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
    votes: Any,
    *,
    items: Iterable[Hashable] | None,
    classes: Sequence[Hashable] | None,
    abstain: Hashable | None,
    gold: Mapping[Hashable, Hashable],
) -> Votes:
    """Votes from (item, worker, label) rows or from three arrays of equal length.

    items    those that there are besides the ones in the rows
    classes  all there are, in the order of the posteriors' columns; otherwise those that were voted or are gold
    abstain  a label that means "no answer", besides None and NaN

    VoteError: arrays of different lengths, a row that is no triple, no item or no worker in a row, a label outside
    `classes`, values that cannot be told apart (unhashable).
    """
    item_column, worker_column, label_column = _columns(votes)
    item, all_items = _coded(item_column, "item")
    worker, workers = _coded(worker_column, "worker")
    said, answers = _coded(label_column, "label")
    _refuse_missing(item, all_items, "item")
    _refuse_missing(worker, workers, "worker")
    if items is not None:
        item, all_items = _among(item, all_items, items)

    spoken_answers = [not _is_silence(answer, abstain) for answer in answers]
    voted = tuple(answer for answer, spoken in zip(answers, spoken_answers, strict=True) if spoken)
    known = _checked(classes) if classes is not None else _sorted([*voted, *_gold_labels(gold, all_items)])
    place = {value: code for code, value in enumerate(known)}
    for code, answer in enumerate(answers):
        if spoken_answers[code] and answer not in place:
            raise VoteError(
                f"vote {_first_row(said, code)} says {answer!r}, which is none of the classes; "
                "abstain=… names a label that is no answer"
            )
    spoken = np.array(spoken_answers, dtype=np.bool_)[said]
    label = np.array([place.get(answer, -1) for answer in answers], dtype=np.intp)[said[spoken]]
    # Whatever order the votes came in, the figures are the same to the last digit; and sums go through memory in order.
    key = np.sort((item[spoken] * len(workers) + worker[spoken]) * len(known) + label)
    visit, label = np.divmod(key, len(known)) if len(key) else (key, key)
    of_item, of_worker = np.divmod(visit, len(workers)) if len(key) else (visit, visit)
    return Votes(of_item, of_worker, label, item[~spoken], worker[~spoken], all_items, workers, known)


def _columns(votes: Any) -> tuple[Column, Column, Column]:
    if getattr(votes, "ndim", None) == 2:
        table = np.asarray(votes)
        if table.shape[1] != 3:
            raise VoteError(f"a table of votes has three columns, item, worker and label; got {table.shape[1]}")
        return table[:, 0], table[:, 1], table[:, 2]
    if isinstance(votes, tuple | list) and len(votes) == 3 and _are_columns(votes):
        lengths = [len(part) for part in votes]
        if len(set(lengths)) > 1:
            raise VoteError(f"items, workers and labels differ in length: {', '.join(map(str, lengths))}")
        item, worker, label = (_column(part) for part in votes)
        return item, worker, label
    if isinstance(votes, str | bytes | Mapping) or not isinstance(votes, Iterable):
        raise VoteError("votes are (item, worker, label) rows, or a tuple of three arrays: items, workers, labels")
    rows = list(votes)
    if not _are_triples(rows):
        number = next(number for number, row in enumerate(rows) if not _are_triples([row]))
        raise VoteError(f"vote {number} is not an (item, worker, label): {rows[number]!r}")
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def _are_triples(rows: Sequence[Any]) -> bool:
    try:
        lengths = set(map(len, rows))
    except TypeError:
        return False
    return lengths <= {3} and not any(issubclass(kind, str | bytes | Mapping | Set) for kind in set(map(type, rows)))


def _are_columns(parts: Sequence[Any]) -> bool:
    """Three parts are columns if they are arrays, or lists within a tuple, or tuples too long to be rows."""
    arrays = [hasattr(part, "__array__") and np.ndim(part) == 1 for part in parts]
    if all(arrays):
        return True
    if isinstance(parts, list) or not all(
        array or isinstance(part, list | tuple) for array, part in zip(arrays, parts, strict=True)
    ):
        return False
    return not any(isinstance(part, tuple) for part in parts) or min(map(len, parts)) > 3


def _column(part: Any) -> Column:
    if isinstance(part, list | tuple):
        return list(part)
    # `tolist` writes None where an array is masked; `asarray` would show what lies under the mask.
    return part.tolist() if isinstance(part, np.ma.MaskedArray) else np.asarray(part)


def _coded(column: Column, name: str) -> tuple[IntArray, tuple[Hashable, ...]]:
    """Codes (n,) and the values they stand for, sorted where that is possible, what is missing last."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iubf":
        numbers, coded = distinct(column)
        return coded, tuple(numbers.tolist())
    listed = column.tolist() if isinstance(column, np.ndarray) else column
    if set(map(type, listed)) == {
        int
    }:  # a million look-ups in a dict are seconds, since its entries lie all over memory
        with contextlib.suppress(OverflowError):
            return _coded(np.array(listed, dtype=np.int64), name)
    try:
        values = _sorted(dict.fromkeys(listed))
    except TypeError as error:
        raise VoteError(f"a {name} must be hashable, as a string or a number is: {error}") from error
    place = {value: code for code, value in enumerate(values)}
    return np.fromiter(map(place.__getitem__, listed), np.intp, len(listed)), values


def _among(
    item: IntArray, seen: tuple[Hashable, ...], others: Iterable[Hashable]
) -> tuple[IntArray, tuple[Hashable, ...]]:
    """The codes of the items seen, and all items, when there are others besides."""
    try:
        together = _sorted([*seen, *others])
    except TypeError as error:
        raise VoteError(f"an item must be hashable, as a string or a number is: {error}") from error
    if any(is_missing(value) for value in together):
        raise VoteError("items holds None or NaN")
    place = {value: code for code, value in enumerate(together)}
    return np.array([place[value] for value in seen], dtype=np.intp)[item], together


def _refuse_missing(codes: IntArray, values: Sequence[Hashable], name: str) -> None:
    if values and is_missing(values[-1]):  # what is missing stands last
        raise VoteError(f"vote {_first_row(codes, len(values) - 1)} has no {name}")


def _first_row(codes: IntArray, code: int) -> int:
    return int(np.flatnonzero(codes == code)[0])


def _checked(classes: Sequence[Hashable]) -> tuple[Hashable, ...]:
    known = tuple(classes)
    try:
        twice = len(set(known)) < len(known)
    except TypeError as error:
        raise VoteError(f"a class must be hashable, as a string or a number is: {error}") from error
    if twice:
        raise VoteError("classes holds the same class twice")
    if any(is_missing(value) for value in known):
        raise VoteError("classes holds None or NaN, which are abstentions")
    return known


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
    """None, NaN of any kind of number, NaT, and pandas' NA."""
    if value is None or type(value).__name__ in _PACKAGES_MISSING:
        return True
    return isinstance(value, _KINDS_WITH_NAN) and value != value


def _is_silence(answer: Hashable, abstain: Hashable | None) -> bool:
    return is_missing(answer) or (not is_missing(abstain) and answer == abstain)


def _sorted(values: Iterable[Hashable]) -> tuple[Hashable, ...]:
    """Distinct values: sorted, or by kind and sorted within, or as they came; what is missing last."""
    told = dict.fromkeys(values)
    present: list[Any] = [value for value in told if not is_missing(value)]
    missing = [value for value in told if is_missing(value)] if len(present) < len(told) else []
    try:
        present.sort()
    except TypeError:
        with contextlib.suppress(TypeError):  # kinds that have no order at all
            present = sorted(present, key=lambda value: (_kind(value), value))
    return (*present, *missing)


def _kind(value: Any) -> str:
    return "" if isinstance(value, int | float) else type(value).__name__  # numbers stand together, and first


def _gold_labels(gold: Mapping[Hashable, Hashable], items: Iterable[Hashable]) -> list[Hashable]:
    return [gold[item] for item in items if item in gold] if gold else []
