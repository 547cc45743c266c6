"""The environment, read once and typed. docs/configuration.md lists the same names.

Nothing here starts a server: where DATABASE_URL or VALKEY_URL is unset, the addresses are those that the embedded servers of
FT_HOME will have once `ftplatform.local` has started them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ftplatform.local import home as local_home


class ConfigurationError(Exception):
    """An environment variable holds what cannot be used; the message names it and says what it should hold."""


@dataclass(frozen=True)
class Environment:
    home: Path
    database_url: str
    valkey_url: str
    secret_key: str
    public_url: str
    allowed_hosts: tuple[str, ...]
    model_dirs: tuple[Path, ...]
    outbound_hosts: frozenset[str]
    storage: str
    debug: bool


def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in os.environ.get(name, "").replace(",", " ").split() if word)


def _public_url() -> str:
    url = os.environ.get("FT_PUBLIC_URL", "").rstrip("/")
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"FT_PUBLIC_URL={url!r} is no address; write for example https://ft.example.org")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ConfigurationError(
            f"FT_PUBLIC_URL={url!r}: http is for loopback only; put TLS in front and write https://…"
        )
    return url


def read() -> Environment:
    """Reads and checks every variable. Raises ConfigurationError."""
    home = local_home.open_home()
    embedded = local_home.urls(home)
    public_url = _public_url()
    hosts = _words("FT_ALLOWED_HOSTS") or ("localhost", "127.0.0.1", "[::1]")
    if public_url:
        hosts = (*hosts, str(urlsplit(public_url).hostname))
    return Environment(
        home=home.path,
        database_url=os.environ.get("DATABASE_URL") or embedded.database,
        valkey_url=os.environ.get("VALKEY_URL") or embedded.valkey,
        secret_key=os.environ.get("FT_SECRET_KEY") or home.secret("secret_key"),
        public_url=public_url,
        allowed_hosts=hosts,
        model_dirs=tuple(
            Path(word).resolve() for word in os.environ.get("FT_MODEL_DIRS", "").split(os.pathsep) if word
        ),
        outbound_hosts=frozenset(_words("FT_OUTBOUND_HOSTS")),
        storage=os.environ.get("FT_STORAGE") or f"file:{home.path / 'artifacts'}",
        debug=os.environ.get("FT_DEBUG") == "1",
    )


def database(url: str) -> dict[str, object]:
    """Django's DATABASES entry for a postgresql:// URL, a socket folder in ?host= included."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ConfigurationError(
            f"DATABASE_URL must begin with postgresql://, not {parts.scheme!r}: only PostgreSQL is used."
        )
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = query.pop("host", None) or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or query.pop("port", "")),
        # A fresh thread context per ASGI request means that persistent connections never persist: a pool does. Its default of
        # four connections waits 30 s under a hundred labelers.
        "OPTIONS": {"pool": {"min_size": 1, "max_size": int(os.environ.get("FT_POOL", "16")), "timeout": 20}, **query},
        "CONN_HEALTH_CHECKS": False,
        "TEST": {"TEMPLATE": "template0"},
    }
