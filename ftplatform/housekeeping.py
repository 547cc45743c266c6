"""What nobody needs any more goes: files without an owner, answers kept for a repeated request, sessions that ended."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings

from ftplatform.artifacts.services import collect
from ftplatform.jobs.models import IdempotencyKey

logger = logging.getLogger(__name__)

ANSWERS_KEPT = timedelta(days=7)
"""How long the same `Idempotency-Key` gives the first answer."""


def tidy(*, now: datetime) -> None:
    """Run once an hour by every worker; several at once do no harm."""
    logger.info("collected: %s", collect(now=now))
    IdempotencyKey.objects.filter(created_at__lt=now - ANSWERS_KEPT).delete()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
