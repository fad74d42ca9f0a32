"""One door leads to the host that is asked for, over TLS with a certificate of its name."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from cryodata.sandbox import Fault, Front, Wire

NAMES = ["one.example.org", "two.example.org", "*.below.example.org"]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who signs the certificate."""
    return trustme.CA()


@pytest.fixture
def wires(tmp_path: Path) -> Iterator[dict[str, Wire]]:
    """Three hosts, each with an object that says which one it is."""
    wires = {}
    for name in ("one", "two", "below"):
        (tmp_path / name / "b").mkdir(parents=True)
        (tmp_path / name / "b/who").write_bytes(name.encode())
        wires[name] = Wire(root=tmp_path / name).start()
    yield wires
    for wire in wires.values():
        wire.stop()


@pytest.fixture
def front(wires: dict[str, Wire], authority: trustme.CA) -> Iterator[Front]:
    """A door to all three."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*NAMES).configure_cert(context)
    routes = {
        "one.example.org": wires["one"].url,
        "two.example.org": wires["two"].url,
        ".below.example.org": wires["below"].url,
    }
    with Front(routes, tls=context) as front:
        yield front


def knock(front: Front, authority: trustme.CA, name: str) -> http.client.HTTPConnection:
    """A connection to the door, made as if it were the host of that name."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    plain = socket.create_connection(("127.0.0.1", front.port), timeout=20)
    connection = http.client.HTTPConnection(name, timeout=20)
    connection.sock = context.wrap_socket(plain, server_hostname=name)
    return connection


@pytest.mark.parametrize(
    "name, wire",
    [("one.example.org", "one"), ("TWO.example.org", "two"), ("x.below.example.org", "below")],
)
def test_name_decides(
    front: Front, authority: trustme.CA, wires: dict[str, Wire], name: str, wire: str
) -> None:
    """A request for one host would be answered, and logged, by another."""
    connection = knock(front, authority, name)
    for _ in range(2):  # the connection is kept
        connection.request("GET", "/b/who")
        assert connection.getresponse().read() == wire.encode()
    connection.close()
    assert [len(wires[other].log) for other in wires] == [2 * (o == wire) for o in wires]


def test_stranger(wires: dict[str, Wire]) -> None:
    """A name nobody has would be answered by somebody, or not at all."""
    with Front({"one.example.org": wires["one"].url}) as front:
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)
        connection.request("GET", "/b/who", headers={"Host": "three.example.org"})
        assert connection.getresponse().status == 421
        connection.close()
    assert len(wires["one"].log) == 0


def test_port_that_is_taken(wires: dict[str, Wire]) -> None:
    """Somebody else's server would be taken for the sandbox's."""
    with Front({"one.example.org": wires["one"].url}) as front:
        second = Front({}, port=front.port)
        with pytest.raises(OSError, match="in use"):
            second.start()
        second.stop()


def test_faults_pass(front: Front, authority: trustme.CA, wires: dict[str, Wire]) -> None:
    """A broken connection would look like a slow one from outside."""
    wires["one"].fault(Fault("hang", seconds=0.1))
    connection = knock(front, authority, "one.example.org")
    connection.request("GET", "/b/who")
    with pytest.raises((ConnectionError, ssl.SSLError, http.client.RemoteDisconnected)):
        connection.getresponse()
    connection.close()
