"""What the rooms above know of a model version: the run that made it, the scorecards that measured it. They register it here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ftplatform.projects.access import Access
    from inference.models import ModelVersion


@dataclass(frozen=True)
class Use:
    """A line of the version's lineage. direction: `made by` and `made with` stand above the version, `used by` below it."""

    direction: Literal["made by", "made with", "used by"]
    title: str
    detail: str
    href: str


UsesProvider = Callable[["Access", "ModelVersion"], Sequence[Use]]
"""What a version's page shows to this caller."""
_providers: list[UsesProvider] = []


def register_uses(provider: UsesProvider) -> None:
    if provider not in _providers:
        _providers.append(provider)


def uses_of(access: Access, version: ModelVersion) -> list[Use]:
    return [use for provider in _providers for use in provider(access, version)]
