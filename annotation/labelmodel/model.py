"""What a member of the registry says of itself, what it is given, and what it gives back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.labelmodel.votes import Votes
from evaluation.stats.figure import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Votes to join, of at least two classes and at least one vote.

    gold_item, gold_label   (g,) codes of items whose class is known and of that class; their posterior is certain
    kinds                   one per worker: "person", "function", "model" or what else the caller said; "" where nothing
    """

    votes: Votes
    gold_item: IntArray
    gold_label: IntArray
    kinds: Sequence[str]
    max_iterations: int
    tolerance: float

    @property
    def enough(self) -> float:
        """By how much an objective has to rise, so that it is worth to go on."""
        return self.tolerance * max(len(self.votes.item), 1)


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What a member found.

    posteriors   (items, classes), rows sum to 1
    priors       (classes,) how frequent each class is taken to be
    history      the objective after each iteration: a log-likelihood, or with priors the log of a posterior density up
                 to a constant, or a variational bound; never falls but for rounding. Empty where nothing is iterated.
    hits         (votes,) the probability that each vote is right, NaN where nothing tells; None: as the posteriors say
    worker_parameters, item_parameters   by name, what else was estimated: arrays over all workers, over the problem's items
    """

    posteriors: FloatArray
    priors: FloatArray
    converged: bool = True
    history: Sequence[float] = ()
    hits: FloatArray | None = None
    worker_parameters: Mapping[str, FloatArray] = field(default_factory=dict)
    item_parameters: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelModel:
    """A member of the registry. `function(problem, *, options…) -> Estimate` does the work."""

    name: str
    title: str
    function: Callable[..., Estimate]
    source: str
    use: str
    """When it is the right one."""
    blind_spot: str
    """What it does not see."""
    hears_silence: bool = False
    """Whether items that got abstentions only tell it something; other models are given the rest alone."""

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """Keyword-only parameters of the function, by name."""
        parameters: Any = inspect.signature(self.function).parameters.values()
        return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
