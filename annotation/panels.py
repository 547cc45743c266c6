"""What rooms above add to an item on a dataset's page: they register a panel, this room shows it.

The training room shows the tokens that its trainer will see, with the trained ones marked.
"""

from collections.abc import Callable
from dataclasses import dataclass

from annotation.models import DatasetItem


@dataclass(frozen=True)
class Piece:
    """A run of text. trained: the loss looks at it; weight: how much it counts there."""

    text: str
    trained: bool
    weight: float = 1.0


@dataclass(frozen=True)
class ItemPanel:
    """pieces in order, or the reason why there are none."""

    title: str
    note: str
    pieces: tuple[Piece, ...] = ()
    reason: str = ""


Provider = Callable[[DatasetItem], ItemPanel | None]

_providers: list[Provider] = []


def register_panel(provider: Provider) -> None:
    if provider not in _providers:
        _providers.append(provider)


def panels_of(item: DatasetItem) -> list[ItemPanel]:
    return [panel for provider in _providers if (panel := provider(item)) is not None]
