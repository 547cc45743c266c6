"""The list of statistics: what there is, for which design, from which source, and what each does not show.

    from evaluation.stats import describe, names
    describe()["paired.compare"].design

A statistic is a function of one of this package's modules that says so by `@statistic(…)`. To add one is to write it:
modules are found, not listed.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from evaluation.stats.statistic import DESIGNS, REGISTERED, Design, Statistic
from ftplatform.spelling import hint

PACKAGE = "evaluation.stats"


class UnknownStatisticError(ValueError):
    """No statistic has that name; the message lists near ones."""


@dataclass(frozen=True)
class Description:
    """What a page, the API and the documentation show of a statistic.

    name     module and function: `paired.compare` is `evaluation.stats.paired.compare`
    title    what it is, in a few words
    text     its docstring
    design   the data that it is for
    options  parameters in order: "required", or the default as Python writes it
    answers  the name of the type it returns
    source   paper or standard
    trap     what it does not show, or where it is misread
    """

    name: str
    title: str
    text: str
    design: Design
    options: dict[str, str]
    answers: str
    source: str
    trap: str


def names(design: Design | None = None) -> list[str]:
    """Names of all statistics, or of those for one design, in the order of the designs.

    Raises ValueError for a design that does not exist.
    """
    if design is not None and design not in DESIGNS:
        raise ValueError(f"there is no design {design!r}; there are {', '.join(DESIGNS)}")
    return [name for name, each in _statistics().items() if design in (None, each.design)]


def describe() -> dict[str, Description]:
    """What each statistic is, by name."""
    return {name: _described(each) for name, each in _statistics().items()}


def find(name: str) -> Callable[..., Any]:
    """The function of that name. Raises UnknownStatisticError."""
    found = _statistics().get(name)
    if found is None:
        raise UnknownStatisticError(f"there is no statistic {name!r}; {hint(name, names())}")
    return found.function


@cache
def _statistics() -> dict[str, Statistic]:
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        import_module(f"{PACKAGE}.{module.name}")
    found = sorted(REGISTERED, key=lambda each: DESIGNS.index(each.design))  # stable: else as they were defined
    return {each.name: each for each in found}


def _described(each: Statistic) -> Description:
    signature = inspect.signature(each.function)
    return Description(
        name=each.name,
        title=each.title,
        text=inspect.getdoc(each.function) or "",
        design=each.design,
        options={
            parameter.name: "required" if parameter.default is inspect.Parameter.empty else _shown(parameter.default)
            for parameter in signature.parameters.values()
        },
        answers=str(signature.return_annotation),
        source=each.source,
        trap=each.trap,
    )


def _shown(default: Any) -> str:
    """A function by its name, since its repr holds an address; anything else as Python writes it."""
    return str(default.__name__) if callable(default) else repr(default)
