"""`Authorization: Bearer ft_…`. A key acts as its user; one bound to a project opens that project only."""

from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ftplatform.accounts.models import ApiKey
from ftplatform.accounts.selectors import key_from_text

SEEN_EVERY_SECONDS = 60


class ApiKeyAuthentication(BaseAuthentication):
    keyword = b"bearer"

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != self.keyword:
            return None
        key = key_from_text(words[1].decode("latin-1")) if len(words) == 2 else None
        if key is None:
            raise AuthenticationFailed("This key is unknown, revoked or expired. Make a new one under API keys.")
        if key.scope != "api":
            raise AuthenticationFailed("This key opens the gateway only. Make an API key under API keys.")
        now = timezone.now()
        if key.last_used_at is None or (now - key.last_used_at).total_seconds() > SEEN_EVERY_SECONDS:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
