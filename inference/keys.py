"""Keys of remote models: they stay in the operator's environment, and leave it only for addresses that the operator listed.

Whoever makes a project is its admin and may type any address; a key that went wherever they say would be theirs.
"""

import os
from urllib.parse import urlsplit

from django.conf import settings

from ftplatform.errors import Refused

BEGINNING = "FT_KEY_"


def key_for(url: str, name: str) -> str:
    """The key that the environment variable `name` holds, for this address; empty where none is named.

    Raises Refused for a variable that is no key or is not set, and for an address that FT_OUTBOUND_HOSTS does not list.
    """
    if not name:
        return ""
    if not name.startswith(BEGINNING):
        raise Refused(
            "key-name",
            f"Name an environment variable that begins with {BEGINNING}; the operator sets it.",
            field="api_key_name",
        )
    place = _place(url)
    if place not in settings.FT_OUTBOUND_HOSTS:
        raise Refused(
            "key-place",
            f"No key is sent to {place}: the operator has not listed it. FT_OUTBOUND_HOSTS={place} does.",
            field="api_key_name",
        )
    key = os.environ.get(name, "")
    if not key:
        raise Refused("no-key", f"{name} is not set where this runs; the operator sets it.", field="api_key_name")
    return key


def _place(url: str) -> str:
    """host:port of an address."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Refused("bad-address", f"{url} is not a web address: {error}.", field="url") from error
    return f"{parts.hostname or ''}:{port}"
