"""What joining votes gives."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from annotation.labelmodel.alike import Alike
from annotation.labelmodel.quality import SourceQuality
from evaluation.stats.figure import BoolArray, FloatArray

_SAME = 1e-9  # posteriors closer than this are equal: the order of a sum must not decide a label


@dataclass(frozen=True, eq=False)
class LabelModelResult:
    """The joined labels of one list of votes by one model.

    posteriors    (items, classes) probability of each class (`majority`: share of votes); a row of NaN for an item that
                  nobody labelled
    items, classes, workers   what rows, columns and sources stand for, sorted where they can be sorted
    priors        (classes,) how frequent each class is taken to be; NaN without votes
    quality       how good each source is, with intervals; None without votes, and with one class
    converged     False: the last iteration still raised the objective by `tolerance` a vote or more
    iterations    how many were done; 0 for a model that does not iterate
    history       the objective after each iteration
    alike         pairs of sources that may be one, counted twice (see `alike.alike_pairs`); empty where none is known
    parameters    what else the model estimated, by name (see its docstring), over workers or items in their order
    warnings      in words: what deserves caution
    """

    name: str
    posteriors: FloatArray
    items: tuple[Hashable, ...]
    classes: tuple[Hashable, ...]
    workers: tuple[Hashable, ...]
    priors: FloatArray
    quality: SourceQuality | None
    converged: bool
    history: tuple[float, ...]
    alike: tuple[Alike, ...]
    parameters: Mapping[str, FloatArray]
    warnings: tuple[str, ...]

    @property
    def iterations(self) -> int:
        return len(self.history)

    @cached_property
    def labels(self) -> dict[Hashable, Hashable]:
        """Item → its likeliest class, the first in the order of `classes` where several are equally likely to nine digits;
        None for an item that nobody labelled."""
        if not self.classes:
            return dict.fromkeys(self.items)
        highest = self.posteriors.max(axis=1, keepdims=True)
        first = (self.posteriors >= highest - _SAME).argmax(axis=1)
        best = np.where(np.isnan(self.posteriors[:, 0]), -1, first)
        named = (*self.classes, None)  # -1 is the last
        return {item: named[code] for item, code in zip(self.items, best.tolist(), strict=True)}

    @property
    def tied(self) -> BoolArray:
        """(items,) True where the likeliest class is not alone, to nine digits; False where there is none."""
        if len(self.classes) < 2:
            return np.zeros(len(self.items), dtype=np.bool_)
        two = np.partition(self.posteriors, -2, axis=1)[:, -2:]
        return np.asarray(two[:, 1] - two[:, 0] <= _SAME, dtype=np.bool_)
