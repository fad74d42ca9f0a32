"""The S3 server alone: ready when it says so, apart from others, and gone without a trace."""

from __future__ import annotations

from pathlib import Path

import obstore
import pytest

from cryodata.errors import ConfigurationError, FetchError
from cryodata.sandbox import s3server
from cryodata.sandbox.s3server import S3Server

FREE = range(10_000, 10_020, 10)
"""Two places for a server, of which tests choose."""


def sockets(address: str) -> list[Path]:
    """Where the parts of the server at an address meet."""
    base = int(address.rpartition(":")[2]) - 3
    ports = s3server._ports(base)
    return [path for p in ports for path in s3server.SOCKETS.glob(f"seaweedfs-*-{p}.sock")]


def test_its_sockets_go_with_it() -> None:
    """Every test run would leave files behind, and take places from the next."""
    with S3Server() as server:
        address = server.address
        assert len(sockets(address)) >= 5  # else they are somewhere else now
    assert sockets(address) == []


def test_no_server_shares_sockets_with_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In namespaces of their own both would have the ports, and store each other's objects."""
    monkeypatch.setattr(s3server, "SOCKETS", tmp_path)
    monkeypatch.setattr(s3server, "PORTS", list(FREE) * 25)
    (tmp_path / f"seaweedfs-master-grpc-{FREE[0] + 10_000}.sock").touch()
    assert s3server._free_ports() == FREE[1]
    (tmp_path / f"seaweedfs-s3-{FREE[1] + 3}.sock").touch()
    with pytest.raises(ConfigurationError, match="no free ports"):
        s3server._free_ports()


def test_it_takes_objects_when_it_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine, the first object put there would be refused."""
    tries = iter([False, False])
    takes = S3Server._takes_objects
    monkeypatch.setattr(S3Server, "_takes_objects", lambda self: next(tries, True) and takes(self))
    with S3Server(buckets=["another"]) as server:
        assert next(tries, None) is None
        for bucket in ("another", "private", "public"):
            assert obstore.list(server.store(bucket)).collect() == []


def test_server_that_is_never_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts it would wait for ever, or not be told what it says."""
    monkeypatch.setattr(s3server, "START_SECONDS", 0.5)
    monkeypatch.setattr(S3Server, "_takes_objects", lambda self: False)
    server = S3Server()
    with pytest.raises(FetchError, match="does not answer") as caught:
        server.start()
    assert "SeaweedFS" in caught.value.fix
    assert sockets(server.address) == []
