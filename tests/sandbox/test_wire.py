"""The wire answers as S3 does, at the pace it was told, and notes what it did."""

from __future__ import annotations

import socket
import statistics
from pathlib import Path

import pytest

from cryodata.errors import ConfigurationError
from cryodata.sandbox import PROFILES, LogNormal, Profile, Wire
from tests.sandbox.conftest import DATA, Ask


def test_whole_object(ask: Ask) -> None:
    """A reader without ranges would get other bytes than the file's."""
    reply = ask()
    assert reply.status == 200
    assert reply.body == DATA
    assert reply.headers["Content-Length"] == str(len(DATA))


@pytest.mark.parametrize(
    "asked, start, stop",
    [
        ("bytes=10-19", 10, 20),
        ("bytes=0-0", 0, 1),
        ("bytes=299990-", 299_990, 300_000),
        ("bytes=-7", 299_993, 300_000),
        ("bytes=299990-999999999", 299_990, 300_000),
    ],
)
def test_ranges(ask: Ask, asked: str, start: int, stop: int) -> None:
    """A range would be cut at the wrong end, or claim to be another."""
    reply = ask(Range=asked)
    assert reply.status == 206
    assert reply.body == DATA[start:stop]
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-3", "bytes=-", "lines=1-2"])
def test_ranges_s3_ignores(ask: Ask, asked: str) -> None:
    """S3 sends the whole object for several ranges and for nonsense; so must this."""
    assert ask(Range=asked).body == DATA


@pytest.mark.parametrize(
    "path, headers, status",
    [
        ("/public/a.bin", {"Range": "bytes=300000-300001"}, 416),
        ("/public/a.bin", {"If_Match": '"another"'}, 412),
        ("/public/a.bin", {"If_Match": '"another"', "Range": "bytes=0-9"}, 412),
        ("/public/none.bin", {}, 404),
        ("/public", {}, 404),
        ("/public/../../secret", {}, 404),
        ("/public/%2e%2e/%2e%2e/secret", {}, 404),
    ],
)
def test_refusals(
    ask: Ask, tmp_path: Path, path: str, headers: dict[str, str], status: int
) -> None:
    """An error path of a reader would be tested against answers S3 does not give."""
    (tmp_path.parent / "secret").write_bytes(b"outside the root")
    assert ask(path, **headers).status == status
    assert ask(path, "HEAD", **headers).body == b""
    assert ask().status == 200  # and the connection goes on


def test_etag(ask: Ask, tmp_path: Path) -> None:
    """A replaced object would go unnoticed, or an unchanged one be refused."""
    etag = ask(method="HEAD").headers["ETag"]
    assert ask(If_Match=etag, Range="bytes=0-9").status == 206
    assert ask(If_Match="*").status == 200
    assert ask(If_None_Match=etag).status == 304
    (tmp_path / "public/new").write_bytes(DATA)
    (tmp_path / "public/new").replace(tmp_path / "public/a.bin")
    assert ask(If_Match=etag).status == 412


def test_listing(ask: Ask, tmp_path: Path) -> None:
    """Globs would find nothing, or find things that are not there."""
    (tmp_path / "public/sub").mkdir()
    (tmp_path / "public/sub/b&c.bin").write_bytes(b"1")
    flat = ask("/public?list-type=2&prefix=").body.decode()
    assert "<Key>a.bin</Key>" in flat
    assert "<Key>sub/b&amp;c.bin</Key><Size>1</Size>" in flat
    folders = ask("/public?list-type=2&delimiter=/&prefix=s").body.decode()
    assert "<Prefix>sub/</Prefix>" in folders
    assert "<Contents>" not in folders


@pytest.mark.parametrize(
    "sent", [b"nonsense\r\n\r\n", b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"]
)
def test_what_is_no_request(wire: Wire, sent: bytes) -> None:
    """A broken client would hang instead of being told."""
    host, port = wire.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(sent)
        assert client.recv(1000).startswith(b"HTTP/1.1 4")
        while client.recv(1000):
            pass


def test_log(wire: Wire, ask: Ask) -> None:
    """Budgets of requests and bytes would be checked against a wrong log."""
    ask(Range="bytes=10-19", Authorization="secret", X_Amz_Security_Token="secret")
    ask("/public/none.bin?x=1", "HEAD")
    first, second = wire.log
    assert (first.method, first.path, first.status, first.nbytes) == (
        "GET",
        "/public/a.bin",
        206,
        10,
    )
    assert first.range == "bytes=10-19"
    assert first.span == (10, 20)
    assert first.done
    assert first.headers["authorization"] == "***"
    assert "secret" not in repr(dict(first.headers))
    assert (second.method, second.query, second.status, second.nbytes) == ("HEAD", "x=1", 404, 0)
    assert second.span is None
    assert second.time >= first.end - 0.0005
    summary = wire.log.summary()
    assert (summary.requests, summary.nbytes, summary.depth) == (2, 10, 2)
    wire.log.clear()
    assert len(wire.log) == 0
    assert wire.log.summary().requests == 0


def test_latency_is_what_was_asked(wire: Wire, ask: Ask) -> None:
    """Measurements would be made at another latency than they say."""
    wire.profile(Profile(name="30 ms", first_byte=LogNormal(0.03)))
    for _ in range(20):
        ask(Range="bytes=0-99")
    waits = [entry.ttfb for entry in wire.log]
    assert min(waits) > 0.0285
    assert statistics.median(waits) < 0.045


def test_latency_repeats(wire: Wire) -> None:
    """Two readers compared would meet different luck."""

    def draw() -> list[float]:
        wire.profile("in_region")
        return [wire.first_byte() for _ in range(2000)]

    first = draw()
    assert first == draw()
    assert statistics.median(first) == pytest.approx(0.040, rel=0.05)
    assert statistics.quantiles(first, n=100)[98] == pytest.approx(0.101, rel=0.15)


def test_tail(wire: Wire) -> None:
    """Hedging would be measured without the slow replies it is for."""
    wire.profile("tail")
    slow = sum(wire.first_byte() > 0.2 for _ in range(5000))
    assert 25 < slow < 100  # 1 %, ten times slower


@pytest.mark.parametrize(
    "profile",
    [Profile(name="connection", connection=5e6), Profile(name="link", link=5e6)],
    ids=lambda profile: profile.name,
)
def test_bandwidth_is_what_was_asked(wire: Wire, ask: Ask, profile: Profile) -> None:
    """Bytes would cost nothing, and reading too much would look cheap."""
    wire.profile(profile)
    assert ask().body == DATA
    (entry,) = wire.log
    assert 0.055 < entry.duration < 0.2  # 60 ms


def test_unknown_profile() -> None:
    """A misspelt profile would measure something else."""
    with pytest.raises(ConfigurationError, match="in_region"):
        Wire(root=".", profile="in-region")
    assert set(PROFILES) == {"none", "in_region", "slow", "out_of_region", "tail"}


def test_needs_one_origin() -> None:
    """A wire with two origins would silently serve one of them."""
    with pytest.raises(ConfigurationError, match="root= or upstream="):
        Wire()
    with pytest.raises(ConfigurationError, match="root= or upstream="):
        Wire(root=".", upstream="127.0.0.1:1")


def test_upstream_that_is_down() -> None:
    """A reader would hang where the server behind the wire is gone."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with Wire(upstream=f"127.0.0.1:{port}") as wire:
        host, own = wire.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(own)), timeout=20) as client:
            client.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                client.recv(1000)
