"""What a statistic says of itself: a title, the design it is for, its source, and its trap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

Design = Literal[
    "one sample",
    "items nested in groups",
    "items crossed with raters",
    "two systems, same items",
    "two independent groups",
    "several tests",
    "raters × items",
    "pairwise votes",
    "one rater's work",
    "watched as it runs",
    "judge and people",
    "metric and people",
    "planning",
]
DESIGNS: tuple[Design, ...] = get_args(Design)

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Statistic:
    """A function with what `registry.describe` shows of it; ``name`` is the module to import it from and its own."""

    name: str
    function: Callable[..., Any]
    title: str
    design: Design
    source: str
    trap: str


REGISTERED: list[Statistic] = []


def statistic(
    *, title: str, design: Design, source: str, trap: str, door: str | None = None
) -> Callable[[Function], Function]:
    """Put a function on the list of statistics; the function itself stays as it is.

    title   what it is, in a few words; design  the data it is for; source  paper or standard
    trap    what it does not show, or where it is misread
    door    the module that people import it from, where that is not the one it is written in
    """

    def listed(function: Function) -> Function:
        module = door or function.__module__.rpartition(".")[2]
        REGISTERED.append(Statistic(f"{module}.{function.__name__}", function, title, design, source, trap))
        return function

    return listed
