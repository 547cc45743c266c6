"""Lineage: what was made of what, walked both ways from any `kind:id`.

Each room registers its tables here. What leads from row to row are columns that stand there anyway, protected foreign keys above all: so
nothing is written for lineage and nothing can be forgotten. The walk reads them, one query for each step away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BooleanField, CharField, Model, QuerySet, Value

from ftplatform.errors import Refused
from ftplatform.keys import key_of
from ftplatform.projects.models import Project
from ftplatform.spelling import hint

MOST = 200
"""Rows on either side; a walk that would find more says that it was cut."""


@dataclass(frozen=True)
class Key:
    kind: str
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def read(cls, text: str) -> Key:
        """Raises Refused where it is no `kind:id` of a registered kind."""
        kind, _, number = text.partition(":")
        found = key_of(number)
        if kind not in _kinds:
            raise Refused(
                "unknown-kind", f"There is no lineage of {kind[:40]!r}; {hint(kind[:40], list(_kinds))}", field="of"
            )
        if found is None:
            raise Refused("bad-key", f"After {kind}: stands the id of one, not {number[:40]!r}.", field="of")
        return cls(kind, found)


@dataclass(frozen=True)
class Told:
    """A row in words, and its page."""

    title: str
    detail: str
    href: str


@dataclass(frozen=True)
class Kind:
    """A table whose rows belong to a project.

    made_of: column → kind of the row that was there before; made: column → kind of the row that came of it. A column may lead through
    other tables. are_many: more were used than anybody would read, so they are no rows above what was made of them.
    """

    name: str
    table: type[Model]
    tell: Callable[[Any], Told]
    made_of: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    are_many: bool = False


Edge = tuple[Key, Key]
"""What was there before, what was made of it."""


@dataclass(frozen=True)
class Lineage:
    """above, below: the nearest first, without the start."""

    above: tuple[Key, ...]
    below: tuple[Key, ...]
    edges: tuple[Edge, ...]
    is_cut: bool


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    _kinds[kind.name] = kind


def lineage_of(project: Project, start: Key) -> Lineage:
    """Of a row of the project; nothing of other projects is ever read."""
    above, up, was_cut_above = _walk(project, start, upwards=True)
    below, down, was_cut_below = _walk(project, start, upwards=False)
    return Lineage(tuple(above), tuple(below), tuple(dict.fromkeys([*up, *down])), was_cut_above or was_cut_below)


def told(project: Project, keys: Iterable[Key]) -> dict[Key, Told]:
    """In the order of the keys; those that do not exist are left out."""
    wanted = list(keys)
    found: dict[Key, Told] = {}
    for name, ids in _by_kind(wanted).items():
        kind = _kinds[name]
        for row in kind.table._base_manager.filter(project=project, pk__in=ids).select_related("project"):
            found[Key(name, row.pk)] = kind.tell(row)
    return {key: found[key] for key in wanted if key in found}


def _walk(project: Project, start: Key, *, upwards: bool) -> tuple[list[Key], list[Edge], bool]:
    seen, edges, level = {start: True}, [], [start]
    while level and len(seen) <= MOST + 1:
        step = _edges(project, level, upwards=upwards)
        edges += step
        level = [
            key for key in dict.fromkeys(before if upwards else after for before, after in step) if key not in seen
        ]
        seen |= dict.fromkeys(level, True)
    kept = list(seen)[: MOST + 1]
    inside = set(kept)
    return kept[1:], [edge for edge in edges if inside.issuperset(edge)], len(seen) > MOST + 1


def _edges(project: Project, keys: list[Key], *, upwards: bool) -> list[Edge]:
    """All that lead from these keys one step up or down: a single query, whatever the number of keys and kinds."""
    ids = _by_kind(keys)
    queries = []
    for kind in _kinds.values():
        for column, other, is_older in [(*one, True) for one in kind.made_of.items()] + [
            (*one, False) for one in kind.made.items()
        ]:
            if upwards and kind.are_many:
                continue
            asked = ids.get(kind.name if is_older == upwards else other, [])
            lookup = "pk" if is_older == upwards else column
            if asked:
                queries.append(
                    _arrows(kind, column, other, is_older).filter(project=project, **{f"{lookup}__in": asked})
                )
    if not queries:
        return []
    rows = queries[0].union(*queries[1:]) if queries[1:] else queries[0].distinct()
    edges = [
        (Key(other, there), Key(name, here)) if is_older else (Key(name, here), Key(other, there))
        for name, here, other, there, is_older in rows
    ]
    return sorted(edges, key=lambda edge: [(key.kind, key.id) for key in edge])


def _arrows(kind: Kind, column: str, other: str, is_older: bool) -> QuerySet[Any, Any]:
    """(this kind, its id, the kind at the column's other end, the id there, whether that was there before)."""
    return (
        kind.table._base_manager.filter(**{f"{column}__isnull": False})
        .order_by()
        .values_list(
            Value(kind.name, CharField()), "pk", Value(other, CharField()), column, Value(is_older, BooleanField())
        )
    )


def _by_kind(keys: Iterable[Key]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for key in keys:
        found[key.kind].append(key.id)
    return found
