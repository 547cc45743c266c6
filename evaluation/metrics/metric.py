"""What a member of the registry says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from evaluation.metrics.result import Direction, Scores

Takes = Literal["labels", "texts", "label sets", "spans", "numbers", "log-probabilities", "probabilities"]


def _nothing_missing() -> str | None:
    return None


@dataclass(frozen=True)
class Metric:
    """A member of the registry. `function(predictions, references, *, options…) -> Scores` does the work."""

    name: str
    title: str
    function: Callable[..., Scores]
    takes: Takes
    direction: Direction
    range: tuple[float, float]
    source: str
    blind_spot: str
    warning: bool = False
    """Whether it only hints at trouble (length, repetition) and must not be what a model is chosen by."""
    missing: Callable[[], str | None] = _nothing_missing
    """Why it cannot be computed on this machine (a package or data file is not installed), or None."""

    @property
    def options(self) -> dict[str, inspect.Parameter]:
        """Keyword-only parameters of the function, by name."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
