"""Each fault does what it says, to the requests it was meant for."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

import pytest

from cryodata.errors import ConfigurationError
from cryodata.sandbox import Entry, Fault, Wire
from tests.sandbox.conftest import DATA, Ask


def test_status(wire: Wire, ask: Ask) -> None:
    """Throttling would not look like S3's."""
    wire.fault(Fault("status", header="Retry-After: 1\r\n"), times=1)
    reply = ask()
    assert reply.status == 503
    assert b"<Code>SlowDown</Code>" in reply.body
    assert reply.headers["Retry-After"] == "1"
    assert ask().status == 200


def test_redirect(wire: Wire, ask: Ask) -> None:
    """A reader that follows redirects to strangers would not be caught."""
    wire.fault(Fault("redirect", to="http://127.0.0.9:1"))
    reply = ask()
    assert reply.status == 307
    assert reply.headers["Location"] == "http://127.0.0.9:1/public/a.bin"


def test_garbage(wire: Wire, ask: Ask) -> None:
    """A reader would never meet a server that does not speak HTTP."""
    wire.fault(Fault("garbage"))
    with pytest.raises(http.client.BadStatusLine):
        ask()


def test_hang(wire: Wire, ask: Ask) -> None:
    """A server that never answers would answer."""
    wire.fault(Fault("hang", seconds=0.1))
    with pytest.raises(ConnectionError):
        ask()
    (entry,) = wire.log
    assert entry.status == 0
    assert entry.duration > 0.1


def test_delay(wire: Wire, ask: Ask) -> None:
    """A slow first byte would be fast."""
    wire.fault(Fault("delay", seconds=0.1))
    assert ask().body == DATA
    assert next(iter(wire.log)).ttfb > 0.09  # timers have a grain


def test_reset(wire: Wire, ask: Ask) -> None:
    """A broken connection would look like an end."""
    wire.fault(Fault("reset", at=1000))
    with pytest.raises(ConnectionResetError):
        ask()


@pytest.mark.parametrize("at", [0, 1000])
def test_truncate(wire: Wire, ask: Ask, at: int) -> None:
    """A body cut short would be whole."""
    wire.fault(Fault("truncate", at=at))
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask()
    assert caught.value.partial == DATA[:at]
    (entry,) = wire.log
    assert (entry.status, entry.nbytes, entry.fault, entry.done) == (200, at, "truncate", True)


def test_stall(wire: Wire, ask: Ask) -> None:
    """A stalled body would flow, or not go on afterwards."""
    wire.fault(Fault("stall", at=1000, seconds=0.1))
    assert ask().body == DATA
    (entry,) = wire.log
    assert entry.ttfb < 0.1 < entry.duration


def test_corrupt(wire: Wire, ask: Ask) -> None:
    """A checksum would be tested on sound bytes."""
    wire.fault(Fault("corrupt", at=5))
    body = ask(Range="bytes=10-19").body
    assert body == DATA[10:15] + bytes([DATA[15] ^ 0xFF]) + DATA[16:20]


def test_shift(wire: Wire, ask: Ask) -> None:
    """A reply for another range would not be one."""
    wire.fault(Fault("shift"))
    reply = ask(Range="bytes=10-19")
    assert reply.headers["Content-Range"] == f"bytes 4106-4115/{len(DATA)}"


def test_whole(wire: Wire, ask: Ask) -> None:
    """A server that ignores ranges would honour them."""
    wire.fault(Fault("whole"))
    reply = ask(Range="bytes=10-19")
    assert (reply.status, reply.body) == (200, DATA)


def test_call(wire: Wire, ask: Ask, tmp_path: Path) -> None:
    """An object could not be replaced between two requests of one read."""
    seen: list[Entry] = []

    def replace(entry: Entry) -> None:
        seen.append(entry)
        (tmp_path / "public/a.bin").write_bytes(b"other")

    wire.fault(Fault("call", call=replace), skip=1, times=1)
    assert ask().body == DATA
    assert ask().body == b"other"
    assert [entry.path for entry in seen] == ["/public/a.bin"]


def test_rules(wire: Wire, ask: Ask) -> None:
    """A fault would strike other requests than those it was meant for."""
    number = wire.fault(Fault("status"), path=r"a\.bin", method="HEAD", skip=1, times=2)
    assert ask().status == 200  # another method
    assert ask("/public/b.bin", "HEAD").status == 404  # another path
    assert [ask(method="HEAD").status for _ in range(4)] == [200, 503, 503, 200]
    assert wire.fired(number) == 2
    wire.fault(Fault("status"))
    wire.clear_faults()
    assert ask().status == 200
    assert wire.fired(number) == 2


def test_chance_is_seeded(tmp_path: Path) -> None:
    """A failure found by chance could not be found again."""

    def struck(seed: int) -> list[bool]:
        wire = Wire(root=tmp_path, seed=seed)
        wire.fault(Fault("status"), prob=0.3)
        return [wire.faults.pick("GET", "/a") is not None for _ in range(1000)]

    assert struck(1) == struck(1) != struck(2)
    assert 250 < sum(struck(1)) < 350


def test_client_that_leaves(wire: Wire, ask: Ask) -> None:
    """A request given up would stay in flight for ever."""
    wire.fault(Fault("hang", seconds=60), times=1)
    host = wire.url.removeprefix("http://")
    leaving = http.client.HTTPConnection(host, timeout=0.2)
    leaving.request("GET", "/public/a.bin")
    with pytest.raises(TimeoutError):
        leaving.getresponse()
    leaving.close()
    deadline = time.monotonic() + 20
    while wire.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert wire.in_flight == 0
    assert ask().status == 200


@pytest.mark.parametrize("make", [lambda: Fault("stat"), lambda: Fault("call")])  # type: ignore[arg-type]
def test_faults_that_make_no_sense(make: object) -> None:
    """A misspelt fault would do nothing."""
    assert callable(make)
    with pytest.raises(ConfigurationError):
        make()
