"""allauth's door: accounts come from an admin's invitation or from `create_user`, never from a sign-up form."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class InvitedOnly(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "Name and password do not match. After five tries there is a pause of five minutes.",
        "username_email_password_mismatch": "Name and password do not match. After five tries there is a pause of five minutes.",
        "email_password_mismatch": "Name and password do not match. After five tries there is a pause of five minutes.",
        "too_many_login_attempts": "That was the fifth try. Wait five minutes, or get a new password as told below.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
