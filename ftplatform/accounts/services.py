"""People, memberships and keys: each function is one thing that an admin or operator can do."""

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils import timezone

from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import ApiKey, Membership, Role, User
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.projects.models import Project


@transaction.atomic
def create_user(*, username: str, password: str, email: str = "", superuser: bool = False, by: Actor) -> User:
    """Makes an account. Raises django's ValidationError when the password is weak."""
    validate_password(password, User(username=username, email=email))
    told = {"username": username, "email": email, "is_superuser": superuser, "is_staff": superuser}
    user, is_new = User.objects.get_or_create(
        username__iexact=username, defaults={**told, "password": make_password(password)}
    )
    if not is_new:
        raise Refused(
            "username-taken", f"There is a user called {username!r} already; choose another name.", field="username"
        )
    record(by=by, verb="user.create", target=user, data={"superuser": superuser})
    return user


@transaction.atomic
def add_member(*, project: Project, user: User, role: str, by: Actor) -> Membership:
    """Gives a user a role in a project. Giving it twice changes nothing."""
    if role not in Role.values:
        raise Refused("unknown-role", f"{role!r} is not a role; choose one of {', '.join(Role.values)}.", field="role")
    membership, made = Membership.objects.get_or_create(project=project, user=user, role=role)
    if made:
        record(by=by, verb="member.add", target=membership, project=project, data={"user": user.username, "role": role})
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, by: Actor) -> None:
    """Takes a role away; what the person did stays. A project keeps at least one admin."""
    project = membership.project
    if membership.role == Role.ADMIN:
        admins = Membership.objects.select_for_update().filter(project=project, role=Role.ADMIN)
        if len(admins) == 1:
            raise Refused("last-admin", "This is the project's only admin; make someone else admin first.")
    record(
        by=by,
        verb="member.remove",
        target=membership,
        project=project,
        data={"user": membership.user.username, "role": membership.role},
    )
    membership.delete()


@transaction.atomic
def create_api_key(
    *, user: User, name: str, project: Project | None = None, expires_at: datetime | None = None, by: Actor
) -> tuple[ApiKey, str]:
    """Returns the key's row and the key itself, which is not kept and cannot be shown again."""
    key_id, random = secrets.token_hex(6), secrets.token_urlsafe(32).replace("_", "-")
    text = f"ft_{key_id}_{random}"
    key = ApiKey.objects.create(
        id=key_id, digest=digest(text), user=user, project=project, name=name or "key", expires_at=expires_at
    )
    record(by=by, verb="key.create", target=key, project=project, data={"name": key.name})
    return key, text


@transaction.atomic
def revoke_api_key(*, key: ApiKey, by: Actor) -> None:
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        record(by=by, verb="key.revoke", target=key, project=key.project, data={"name": key.name})


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
