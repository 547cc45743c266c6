"""Reads the lists of this package: our own, with `left = right` lines and `#` for comments, and one that is collected elsewhere."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from types import MappingProxyType

_FOLDER = Path(__file__).parent


@cache
def pairs(folder: str, language: str) -> MappingProxyType[str, str]:
    """The list of a language in `glossaries` or `misspellings`. Raises RuntimeError where a left side stands twice."""
    found: dict[str, str] = {}
    for line in (_FOLDER / folder / f"{language}.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        left, right = (side.strip() for side in line.split("="))
        if left in found:
            raise RuntimeError(f"{folder}/{language}.txt has {left!r} twice")
        found[left] = right
    return MappingProxyType(found)


@cache
def collected() -> MappingProxyType[str, str]:
    """What people type for English words, by what they type. Source: misspellings/NOTICE."""
    with gzip.open(_FOLDER / "misspellings" / "codespell-en.txt.gz", "rt", encoding="utf-8") as file:
        lines = (line.split() for line in file)
        return MappingProxyType({wrong: right for right, *typed in lines for wrong in typed})
