"""Who acts: services take `by: Actor` and write it into the audit trail."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftplatform.accounts.models import User


@dataclass(frozen=True)
class Actor:
    """A user, or a command on a host when `user` is None."""

    user: User | None
    name: str

    @classmethod
    def of(cls, user: User) -> Actor:
        return cls(user=user, name=f"user:{user.username}")

    @classmethod
    def system(cls, command: str) -> Actor:
        return cls(user=None, name=f"system:{command}@{socket.gethostname()}")
