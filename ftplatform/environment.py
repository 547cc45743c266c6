"""The environment, read once and typed. docs/configuration.md lists the same names. Only FT_PORT is read elsewhere, by `local`
before Django is there, and FT_KEY_…, the keys of remote backends, which are looked up by the name that a deployment holds.

Nothing here starts a server: where DATABASE_URL or VALKEY_URL is unset, the addresses are those that the embedded servers of
FT_HOME will have once `ftplatform.local` has started them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ftplatform.local import home as local_home

MOST_CONNECTIONS = 16


class ConfigurationError(Exception):
    """An environment variable holds what cannot be used; the message names it and says what it should hold."""


MAIL_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class Mail:
    """A mail server. is_tls: from the first byte; else by STARTTLS."""

    host: str
    port: int
    user: str
    password: str
    is_tls: bool
    sender: str


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
    artifacts: Path
    mail: Mail | None
    pool: int
    engine_threads: int | None
    debug: bool


def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in os.environ.get(name, "").replace(",", " ").split() if word)


def _public_url() -> str:
    url = os.environ.get("FT_PUBLIC_URL", "").rstrip("/")
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"FT_PUBLIC_URL={url!r} is not an address; write for example https://ft.example.org")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ConfigurationError(
            f"FT_PUBLIC_URL={url!r}: http is for loopback only; put TLS in front and write https://…"
        )
    return url


def _count(name: str) -> int | None:
    """A whole number from 1 on, or None where the variable is not set."""
    text = os.environ.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ConfigurationError(f"{name}={text!r} is not a whole number from 1 on.")
    return int(text)


def _artifacts(home: Path) -> Path:
    """The folder in which artefacts are kept."""
    storage = os.environ.get("FT_STORAGE") or f"file:{home / 'artifacts'}"
    scheme, _, rest = storage.partition(":")
    if scheme == "s3":
        raise ConfigurationError(
            f"FT_STORAGE={storage!r}: this version keeps artefacts in a folder only; write file:/path/to/it."
        )
    folder = Path(rest.removeprefix("//"))  # file:///srv/kept too; file://host/… names no folder of this machine
    if scheme != "file" or not folder.is_absolute():
        raise ConfigurationError(f"FT_STORAGE={storage!r} names no folder; write for example file:/srv/ftplatform.")
    return folder


def _mail() -> Mail | None:
    """smtp://user:password@host:port?from=address (STARTTLS), or smtps://… (TLS from the start)."""
    url = os.environ.get("FT_EMAIL_URL", "")
    if not url:
        return None
    wrong = ConfigurationError(
        "FT_EMAIL_URL is not the address of a mail server; write smtp://user:password@host:587?from=site@example.org, or smtps://…"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in MAIL_PORTS or not parts.hostname:
        raise wrong
    return Mail(
        host=parts.hostname,
        port=port or MAIL_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        is_tls=parts.scheme == "smtps",
        sender=parse_qs(parts.query).get("from", [f"ftplatform@{parts.hostname}"])[-1],
    )


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
        artifacts=_artifacts(home.path),
        mail=_mail(),
        pool=_count("FT_POOL") or MOST_CONNECTIONS,
        engine_threads=_count("FT_ENGINE_THREADS"),
        debug=os.environ.get("FT_DEBUG") == "1",
    )


def database(url: str, *, pool: int) -> dict[str, object]:
    """Django's DATABASES entry for a postgresql:// URL, a socket folder in ?host= included. pool: connections per process, at most."""
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
        "OPTIONS": {"pool": {"min_size": 1, "max_size": pool, "timeout": 20}, **query},
        # The pool looks at a connection before it hands it out: after a restart of the server all that lay idle are dead.
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"TEMPLATE": "template0"},
    }
