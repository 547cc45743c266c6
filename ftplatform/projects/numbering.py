"""Numbers that people say: run 9, scorecard 14. Drawn under the project's lock, in the transaction that uses them."""

from typing import Any

from django.db import models, transaction

from ftplatform.projects.models import Project


def next_number(rows: models.QuerySet[Any], project: Project) -> int:
    """The highest number among the project's `rows` plus one. Raises RuntimeError outside a transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a number is drawn in the transaction that uses it")
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    return (rows.filter(project=project).aggregate(last=models.Max("number"))["last"] or 0) + 1
