"""Who signs in to the demo: an admin, a labeler, two experts."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from django.conf import settings

from ftplatform.accounts import services as accounts
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import Role, User

PEOPLE = {"ada": Role.ADMIN, "lea": Role.LABELER, "eve": Role.EXPERT, "nils": Role.EXPERT}


def people() -> dict[str, str]:
    """The demo's sign-ins, name → password: random, kept 0600 in FT_HOME and told again by the next demo.

    Empty where the password is not ours to know: an account of this name was here before, or its owner has changed it.
    """
    path = Path(settings.FT_HOME) / "demo_passwords.json"
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    by = Actor.system("demo")
    users = {user.username: user for user in User.objects.filter(username__in=PEOPLE)}
    made = {name: secrets.token_urlsafe(9) for name in PEOPLE if name not in users}
    _keep(path, known | made)  # before the accounts: a password that nobody knows opens nothing
    for name, password in made.items():
        accounts.create_user(username=name, password=password, email=f"{name}@example.org", by=by)
    return made | {
        name: known[name] if name in known and user.check_password(known[name]) else "" for name, user in users.items()
    }


def _keep(path: Path, passwords: dict[str, str]) -> None:
    """Whole or not at all, and never readable by others."""
    part = path.with_name(path.name + ".part")
    part.touch(mode=0o600)
    part.chmod(0o600)
    part.write_text(json.dumps(passwords, indent=1), encoding="utf-8")
    part.replace(path)
