"""The list of rules: what there is, what each says of itself, and how a choice of them is made ready.

A rule is a file in `members/` that defines `RULE`; where it runs among the others stands in `members.ORDER`.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from annotation.cleaning import members
from annotation.cleaning.errors import CleaningInputError, UnknownRuleError
from annotation.cleaning.recipe import CleanResult, Recipe
from annotation.cleaning.rule import Rule
from annotation.cleaning.vocabulary import SERVED
from ftplatform.spelling import hint


@dataclass(frozen=True)
class Description:
    """What a page, the API and the documentation show of a rule."""

    name: str
    title: str
    text: str
    options: dict[str, str]
    leaves: str
    source: str


def names() -> list[str]:
    """Names of all rules, in the order in which they run."""
    return list(_rules())


def describe() -> dict[str, Description]:
    """What each rule is, by name: what it changes, its options with defaults, what it leaves."""
    return {
        rule.name: Description(
            name=rule.name,
            title=rule.title,
            text=inspect.getdoc(rule.prepare) or "",
            options={name: repr(parameter.default) for name, parameter in rule.options.items()},
            leaves=rule.leaves,
            source=rule.source,
        )
        for rule in _rules().values()
    }


def prepare(rules: Iterable[str], *, language: str | None = None, **options: Any) -> Recipe:
    """A recipe of the named rules, to clean many texts with; their order makes no difference, `names()` has it.

    language  ISO 639-1 of all texts (en, es, de, fr, sv); None finds it text by text
    options   the rules' own, see `describe()[name].options`; an option of a rule that was not chosen is ignored
    Raises UnknownRuleError, and CleaningInputError for an option that no rule has or a value that its rule cannot use.
    """
    chosen = _chosen(rules)
    if language is not None and language not in SERVED:
        raise CleaningInputError(f"language {language!r} is none of {', '.join(SERVED)}")
    known = {option for rule in _rules().values() for option in rule.options}
    for option in options:
        if option not in known:
            raise CleaningInputError(
                f"no rule has an option {option!r}; there are language, {', '.join(sorted(known))}"
            )
    looks = [
        (rule.name, rule.prepare(**{name: options[name] for name in rule.options if name in options}))
        for rule in chosen
    ]
    return Recipe(looks, language)


def clean(text: str, rules: Iterable[str], **options: Any) -> CleanResult:
    """Clean one text by the named rules; `prepare` takes the same and spares looking the recipe up for each of many texts.

        clean("recieve  it at a@b.se", names()).text == "receive it at [EMAIL]"

    Returns the cleaned text, the edits of the raw text that lead to it and notes on what was seen and left; cleaning the
    cleaned text again changes nothing. Errors as in `prepare`.
    """
    asked = (rules,) if isinstance(rules, str) else tuple(rules)
    key = repr((asked, sorted(options.items())))
    found = _recent.get(key)
    if found is None:
        if len(_recent) >= MOST_RECENT:
            _recent.clear()
        found = _recent[key] = (prepare(asked, **options), options)
    return found[0].clean(text)


MOST_RECENT = 16
_recent: dict[str, tuple[Recipe, dict[str, Any]]] = {}
"""Recipes by how their rules and options are written. The options are kept, so that no other object can come to be written as one."""


@cache
def _rules() -> dict[str, Rule]:
    modules = [module.name for module in pkgutil.iter_modules(members.__path__)]
    found: dict[str, Rule] = {
        rule.name: rule for rule in (import_module(f"{members.__name__}.{name}").RULE for name in modules)
    }
    if set(found) != set(members.ORDER):
        raise RuntimeError(f"members.ORDER and the files of members differ: {set(found) ^ set(members.ORDER)}")
    return {name: found[name] for name in members.ORDER}


def _chosen(rules: Iterable[str]) -> list[Rule]:
    asked = [rules] if isinstance(rules, str) else list(rules)
    for name in asked:
        if name not in _rules():
            raise UnknownRuleError(f"there is no rule {name!r}; {hint(name, names())}")
    return [rule for name, rule in _rules().items() if name in asked]
