"""The guarded client: whatever address a project's admin types, the machine's own network stays shut."""

from __future__ import annotations

import http.server
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ftplatform import net
from ftplatform.errors import Refused
from ftplatform.net import GuardedClient, is_public, vetted_address


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",  # mapped
        "::127.0.0.1", "::10.0.0.1",  # compatible
        "2002:7f00:1::", "2002:a00:1::", "2002:c0a8:101::",  # 6to4
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",  # NAT64
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo with 127.0.0.1 inside
        "192.0.0.192", "192.88.99.1", "fec0::1", "::ffff:0:127.0.0.1", "64:ff9b:1:7f00:1::", "3fff::1", "5f00::1",  # newer than Python
    ],
)  # fmt: skip
def test_no_private_address_passes_however_it_is_wrapped(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "2002:101:101::", "64:ff9b::101:101"]
)
def test_public_addresses_pass(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """The resolver's answers from now on; returns the names that are asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in addresses
        ]

    monkeypatch.setattr(net.socket, "getaddrinfo", getaddrinfo)
    return asked


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, "93.184.216.34", "10.0.0.7")
    with pytest.raises(Refused, match=r"evil\.example is 10\.0\.0\.7.*FT_OUTBOUND_HOSTS=evil\.example:443") as refused:
        vetted_address("evil.example", 443)
    assert refused.value.code == "private-address"
    assert refused.value.errors[0].field == "url"


def test_the_name_is_resolved_once_and_the_vetted_address_is_what_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: the answer cannot change between the check and the connection."""
    asked = resolve_to(monkeypatch, "93.184.216.34")
    called: list[httpx.Request] = []

    def inner(self: Any, request: httpx.Request) -> httpx.Response:
        called.append(request)
        return httpx.Response(200, json={})

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", inner)
    with GuardedClient() as client:
        client.get("https://models.example/v1/models")
    assert asked == ["models.example"]
    assert called[0].url.host == "93.184.216.34"
    assert called[0].headers["Host"] == "models.example"
    assert called[0].extensions["sni_hostname"] == "models.example"


def test_a_name_without_an_address_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(net.socket, "getaddrinfo", fail)
    with pytest.raises(Refused, match="Check the spelling") as refused:
        vetted_address("nowhere.example", 443)
    assert refused.value.code == "unknown-host"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://[::ffff:127.0.0.1]:9/",
        "http://2130706433:9/", "http://0x7f000001:9/", "http://127.1:9/", "http://0/",
    ],
)  # fmt: skip
def test_loopback_in_every_spelling_is_refused(url: str) -> None:
    with GuardedClient(timeout=2) as client, pytest.raises(Refused) as refused:
        client.get(url)
    assert refused.value.code in ("private-address", "unknown-host")


def test_other_schemes_are_refused() -> None:
    with GuardedClient() as client, pytest.raises((Refused, httpx.UnsupportedProtocol)):
        client.get("file:///etc/passwd")


class Recorder(http.server.BaseHTTPRequestHandler):
    seen: list[str] = []

    def do_GET(self) -> None:
        type(self).seen.append(self.path)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/secret")
        else:
            self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    Recorder.seen = []
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


def test_the_operator_can_open_one_host_and_port_and_no_other(server: str, settings: Any) -> None:
    with GuardedClient() as client, pytest.raises(Refused):
        client.get(f"http://{server}/")
    settings.FT_OUTBOUND_HOSTS = frozenset({server})
    with GuardedClient() as client:
        assert client.get(f"http://{server}/").text == "ok"
        with pytest.raises(Refused):
            client.get("http://127.0.0.1:9/")
    assert Recorder.seen == ["/"]


def test_redirects_are_not_followed(server: str, settings: Any) -> None:
    settings.FT_OUTBOUND_HOSTS = frozenset({server})
    with GuardedClient() as client:
        assert client.get(f"http://{server}/away").status_code == 302
    assert Recorder.seen == ["/away"]


def test_proxy_variables_are_not_heard(server: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    settings.FT_OUTBOUND_HOSTS = frozenset({server})
    with GuardedClient() as client:
        assert client.get(f"http://{server}/").text == "ok"
