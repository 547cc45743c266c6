"""Counts that pages may show without counting: slotted, so that a hundred writers do not serialise."""

import random
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import OuterRef, QuerySet, Sum

from ftplatform.projects import facts
from ftplatform.projects.models import ProjectCounter

SLOTS = 16
MOST_NAMES = 100


def add(project_id: int, name: str, amount: int) -> None:
    """Adds to one slot chosen at random, in the caller's transaction. Callers that add several names sort them."""
    if not amount:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO projects_projectcounter (project_id, name, slot, value) VALUES (%s, %s, %s, %s)
               ON CONFLICT (project_id, name, slot) DO UPDATE SET value = projects_projectcounter.value + EXCLUDED.value""",
            [project_id, name, random.randrange(SLOTS), amount],  # noqa: S311 - spreads load, guards nothing
        )


def _totals(rows: QuerySet[ProjectCounter]) -> QuerySet[Any, Any]:
    return rows.order_by().values("name").annotate(total=Sum("value"))


def _by_name(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    return {row["name"]: int(row["total"]) for row in rows}


COUNTERS = facts.register(
    "counters",
    facts.several(_totals(ProjectCounter.objects.filter(project=OuterRef("pk"))), "name", "total", most=MOST_NAMES),
    _by_name,
)
"""All counters of a project: name → count."""


def read(project_id: int) -> dict[str, int]:
    """All counters of a project: name → count. At most SLOTS rows per name are read."""
    return _by_name(_totals(ProjectCounter.objects.filter(project_id=project_id)))
