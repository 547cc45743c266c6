"""The one exception that a service raises when it refuses; turned into a page or a problem document in one place each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    field: str
    message: str


class Refused(Exception):
    """What is wrong, where, and what to do.

    code: short and stable, for programs. message: for people. status: the HTTP status it answers with.
    errors: one entry per field or row.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        errors: list[FieldError] | None = None,
        status: int = 400,
        data: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.errors = errors or ([FieldError(field, message)] if field else [])
        self.status = status
        self.data = data or {}


class Conflict(Refused):
    """Somebody else was first: answered 409, and the caller's work is kept."""

    def __init__(self, code: str, message: str, *, data: dict[str, object] | None = None) -> None:
        super().__init__(code, message, status=409, data=data)
