"""What the network may do to a read, and what it may not: equal bytes, or a typed error."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cryodata.errors import (
    AuthError,
    CryodataError,
    FetchTimeoutError,
    GranuleChangedError,
    NotFoundError,
    TruncatedError,
    WrongRangeError,
)
from cryodata.sandbox import Fault, Wire
from cryodata.store import fsspec_readers, loop
from cryodata.store.fetch import Fetcher
from cryodata.store.local import LocalStore
from cryodata.store.resolve import open_store
from cryodata.types import ByteRange
from tests.store.helpers import (
    KEY,
    QUICK,
    WAYS,
    Origin,
    content,
    counted,
    fetcher,
    patient,
    read,
    some_ranges,
    wait_until,
)

TRANSIENT = [
    Fault("status", status=503),
    Fault("status", status=500, code="InternalError"),
    Fault("status", status=429, code="TooManyRequests"),
    Fault("status", status=408, code="RequestTimeout"),
    Fault("reset", at=100),
    Fault("truncate", at=100),
    Fault("garbage"),
    Fault("hang", seconds=3.0),
    Fault("stall", at=100, seconds=3.0),
]

every_way = pytest.mark.parametrize("way", WAYS)


@pytest.mark.parametrize("seed", counted(20, 200))
def test_transient_faults_are_invisible(tmp_path: Path, seed: int) -> None:
    """A network that breaks up to a third of the requests would break reads, or change bytes."""
    rng = random.Random(seed)
    share = rng.uniform(0.05, 0.3)
    with Wire(root=tmp_path, seed=seed) as wire:
        origin = Origin(wire, tmp_path)
        origin.put(content())
        for fault in TRANSIENT:
            wire.fault(fault, prob=share / len(TRANSIENT))
        ranges = some_ranges(seed, 40)
        fetch = fetcher(origin.store(WAYS[seed % len(WAYS)]))
        assert read(fetch, ranges) == [content()[a:b] for a, b in ranges]
        receipt = fetch.receipt
        assert receipt.requests == 1 + len(ranges) + receipt.retries + receipt.hedges


@every_way
@pytest.mark.parametrize("kind", ["shift", "whole"])
def test_bytes_of_another_range_are_never_returned(origin: Origin, way: str, kind: str) -> None:
    """Wrong bytes would be decoded as data, or a whole granule loaded to give 1,000 bytes."""
    origin.wire.fault(Fault(kind, at=0))  # type: ignore[arg-type]
    with pytest.raises((WrongRangeError, TruncatedError)):
        loop.run(patient(origin, way).fetch([ByteRange(5000, 6000)], etag="", size=10**6))
    assert len(origin.wire.log) == 3  # once, and twice again


@every_way
@pytest.mark.parametrize("kind", ["shift", "whole", "truncate", "reset"])
def test_a_wrong_reply_now_and_then_is_asked_for_again(origin: Origin, way: str, kind: str) -> None:
    """One confused proxy would fail the whole read."""
    ranges = [ByteRange(a, a + 1000) for a in range(0, 20_000, 1000)]
    origin.wire.fault(Fault(kind, at=500), skip=3, times=2)  # type: ignore[arg-type]
    fetch = patient(origin, way)
    assert read(fetch, ranges) == [content()[a:b] for a, b in ranges]
    assert fetch.receipt.retries == 2


@pytest.mark.parametrize(
    "way, kind",
    [
        ("s3-obstore", "hang"),
        ("http-obstore", "stall"),
        ("s3-fsspec", "stall"),
        ("http-fsspec", "hang"),
    ],
)
def test_the_deadline_holds_whatever_the_server_does(origin: Origin, way: str, kind: str) -> None:
    """A hung server would hang the reader."""
    origin.wire.fault(Fault(kind, at=100, seconds=60.0))  # type: ignore[arg-type]
    network = replace(QUICK, timeout=3.0, hedge=2.0)
    fetch = fetcher(origin.store(way, network=network), network)
    began = time.monotonic()
    with pytest.raises(FetchTimeoutError):
        loop.run(fetch.fetch(some_ranges(0, 5), etag="", size=10**6))
    assert time.monotonic() - began <= 3.5


@pytest.mark.parametrize("way", ["s3-obstore", "http-obstore"])
@pytest.mark.parametrize("kind", ["hang", "stall"])
def test_one_silent_request_is_hedged(origin: Origin, way: str, kind: str) -> None:
    """One stalled connection would cost 20 seconds."""
    origin.wire.fault(Fault(kind, at=100, seconds=60.0), skip=1, times=1)  # type: ignore[arg-type]
    fetch = fetcher(origin.store(way))
    assert read(fetch, [ByteRange(0, 5000)]) == [content()[:5000]]
    assert (fetch.receipt.hedges, fetch.receipt.retries) == (1, 0)


@every_way
@pytest.mark.parametrize(
    "status, error", [(404, NotFoundError), (403, AuthError), (401, AuthError)]
)
def test_a_refused_chunk_is_an_error_and_asked_for_once(
    origin: Origin, way: str, status: int, error: type[CryodataError]
) -> None:
    """A chunk that cannot be had would be taken for one that does not exist: fill values."""
    origin.wire.fault(Fault("status", status=status, code="NoSuchKey"), skip=1)
    with pytest.raises(error):
        read(patient(origin, way), [ByteRange(0, 1000)])
    assert len(origin.wire.log) == 2


@every_way
def test_a_deleted_object_is_an_error(origin: Origin, way: str) -> None:
    """Its chunks would be taken for fill values."""
    store = origin.store(way)
    head = loop.run(store.get(0, 10))
    (origin.folder / "bucket" / KEY).unlink()
    with pytest.raises(NotFoundError):
        loop.run(fetcher(store).fetch([ByteRange(0, 10)], etag=head.etag, size=head.size))


@every_way
def test_an_object_replaced_after_the_head_is_noticed(origin: Origin, way: str) -> None:
    """Chunks would be read at the places where another version had them."""
    store = origin.store(way)
    head = loop.run(store.get(0, 10))
    origin.put(content(seed=1))
    with pytest.raises(GranuleChangedError) as caught:
        loop.run(fetcher(store).fetch([ByteRange(0, 10)], etag=head.etag, size=head.size))
    assert "Open it again" in caught.value.fix


@every_way
def test_an_object_replaced_between_two_chunks_is_noticed(origin: Origin, way: str) -> None:
    """One array would hold chunks of two versions."""
    origin.wire.fault(Fault("call", call=lambda _: origin.put(content(seed=1))), skip=8, times=1)
    with pytest.raises(GranuleChangedError):
        read(fetcher(origin.store(way), replace(QUICK, in_flight=2)), some_ranges(0, 20))


@every_way
def test_an_object_replaced_before_a_retry_is_noticed(origin: Origin, way: str) -> None:
    """The retry would bring the rest of another version."""
    store = origin.store(way)
    head = loop.run(store.get(0, 10))
    origin.wire.fault(Fault("reset", at=100), times=1)
    origin.wire.fault(Fault("call", call=lambda _: origin.put(content(seed=1))), times=1)
    with pytest.raises(GranuleChangedError):
        loop.run(fetcher(store).fetch([ByteRange(0, 5000)], etag=head.etag, size=head.size))


def race(reader: Callable[[], Fetcher], put: Callable[[bytes], None], rounds: int) -> int:
    """Read again and again while another thread replaces; how often the change was noticed.

    Every read must be of one version, all through. Where the machine is busy the two may miss
    each other: then they go on for longer.
    """
    versions = [content(seed) for seed in range(2)]
    ranges = some_ranges(9, 6, longest=3000)
    wanted = [[data[a:b] for a, b in ranges] for data in versions]
    stop = threading.Event()

    def replace_for_ever() -> None:
        number = 0
        while not stop.is_set():
            put(versions[number % 2])
            number += 1
            time.sleep(0.003)

    writer = threading.Thread(target=replace_for_ever)
    writer.start()
    noticed = 0
    try:
        for done in range(50 * rounds):
            if done >= rounds and noticed:
                break
            try:
                assert read(reader(), ranges) in wanted
            except GranuleChangedError:
                noticed += 1
    finally:
        stop.set()
        writer.join()
    return noticed


@every_way
@pytest.mark.parametrize("rounds", [30, pytest.param(1000, marks=pytest.mark.soak)])
def test_no_race_mixes_two_versions(origin: Origin, way: str, rounds: int) -> None:
    """An array would hold chunks of two versions of the granule."""
    store = origin.store(way)
    network = replace(QUICK, in_flight=2)
    assert race(lambda: fetcher(store, network), origin.put, rounds) > 0


@pytest.mark.parametrize("rounds", [30, pytest.param(1000, marks=pytest.mark.soak)])
def test_no_race_mixes_two_versions_of_a_local_file(tmp_path: Path, rounds: int) -> None:
    """An array would hold chunks of two versions of the file."""
    path = tmp_path / KEY

    def put(data: bytes) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(path)

    put(content())
    race(lambda: fetcher(LocalStore(path), replace(QUICK, in_flight=2)), put, rounds)


def test_other_file_systems_notice_a_replaced_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems without If-Match would mix two versions for ever."""
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe("/changing.h5", content())
    store = open_store("memory://changing.h5")
    head = loop.run(store.get(0, 10))
    memory.pipe("/changing.h5", content(seed=1))
    monkeypatch.setattr(fsspec_readers, "_INFO_LASTS", 0.0)
    with pytest.raises(GranuleChangedError):
        loop.run(store.get(0, 10, etag=head.etag))


@pytest.mark.parametrize("way", ["s3-obstore", "http-obstore", "http-fsspec"])
def test_a_cancelled_read_leaves_nothing_on_the_wire(origin: Origin, way: str) -> None:
    """A cancelled computation would keep the line busy."""
    origin.wire.fault(Fault("stall", at=100, seconds=60.0))
    fetch = fetcher(origin.store(way, network=replace(QUICK, hedge=30.0)))

    async def main() -> None:
        task = asyncio.create_task(fetch.fetch(some_ranges(0, 20), etag="", size=10**6))
        await asyncio.to_thread(wait_until, lambda: origin.wire.in_flight == 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    loop.run(main(), timeout=30)
    wait_until(lambda: origin.wire.in_flight == 0)
