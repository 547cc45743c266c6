"""How a candidate was made, as the room above knows it: with which dataset, against which baseline. It registers that here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from annotation.models import DatasetVersion
from evaluation.models import Scorecard
from inference.models import ModelVersion


@dataclass(frozen=True)
class Making:
    """title, detail, href: what made it, and its page."""

    title: str
    detail: str
    href: str
    dataset: DatasetVersion
    baseline: Scorecard


MakingProvider = Callable[[ModelVersion], Making | None]
_providers: list[MakingProvider] = []


def register_making(provider: MakingProvider) -> None:
    if provider not in _providers:
        _providers.append(provider)


def making_of(version: ModelVersion) -> Making | None:
    """None for what no room made here."""
    return next((made for provider in _providers if (made := provider(version))), None)
