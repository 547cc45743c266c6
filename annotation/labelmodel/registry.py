"""The list of label models: what there is, and what each says of itself.

A label model is a file in `members/` that defines `MODEL`.
"""

from __future__ import annotations

import inspect
import math
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from annotation.labelmodel import members
from annotation.labelmodel.errors import UnknownLabelModelError
from annotation.labelmodel.model import LabelModel
from ftplatform.spelling import hint


@dataclass(frozen=True)
class Description:
    """What a page, the API and the documentation show of a label model."""

    name: str
    title: str
    text: str
    options: dict[str, str]
    source: str
    use: str
    blind_spot: str


def names() -> list[str]:
    """Names of all label models; the first is the baseline."""
    return list(_models())


def describe() -> dict[str, Description]:
    """What each label model is, by name: options with defaults, source, when to use it, what it does not see."""
    return {
        model.name: Description(
            name=model.name,
            title=model.title,
            text=inspect.getdoc(model.function) or "",
            options={name: repr(parameter.default) for name, parameter in model.options.items()},
            source=model.source,
            use=model.use,
            blind_spot=model.blind_spot,
        )
        for model in _models().values()
    }


@cache
def _models() -> dict[str, LabelModel]:
    """Members by name, in the order of `members.ORDER`, then any other file."""
    modules = sorted(module.name for module in pkgutil.iter_modules(members.__path__))
    found: list[LabelModel] = [import_module(f"{members.__name__}.{module}").MODEL for module in modules]
    found.sort(key=lambda model: members.ORDER.index(model.name) if model.name in members.ORDER else math.inf)
    return {model.name: model for model in found}


def member(name: str) -> LabelModel:
    """A label model by its name. UnknownLabelModelError lists near names."""
    model = _models().get(name)
    if model is None:
        raise UnknownLabelModelError(f"there is no label model {name!r}; {hint(name, names())}")
    return model
