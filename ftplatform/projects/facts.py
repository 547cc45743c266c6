"""What pages say of a project in passing (the loop, the lamps, what waits, the jobs), read in one query for all rooms.

A room registers a fact as an expression over the project's row, `OuterRef("pk")` being the project, and reads it from the caller's
`Access`. The first fact that a request asks for reads all facts of its place; nothing is remembered beyond the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from django.contrib.postgres.expressions import ArraySubquery
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet, Subquery
from django.db.models.functions import JSONObject

from ftplatform.projects.models import Project

if TYPE_CHECKING:
    from ftplatform.projects.access import Access

Place = Literal["frame", "home"]
"""frame: read with every page of a project; home: with its home page only."""

T = TypeVar("T")
M = TypeVar("M", bound=Model)
Row = dict[str, Any]


@dataclass(frozen=True)
class Fact(Generic[T]):
    """One of a project's facts. `expression` gives a single value, `read` makes of it what the caller wants."""

    name: str
    place: Place
    expression: Any
    read: Callable[[Any], T]

    def of(self, access: Access) -> T:
        return cast(T, access.facts(self.place)[self.name])


_registered: dict[str, Fact[Any]] = {}


def register(name: str, expression: Any, read: Callable[[Any], T], *, place: Place = "frame") -> Fact[T]:
    """Raises ValueError for a name that is taken."""
    if name in _registered:
        raise ValueError(f"the fact {name!r} is registered already")
    fact = Fact(name, place, expression, read)
    _registered[name] = fact
    return fact


def one(rows: QuerySet[Any, Any], *columns: str) -> Subquery:
    """The first of `rows` as column → value, None where there is none. Columns may follow foreign keys; dates come as text."""
    return Subquery(_as_json(rows, columns)[:1])


def several(rows: QuerySet[Any, Any], *columns: str, most: int) -> ArraySubquery:
    """A list of the first so many of `rows`, each as in `one`."""
    return ArraySubquery(_as_json(rows, columns)[:most])


def instance(model: type[M], row: Row) -> M:
    """An object of these columns. Its other columns are read when somebody asks for them."""
    fields = [field for field in model._meta.concrete_fields if field.attname in row]
    values = [field.to_python(row[field.attname]) for field in fields]
    return model.from_db(DEFAULT_DB_ALIAS, [field.attname for field in fields], values)


def read_all(project_id: int, place: Place) -> Mapping[str, Any]:
    """Name → value of every fact of the place, in one query."""
    facts = [fact for fact in _registered.values() if fact.place == place]
    columns = {f"fact_{fact.name}": fact.expression for fact in facts}
    values = Project.objects.filter(pk=project_id).annotate(**columns).values_list(*columns).get()
    return {fact.name: fact.read(value) for fact, value in zip(facts, values, strict=True)}


def _as_json(rows: QuerySet[Any, Any], columns: Sequence[str]) -> QuerySet[Any, Any]:
    return rows.values(row_as_json=JSONObject(**{name: name for name in columns}))
