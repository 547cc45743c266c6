"""`Idempotency-Key`: the same request twice starts work once; the same key with another request is refused.

The answer is kept in the transaction of the work, so neither stands without the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from ftplatform.accounts.models import User
from ftplatform.errors import Refused
from ftplatform.jobs.models import IdempotencyKey

HEADER = "Idempotency-Key"
LONGEST = 200
PARAMETER = OpenApiParameter(
    HEADER, str, OpenApiParameter.HEADER, description="The same request with the same key starts the work once."
)
"""For the schema of each operation that calls `once`."""


def once(request: Request, act: Callable[[], tuple[int, Any]]) -> Response:
    """Runs `act`, which returns (status, JSON answer), or gives the answer of the first time. Without the header, it just runs."""
    key = request.headers.get(HEADER, "")
    if not key:
        status, answer = act()
        return Response(answer, status=status)
    if len(key) > LONGEST:
        raise Refused("key-too-long", f"{HEADER} has {len(key)} characters; at most {LONGEST} are kept.", field=HEADER)
    digest = _digest(request)
    with transaction.atomic():
        row, fresh = IdempotencyKey.objects.select_for_update().get_or_create(
            user=cast(User, request.user), key=key, defaults={"request_hash": digest, "status": 0, "answer": {}}
        )
        if not fresh:
            if row.request_hash != digest:
                raise Refused(
                    "key-reused", f"This {HEADER} was used for another request; choose a new one.", status=422
                )
            return Response(row.answer, status=row.status)
        row.status, answer = act()
        row.answer = json.loads(json.dumps(answer, default=str))
        row.save(update_fields=["status", "answer"])
        return Response(row.answer, status=row.status)


def _digest(request: Request) -> str:
    """Of method, address, fields and files' contents."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    sent = request.data if isinstance(request.data, Mapping) else {"": request.data}
    fields = {name: value for name, value in sent.items() if name not in request.FILES}
    digest.update(json.dumps(fields, sort_keys=True, default=str).encode())
    for name, file in sorted(request.FILES.items()):
        digest.update(f"\n{name} {file.name}\n".encode())
        for chunk in file.chunks():
            digest.update(chunk)
        file.seek(0)
    return digest.hexdigest()
