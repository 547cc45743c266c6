"""All access control of pages and API stands here and in `ftplatform.projects.access`: who the caller is in which project."""

import secrets
from collections.abc import Iterable

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.utils import timezone

from ftplatform.accounts.models import ApiKey, Membership, Role, User
from ftplatform.accounts.services import digest


def roles_in_project(user: User, project: OuterRef) -> ArraySubquery:
    """The user's roles in the project that a query is about, as a column of it."""
    return ArraySubquery(Membership.objects.filter(user=user, project=project).order_by("role").values("role"))


def user_called(name: str) -> User | None:
    """The user of this name, whatever its case: no two names differ by case alone."""
    return User.objects.filter(username__iexact=name).first()


def with_operator(user: User, roles: Iterable[str]) -> frozenset[str]:
    """The operator is everywhere an admin."""
    return frozenset(roles) | ({str(Role.ADMIN)} if user.is_superuser else frozenset())


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
