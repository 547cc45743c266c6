"""The one HTTP client to the outside: backends, webhooks. Whatever a project's admin types, the machine's own network stays shut.

No proxy variables and no redirects. The host is resolved once, every address is vetted (mapped and tunnelled forms too), and the
connection goes to the vetted address with the name kept for TLS and Host. Private and loopback addresses are reached only where
the *operator* listed host:port in FT_OUTBOUND_HOSTS.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import httpx
from django.conf import settings

from ftplatform.errors import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What the registries of special addresses (IANA; RFC 6890, 8215, 9602, 9637) hold beside what this Python's `is_global` knows of.
NEVER_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata address is among them
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "fec0::/10",  # site-local
        "::ffff:0:0:0/96",  # an IPv4 address translated, not mapped
        "64:ff9b:1::/48",  # a network's own translation
        "100:0:0:1::/64",
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
    )
)


def vetted_address(host: str, port: int, *, listed: frozenset[str] | None = None) -> str:
    """An address of the host that may be reached. Raises Refused saying which address is private and who may open it."""
    allowed = settings.FT_OUTBOUND_HOSTS if listed is None else listed
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Refused("unknown-host", f"{host} has no address: {error}. Check the spelling.", field="url") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if f"{host}:{port}" in allowed:
        return addresses[0]
    for text in addresses:
        if not is_public(ipaddress.ip_address(text.split("%")[0])):
            raise Refused(
                "private-address",
                f"{host} is {text}, inside a private network. The operator can open it with FT_OUTBOUND_HOSTS={host}:{port}.",
                field="url",
            )
    return addresses[0]


def is_public(address: Address) -> bool:
    """False for anything that is not a plain public unicast address, however it is wrapped."""
    if any(address in network for network in NEVER_PUBLIC):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = (
            address.ipv4_mapped
            or address.sixtofour
            or (address.teredo[1] if address.teredo else None)
            or _nat64(address)
        )
        if inner is not None:
            return is_public(inner)
        if int(address) >> 32 == 0:  # IPv4-compatible, ::a.b.c.d
            return False
    return address.is_global and not address.is_multicast


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class _Vetting(httpx.BaseTransport):
    """Sends each request to the vetted address of its host; the name stays in the Host header and in TLS."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport(trust_env=False, retries=0)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in ("http", "https"):
            raise Refused("scheme", f"{url.scheme}:// is not a web address; write http:// or https://.", field="url")
        port = url.port or (443 if url.scheme == "https" else 80)
        address = vetted_address(url.host, port)
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.headers["Host"] = url.netloc.decode("ascii")
        request.url = url.copy_with(host=address)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


class GuardedClient(httpx.Client):
    """An httpx client that reaches only what it may. `timeout` in seconds, for connecting, reading and writing each."""

    def __init__(self, *, timeout: float = 30.0, **options: Any) -> None:
        super().__init__(transport=_Vetting(), timeout=timeout, follow_redirects=False, trust_env=False, **options)
