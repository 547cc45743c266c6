"""National identity numbers: one file per kind, each with a `NATIONAL_ID`. Other packages add theirs by an entry point:

[project.entry-points."ftplatform.national_ids"]
it_codice_fiscale = "acme.ids:CODICE_FISCALE"
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata

ENTRY_POINTS = "ftplatform.national_ids"


@dataclass(frozen=True)
class NationalId:
    """A kind of number: how it is written, and whether what is written so can be one.

    name         of the kind, as `es_dni`; the placeholder is [ES_DNI]
    pattern      finds candidates; no need for word boundaries, and it must not match an empty text
    is_valid     given the candidate without spaces, points and hyphens, in upper case: whether its check digits hold
    least_digits how many digits it has at least; where fewer stand together it is not looked for, which saves time
    """

    name: str
    title: str
    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool]
    source: str
    least_digits: int = 6

    @property
    def placeholder(self) -> str:
        return f"[{self.name.upper()}]"


def names() -> list[str]:
    """Names of all kinds, sorted."""
    return list(members())


@cache
def members() -> dict[str, NationalId]:
    """All kinds by name: the files of this folder and those that other packages register."""
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    found = [module.NATIONAL_ID for module in modules] + [
        entry.load() for entry in metadata.entry_points(group=ENTRY_POINTS)
    ]
    for one in found:
        if not isinstance(one, NationalId):
            raise RuntimeError(f"{one!r} is not an annotation.cleaning.national_ids.NationalId")
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}
