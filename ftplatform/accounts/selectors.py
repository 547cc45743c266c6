"""All access control of pages and API stands here and in `ftplatform.projects.access`: who the caller is in which project."""

import secrets

from django.utils import timezone

from ftplatform.accounts.models import ApiKey, Membership, User
from ftplatform.accounts.services import digest


def roles_of(user: User, project_id: int) -> frozenset[str]:
    """The user's roles in the project. The operator is everywhere an admin."""
    roles = frozenset(Membership.objects.filter(user=user, project_id=project_id).values_list("role", flat=True))
    return roles | {"admin"} if user.is_superuser else roles


def key_from_text(text: str) -> ApiKey | None:
    """The live key that this text is, or None."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != "ft":
        return None
    key = ApiKey.objects.select_related("user").filter(id=parts[1], revoked_at=None).first()
    if key is None or not secrets.compare_digest(key.digest, digest(text)):
        return None
    if (key.expires_at and key.expires_at <= timezone.now()) or not key.user.is_active:
        return None
    return key
