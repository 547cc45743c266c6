"""Cleaning: rules that propose edits of a text, one file per rule in `members/`; the raw text is never changed.

    from annotation.cleaning import apply_edits, clean, names, prepare

    result = clean("I recieved it  on 5 March 2024", names())
    result.text                          # "I received it on 2024-03-05"
    result.edits                         # (rule, start, end, before, after), places in code points of the raw text
    apply_edits(raw, accepted)           # any of them, by a person's choice
    recipe = prepare(["html", "typos"])  # options read once, for many texts: recipe.clean(text)

Rules that hang on a language know English, Spanish, German, French and Swedish; which one a text is in is found text by text.
"""

from annotation.cleaning.edits import Edit, Note, apply_edits
from annotation.cleaning.errors import CleaningInputError, UnknownRuleError
from annotation.cleaning.recipe import CleanResult, Recipe
from annotation.cleaning.registry import Description, clean, describe, names, prepare
from annotation.cleaning.rule import Change, Remark, Rule

__all__ = [
    "Change",
    "CleanResult",
    "CleaningInputError",
    "Description",
    "Edit",
    "Note",
    "Recipe",
    "Remark",
    "Rule",
    "UnknownRuleError",
    "apply_edits",
    "clean",
    "describe",
    "names",
    "prepare",
]
