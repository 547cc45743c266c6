"""Seals: reasons why somebody may not see who wrote what just now. Rooms above register them; pages that show answers ask.

While a blind campaign is open, the evaluation room seals the answers of its versions from its raters.
"""

from collections.abc import Callable, Iterable

from django.core.exceptions import PermissionDenied

from ftplatform.projects.access import Access

Seal = Callable[[Access, frozenset[int] | None], str | None]

_seals: list[Seal] = []


def register_seal(seal: Seal) -> None:
    """seal(access, model version ids or None for all of them) → the reason, or None."""
    if seal not in _seals:
        _seals.append(seal)


def refuse_if_sealed(access: Access, model_versions: Iterable[int] | None = None) -> None:
    """Raises PermissionDenied with the reason."""
    asked = None if model_versions is None else frozenset(model_versions)
    for seal in _seals:
        if reason := seal(access, asked):
            raise PermissionDenied(reason)
