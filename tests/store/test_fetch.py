"""Fetching many ranges: order, limits, retries, hedges, the deadline, and checks."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

import pytest

from cryodata.errors import (
    AuthError,
    ConfigurationError,
    CryodataError,
    FetchError,
    FetchTimeoutError,
    GranuleChangedError,
    NotFoundError,
    TruncatedError,
    WrongRangeError,
)
from cryodata.options import Network
from cryodata.store import loop
from cryodata.store.fetch import Fetcher
from cryodata.store.retry import RetryBudget
from cryodata.types import Block, ByteRange
from tests.store.helpers import Scripted, content, fetcher, some_ranges

DATA = content(size=100_000)
RANGES = some_ranges(1, 50, len(DATA), 5_000)
WANTED = [DATA[start:stop] for start, stop in RANGES]


def got(fetch: Fetcher, ranges: list[ByteRange] = RANGES) -> list[bytes]:
    """The ranges of version one."""
    blocks = loop.run(fetch.fetch(ranges, etag='"one"', size=len(DATA)), timeout=60)
    return [bytes(block.data) for block in blocks]


def test_blocks_come_in_the_order_of_the_ranges() -> None:
    """Bytes would be decoded as another chunk."""
    fetch = fetcher(Scripted(DATA))
    assert got(fetch) == WANTED
    receipt = fetch.receipt
    assert (receipt.requests, receipt.rounds) == (50, 1)
    assert receipt.nbytes == sum(map(len, WANTED))
    assert receipt.seconds > 0


def test_on_block_sees_every_block_once_with_its_position() -> None:
    """A chunk would be decoded twice or never."""
    seen: dict[int, bytes] = {}

    def note(position: int, block: Block) -> None:
        assert position not in seen
        seen[position] = bytes(block.data)

    fetch = fetcher(Scripted(DATA))
    loop.run(fetch.fetch(RANGES, etag="", size=len(DATA), on_block=note))
    assert [seen[position] for position in range(50)] == WANTED


def test_stream_gives_every_block_once() -> None:
    """A chunk would be decoded twice or never."""
    fetch = fetcher(Scripted(DATA, pause=0.001))

    async def collect() -> dict[int, bytes]:
        stream = fetch.stream(RANGES, etag='"one"', size=len(DATA))
        return {position: bytes(block.data) async for position, block in stream}

    seen = loop.run(collect())
    assert [seen[position] for position in range(50)] == WANTED


def test_stream_waits_for_a_slow_consumer() -> None:
    """Blocks would pile up in memory faster than they are decoded."""
    store = Scripted(DATA)
    fetch = fetcher(store, Network(in_flight=4))

    async def first_only() -> int:
        async with aclosing(fetch.stream(RANGES, etag="", size=len(DATA))) as stream:
            async for _ in stream:
                await asyncio.sleep(0.2)
                return len(store.asked)
        return 0

    # one is with the consumer, four wait for it, four more have nowhere to go
    assert loop.run(first_only()) <= 9


def test_leaving_a_stream_early_cancels_its_requests() -> None:
    """Requests nobody wants any more would go on."""
    store = Scripted(DATA, script=[0.0, *[30.0] * 49])
    fetch = fetcher(store)

    async def first_only() -> None:
        async with aclosing(fetch.stream(RANGES, etag="", size=len(DATA))) as stream:
            async for _ in stream:
                return

    loop.run(first_only(), timeout=10)
    assert store.in_flight == 0
    assert store.cancelled > 0


def test_stream_raises_what_went_wrong() -> None:
    """A stream would end early and look complete."""
    fetch = fetcher(Scripted(DATA, script=[None, NotFoundError("gone")]))

    async def collect() -> None:
        async for _ in fetch.stream(RANGES, etag="", size=len(DATA)):
            pass

    with pytest.raises(NotFoundError, match="gone"):
        loop.run(collect())


def test_no_more_requests_in_flight_than_allowed_by_all_calls_together() -> None:
    """Two reads of one granule would double its load on the server."""
    store = Scripted(DATA, pause=0.002)
    fetch = fetcher(store, Network(in_flight=8))

    async def twice() -> None:
        one = fetch.fetch(RANGES, etag="", size=len(DATA))
        two = fetch.fetch(RANGES, etag="", size=len(DATA))
        await asyncio.gather(one, two)

    loop.run(twice())
    assert store.most_in_flight == 8
    assert fetch.receipt.rounds == 2


def test_nothing_asked_costs_nothing() -> None:
    """An empty selection would cost a request."""
    fetch = fetcher(Scripted(DATA))
    assert got(fetch, []) == []
    assert fetch.receipt.requests == fetch.receipt.rounds == 0


@pytest.mark.parametrize("bad", [(5, 5), (7, 3), (-1, 4), (99_999, 100_001)])
def test_a_range_outside_the_object_is_refused_before_any_request(bad: tuple[int, int]) -> None:
    """A wrong index would be answered with other bytes, or fewer."""
    store = Scripted(DATA)
    with pytest.raises(ConfigurationError, match="outside the object"):
        got(fetcher(store), [ByteRange(0, 10), ByteRange(*bad)])
    assert store.asked == []


def test_head_learns_size_and_version() -> None:
    """The index would describe an unknown version."""
    block = loop.run(fetcher(Scripted(DATA)).head(500))
    assert (block.start, bytes(block.data), block.size, block.etag) == (
        0,
        DATA[:500],
        len(DATA),
        '"one"',
    )


def test_head_of_a_short_object_is_all_of_it() -> None:
    """A small granule would be refused as truncated."""
    assert bytes(loop.run(fetcher(Scripted(b"short")).head(500)).data) == b"short"


@pytest.mark.parametrize("error", [FetchError("reset"), FetchTimeoutError("silence")])
def test_transient_failures_are_invisible(error: Exception) -> None:
    """One reset in a thousand requests would fail the whole read."""
    fetch = fetcher(Scripted(DATA, script=[error, None, error, error]))
    assert got(fetch) == WANTED
    assert fetch.receipt.retries == 3
    assert fetch.receipt.requests == 53


@pytest.mark.parametrize(
    "error", [NotFoundError("no"), AuthError("no"), GranuleChangedError("no")], ids=repr
)
def test_hopeless_failures_are_raised_at_once(error: CryodataError) -> None:
    """A wrong key would be tried again and again, and lock the account."""
    store = Scripted(DATA, script=[error])
    with pytest.raises(type(error)):
        got(fetcher(store), RANGES[:1])
    assert len(store.asked) == 1


def test_attempts_are_counted_per_request() -> None:
    """A broken server would be asked for ever, or too few times."""
    store = Scripted(DATA, script=[FetchError("no")] * 100)
    with pytest.raises(FetchError, match="no"):
        got(fetcher(store, Network(attempts=4)), RANGES[:1])
    assert len(store.asked) == 4


def test_an_empty_budget_ends_all_retries() -> None:
    """Many reads against a broken server would be a storm."""
    store = Scripted(DATA, script=[FetchError("no")] * 1000)
    budget = RetryBudget(tokens=25, cost=5)
    fetch = Fetcher(store, Network(in_flight=1), budget=budget)
    for _ in range(20):
        with pytest.raises(FetchError):
            got(fetch, RANGES[:1])
    assert len(store.asked) == 20 + 5


def shifted(block: Block) -> Block:
    """The same number of bytes from one byte later."""
    return replace(block, start=block.start + 1)


def shortened(block: Block) -> Block:
    """All but the last byte."""
    return replace(block, data=block.data[:-1])


def lengthened(block: Block) -> Block:
    """One byte more."""
    return replace(block, data=memoryview(bytes(block.data) + b"x"))


@pytest.mark.parametrize(
    "spoil, error",
    [(shifted, WrongRangeError), (shortened, TruncatedError), (lengthened, WrongRangeError)],
)
def test_a_wrong_block_is_refused_whoever_made_it(
    spoil: object, error: type[CryodataError]
) -> None:
    """Wrong bytes would be decoded as data."""
    store = Scripted(DATA, script=[spoil] * 100)
    with pytest.raises(error):
        got(fetcher(store), RANGES[:1])
    assert len(store.asked) == 3
    assert got(fetcher(Scripted(DATA, script=[spoil, spoil])), RANGES[:1]) == WANTED[:1]


@pytest.mark.parametrize(
    "spoil",
    [lambda b: replace(b, size=b.size + 1), lambda b: replace(b, etag='"two"')],
    ids=["size", "etag"],
)
def test_a_block_of_another_version_is_refused_at_once(spoil: object) -> None:
    """Chunks of two versions would be mixed."""
    store = Scripted(DATA, script=[spoil])
    with pytest.raises(GranuleChangedError):
        got(fetcher(store), RANGES[:1])
    assert len(store.asked) == 1


def test_the_deadline_bounds_the_whole_call() -> None:
    """A hung server would hang the reader."""
    store = Scripted(DATA, script=[60.0] * 100)
    began = time.monotonic()
    with pytest.raises(FetchTimeoutError, match=r"not done after 0.3 s \(50 ranges\)"):
        got(fetcher(store, Network(timeout=0.3, in_flight=8)))
    assert time.monotonic() - began < 5
    assert store.in_flight == 0


def test_a_failure_cancels_the_requests_beside_it() -> None:
    """A read that has failed would go on in the background."""
    store = Scripted(DATA, script=[60.0, 60.0, NotFoundError("gone")])
    with pytest.raises(NotFoundError):
        got(fetcher(store, Network(in_flight=8)))
    assert store.in_flight == 0


def test_cancelling_the_caller_cancels_its_requests_and_no_others() -> None:
    """A cancelled task would keep the line busy, or take its neighbour down."""
    store = Scripted(DATA, script=[60.0] * 8, pause=0.01)
    fetch = fetcher(store, Network(in_flight=100))

    async def main() -> list[Block]:
        doomed = asyncio.create_task(fetch.fetch(RANGES[:8], etag="", size=len(DATA)))
        await asyncio.sleep(0.05)
        other = asyncio.create_task(fetch.fetch(RANGES, etag="", size=len(DATA)))
        doomed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doomed
        assert store.cancelled == 8
        return await other

    assert [bytes(block.data) for block in loop.run(main())] == WANTED


def test_a_late_request_is_sent_twice_and_the_first_answer_wins() -> None:
    """One straggler would hold up the whole read."""
    store = Scripted(DATA, script=[30.0])
    fetch = fetcher(store, Network(hedge=0.05, timeout=20.0))
    assert got(fetch, RANGES[:1]) == WANTED[:1]
    assert fetch.receipt.hedges == 1
    assert fetch.receipt.requests == 2
    assert fetch.receipt.retries == 0


def test_a_hedge_may_fail_while_the_first_request_still_succeeds() -> None:
    """Hedging would make reads less reliable, not more."""
    store = Scripted(DATA, script=[0.3, FetchError("the hedge")])
    fetch = fetcher(store, Network(hedge=0.05))
    assert got(fetch, RANGES[:1]) == WANTED[:1]
    assert fetch.receipt.retries == 0


def test_a_request_cancelled_below_is_tried_again() -> None:
    """A range would be missing without an error: its worker looked cancelled by the caller."""
    store = Scripted(DATA, script=[asyncio.CancelledError()])
    fetch = fetcher(store)
    assert got(fetch) == WANTED
    assert fetch.receipt.retries == 1


def test_hedges_are_few() -> None:
    """A slow server would be asked twice for everything."""
    fetch = fetcher(Scripted(DATA, pause=0.15), Network(hedge=0.02, in_flight=50))
    assert got(fetch) == WANTED
    assert 1 <= fetch.receipt.hedges <= 3
    assert fetch.receipt.requests == 50 + fetch.receipt.hedges


def test_a_fetcher_works_on_a_loop_of_its_own_after_another() -> None:
    """In a child of fork the old loop's gate would never open."""
    fetch = fetcher(Scripted(DATA, pause=0.001), Network(in_flight=2))
    for _ in range(2):
        blocks = asyncio.run(fetch.fetch(RANGES, etag="", size=len(DATA)))
        assert [bytes(block.data) for block in blocks] == WANTED
