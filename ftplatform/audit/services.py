"""The only writer of the audit trail. Called inside the transaction of the deed, so that neither stands without the other."""

from typing import Any

from django.db import models, transaction

from ftplatform.accounts.actors import Actor
from ftplatform.audit.models import AuditEvent


def record(
    *, by: Actor, verb: str, target: models.Model, project: Any = None, data: dict[str, Any] | None = None
) -> AuditEvent:
    """Writes one line. Raises RuntimeError outside a transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"audit of {verb} outside the transaction of the deed")
    return AuditEvent.objects.create(
        actor=by.name,
        user=by.user,
        project=project,
        verb=verb,
        object_kind=target._meta.label_lower,
        object_id=str(target.pk),
        data=data or {},
    )
