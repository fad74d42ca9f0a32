"""What the tests of the store share: an object, a way to it, and a store that obeys."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cryodata.errors import GranuleChangedError
from cryodata.options import Network, Options
from cryodata.sandbox import Wire
from cryodata.store import loop
from cryodata.store.base import Store
from cryodata.store.fetch import Fetcher
from cryodata.store.resolve import open_store
from cryodata.store.retry import RetryBudget
from cryodata.types import Block, ByteRange

SIZE = 1_000_000
KEY = "granule.h5"

QUICK = Network(hedge=0.2, timeout=20.0)
"""Gives up a silent connection after 0.5 s, so that fault tests take no longer than they must."""


def content(seed: int = 0, size: int = SIZE) -> bytes:
    """Bytes without any pattern, so that a shifted range is never equal by chance."""
    return random.Random(seed).randbytes(size)


def some_ranges(seed: int, count: int, size: int = SIZE, longest: int = 50_000) -> list[ByteRange]:
    """Half-open ranges inside an object, in no order; they may overlap."""
    rng = random.Random(seed)
    starts = [rng.randrange(size - 1) for _ in range(count)]
    return [ByteRange(a, min(size, a + rng.randint(1, longest))) for a in starts]


def counted(everyday: int, soak: int) -> list[Any]:
    """Seeds for `parametrize`: the first ones every day, the others only in `make soak`."""
    return [
        pytest.param(seed, marks=[] if seed < everyday else pytest.mark.soak)
        for seed in range(soak)
    ]


PATIENT = Network(timeout=60.0, hedge=10.0)
"""Sends nothing twice for being slow, so that requests can be counted on a busy machine."""


@dataclass
class Origin:
    """A wire in front of a folder, and the object in it."""

    wire: Wire
    folder: Path

    def put(self, data: bytes, key: str = KEY) -> None:
        """Make the object, or replace it as S3 does: whole, with another entity tag."""
        path = self.folder / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_bytes(data)
        fresh.replace(path)

    def s3(self, key: str = KEY, *, network: Network = QUICK, engine: str = "auto") -> Store:
        """The object by ``s3://``."""
        return open_store(
            f"s3://bucket/{key}",
            storage_options={"anon": True, "client_kwargs": {"endpoint_url": self.wire.url}},
            engine=engine,
            options=Options(network=network),
        )

    def http(self, key: str = KEY, *, network: Network = QUICK, engine: str = "auto") -> Store:
        """The object by ``http://``."""
        url = f"{self.wire.url}/bucket/{key}"
        return open_store(url, engine=engine, options=Options(network=network))

    def store(self, way: str, key: str = KEY, *, network: Network = QUICK) -> Store:
        """The object one of the `WAYS`."""
        scheme, _, engine = way.partition("-")
        make: Callable[..., Store] = {"s3": self.s3, "http": self.http}[scheme]
        return make(key, network=network, engine=engine)


WAYS = ("s3-obstore", "http-obstore", "s3-fsspec", "http-fsspec")


def fetcher(store: Store, network: Network = QUICK) -> Fetcher:
    """A fetcher whose retries are its own, so that tests do not starve each other."""
    return Fetcher(store, network, budget=RetryBudget())


def patient(origin: Origin, way: str) -> Fetcher:
    """A fetcher that does not hedge."""
    return fetcher(origin.store(way, network=PATIENT), PATIENT)


def read(fetch: Fetcher, ranges: Sequence[ByteRange]) -> list[bytes]:
    """Learn the version, then read all the ranges."""

    async def both() -> list[bytes]:
        head = await fetch.head(100)
        blocks = await fetch.fetch(ranges, etag=head.etag, size=head.size)
        return [bytes(block.data) for block in blocks]

    return loop.run(both())


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fail where it is not within 10 s."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


_numbers = itertools.count()


@dataclass
class Scripted:
    """A store in memory that does what a script says, request by request.

    Attributes
    ----------
    script : list
        What each request meets, in order: an exception to raise, seconds to wait, or a
        function that spoils the block. Past the end of it all goes well.
    asked : list of ByteRange
        What was asked for.
    """

    data: bytes
    script: list[Any] = field(default_factory=list)
    etag: str = '"one"'
    pause: float = 0.0
    url: str = "memory://scripted"
    asked: list[ByteRange] = field(default_factory=list)
    cancelled: int = 0
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self.origin = f"memory-{os.getpid()}-{next(_numbers)}"

    async def get(self, start: int, stop: int, *, etag: str = "") -> Block:
        """As `Store.get`."""
        number = len(self.asked)
        self.asked.append(ByteRange(start, stop))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(number, start, stop, etag)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1

    async def _answer(self, number: int, start: int, stop: int, etag: str) -> Block:
        act = self.script[number] if number < len(self.script) else None
        await asyncio.sleep(act if isinstance(act, float) else self.pause)
        if isinstance(act, BaseException):
            raise act
        if etag and etag != self.etag:
            raise GranuleChangedError("another version")
        block = Block(start, memoryview(self.data[start:stop]), len(self.data), self.etag)
        return act(block) if callable(act) else block

    def close(self) -> None:
        """Nothing to close."""


_: type[Store] = Scripted  # the checker proves that it is one
