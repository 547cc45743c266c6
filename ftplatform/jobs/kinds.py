"""The registry of job kinds. A room registers its kinds in `AppConfig.ready()`; the supervisor knows no room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from ftplatform.jobs.context import JobContext

CPU = "cpu"


@dataclass(frozen=True)
class JobKind:
    """One kind of long work.

    handler: takes the context and the checked parameters and returns the job's result. It must be idempotent and resumable:
    after a crash it is called again with a higher attempt, and goes on from what it finds in the database and on disk.
    ends_for_good: error codes after which a resume would end the same, and nothing of the work is kept: it has to be asked anew.
    slot: the kind of slot that it needs for itself (one CPU-heavy job per host), or None for light work.
    """

    name: str
    parameters: type[BaseModel]
    handler: Callable[[JobContext, Any], dict[str, Any]]
    slot: str | None = None
    unit: str = ""
    ends_for_good: frozenset[str] = frozenset()


_kinds: dict[str, JobKind] = {}


def register(kind: JobKind) -> JobKind:
    if kind.name in _kinds and _kinds[kind.name] != kind:
        raise ValueError(f"two job kinds are called {kind.name}")
    _kinds[kind.name] = kind
    return kind


def named(name: str) -> JobKind:
    """Raises LookupError with the names that exist."""
    try:
        return _kinds[name]
    except KeyError:
        raise LookupError(f"no job kind is called {name!r}; there are {', '.join(sorted(_kinds)) or 'none'}") from None


def can_go_on(kind: str, error_code: str) -> bool:
    """Whether resuming a job that failed with this code can help. True for kinds that this version no longer knows."""
    known = _kinds.get(kind)
    return known is None or error_code not in known.ends_for_good


def with_slot() -> list[str]:
    return [kind.name for kind in _kinds.values() if kind.slot]
