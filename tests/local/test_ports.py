import socket

import pytest

from ftplatform.local import ports
from ftplatform.local.errors import LocalError, PortTakenError


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_was_asked_for_and_is_taken_is_an_error_with_remedies(taken):
    with pytest.raises(PortTakenError, match=rf"FT_PORT={taken}: another program listens.*set FT_PORT.*unset FT_PORT"):
        ports.choose({"FT_PORT": str(taken)})


def test_without_a_wish_the_next_free_one_is_taken(taken, monkeypatch):
    monkeypatch.setattr(ports, "FIRST_PORT", taken)
    assert taken < ports.choose({}) < taken + 100


def test_a_listener_on_all_addresses_counts():
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


@pytest.mark.parametrize("nonsense", ["0", "65536", "-1", "http", "80 80", "²"])
def test_nonsense_is_no_port(nonsense):
    with pytest.raises(LocalError, match="is not a port"):
        ports.choose({"FT_PORT": nonsense})
