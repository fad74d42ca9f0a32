"""What the tests of renewal share: readers of a protected object, in threads and in workers."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from cryodata.earthdata.leave import keys
from cryodata.earthdata.leave.credentials import bucket_credentials
from cryodata.earthdata.leave.links import SignedLink
from cryodata.earthdata.system import System
from cryodata.options import Network
from cryodata.sandbox.earthdata import PROTECTED
from cryodata.store import loop
from cryodata.store.fetch import Fetcher
from cryodata.store.renewing import RenewingStore
from cryodata.types import ByteRange

__all__ = ["Way", "keys_had", "read_for", "read_once", "store_of", "threads_read"]

Way = Literal["direct", "external"]
PATIENT = Network(timeout=60.0, hedge=10.0)


def store_of(way: Way, key: str, system: System, *, engine: str = "auto") -> RenewingStore:
    """A protected object of the sandbox, on the way named."""
    (endpoint,) = set(system.endpoints.values())
    if way == "direct":
        url = f"s3://{PROTECTED}/{key}"
        access = bucket_credentials(endpoint, PROTECTED, system).access(url)
        return RenewingStore(url, access, engine=engine, network=PATIENT)
    url = f"{endpoint}/{PROTECTED}/{key}"
    return RenewingStore(url, SignedLink(url, system), engine=engine, network=PATIENT)


def read_once(store: RenewingStore, content: bytes, seed: int) -> int:
    """Read four ranges of an object and compare them; how many were asked for twice, being late."""
    rng = random.Random(seed)
    starts = [rng.randrange(len(content) - 2000) for _ in range(4)]
    ranges = [ByteRange(start, start + rng.randint(1, 2000)) for start in starts]
    fetch = Fetcher(store, PATIENT)
    blocks = loop.run(fetch.fetch(ranges, etag="", size=len(content)), timeout=60)
    assert [bytes(block.data) for block in blocks] == [content[a:b] for a, b in ranges]
    assert fetch.receipt.retries == 0
    return fetch.receipt.hedges


def read_for(seconds: float, store: RenewingStore, content: bytes, seed: int) -> tuple[int, int]:
    """Read again and again, twice at least; how often, and how many ranges were asked for twice."""
    until, reads, hedges = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until or reads < 2:
        hedges += read_once(store, content, 1000 * seed + reads)
        reads += 1
    return reads, hedges


@dataclass(frozen=True)
class Outcome:
    """What many threads came to.

    Attributes
    ----------
    reads : int
        Those that were right, of four ranges each.
    hedges : int
        Ranges that were asked for a second time, because the answer was late.
    failures : Counter
        The others, by what they ended with.
    seconds : float
        How long it took, s.
    """

    reads: int
    hedges: int
    failures: Counter[str]
    seconds: float


def threads_read(seconds: float, stores: list[RenewingStore], content: bytes) -> Outcome:
    """Read from 64 threads at once, each with a store of its own."""
    failures: Counter[str] = Counter()
    together = threading.Barrier(64)
    began = time.monotonic()

    def work(number: int) -> tuple[int, int]:
        together.wait(30)
        try:
            return read_for(seconds, stores[number % len(stores)], content, number)
        except Exception as error:  # noqa: BLE001 - all kinds are counted
            failures[repr(error)] += 1
            return 0, 0

    with ThreadPoolExecutor(64) as pool:
        reads, hedges = zip(*pool.map(work, range(64)), strict=True)
    return Outcome(sum(reads), sum(hedges), failures, time.monotonic() - began)


def keys_had() -> int:
    """How many keys this process has been given."""
    return int(repr(keys._serials).removeprefix("count(").removesuffix(")")) - 1
