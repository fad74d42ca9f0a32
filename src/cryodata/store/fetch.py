"""What all engines need alike: many ranges at once, retries, hedges, a deadline, checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

from cryodata.errors import (
    ConfigurationError,
    CryodataError,
    FetchError,
    FetchTimeoutError,
)
from cryodata.options import Network
from cryodata.store.base import Store, Tailed
from cryodata.store.hedge import Hedges
from cryodata.store.link import Link, link_to
from cryodata.store.receipt import Receipt, Tally
from cryodata.store.replies import confirm, placed
from cryodata.store.retry import PROCESS_BUDGET, RetryBudget, delay, tries
from cryodata.types import Block, ByteRange

__all__ = ["Fetcher"]

Deliver = Callable[[int, Block], Awaitable[None]]


class Fetcher:
    """Reads ranges of one object through a store, and stands for every byte it returns.

    All coroutines run on the reader's loop (`cryodata.store.loop`). One call is one
    round of the receipt. Cancelling a caller cancels its requests.

    Parameters
    ----------
    store : Store
        Where the bytes lie.
    options : Network
        Requests in flight (shared by all calls on this fetcher), attempts, deadline of
        each call, hedging.
    tally : Tally, optional
        Counts requests and bytes; a new one by default.
    budget : RetryBudget, optional
        Pays for retries; by default the one all fetchers of the process share.

    Raises
    ------
    NotFoundError, AuthError, ConfigurationError, GranuleChangedError
        At once: repeating would not help.
    FetchTimeoutError
        The call's deadline, ``options.timeout``, passed.
    FetchError
        After ``options.attempts`` tries (three where the reply was complete and wrong),
        or earlier where the process has used up its retries.
    """

    def __init__(
        self,
        store: Store,
        options: Network | None = None,
        *,
        tally: Tally | None = None,
        budget: RetryBudget = PROCESS_BUDGET,
    ) -> None:
        self.store = store
        self.options = options or Network()
        self.tally = tally or Tally()
        self._budget = budget
        self._link: Link = link_to(store)
        self._gate: asyncio.Semaphore | None = None
        self._gate_loop: asyncio.AbstractEventLoop | None = None
        self._hedges = Hedges(self.tally)

    def __repr__(self) -> str:
        return f"Fetcher({self.store!r})"

    def __reduce__(self) -> tuple[type[Fetcher], tuple[Store, Network]]:
        return Fetcher, (self.store, self.options)

    @property
    def receipt(self) -> Receipt:
        """What was spent so far."""
        return self.tally.receipt

    def network(self) -> Network:
        """The options, with latency and bandwidth as they were seen lately."""
        return self._link.network(self.options)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    async def head(self, nbytes: int) -> Block:
        """The first `nbytes` of the object (all of it where it is shorter), of any version.

        One request tells size and entity tag, and brings the bytes most likely needed.
        """
        first = [ByteRange(0, nbytes)]
        blocks: list[Block] = []

        async def keep(_: int, block: Block) -> None:
            blocks.append(block)

        await self._round(first, "", None, keep)
        return blocks[0]

    async def ends(self, beginning: Sequence[ByteRange], tail: int) -> list[Block]:
        """The beginning of the object and, in the same round, its last `tail` bytes.

        Most HDF5 files have their structure at both ends: what was made first, and what
        was added before the file was closed. All but the first range is a bet: what lies
        beyond the end, fails, or cannot be asked for, is left out.

        Parameters
        ----------
        beginning : sequence of ByteRange
            Begins at the first byte, which is there; the other ranges need not be.
        tail : int
            Bytes of the end; 0 for none.

        Returns
        -------
        list of Block
            At least the first range, all of one version.
        """
        first, *others = beginning
        requests = [partial(self.store.get, *other) for other in others]
        if tail and isinstance(self.store, Tailed):
            requests.append(partial(self.store.tail, tail))
        bets = [asyncio.create_task(self._bet(request)) for request in requests]
        try:
            head = await self.head(first.stop)
            won = [block for bet in bets if (block := await bet) is not None]
        finally:
            for bet in bets:
                bet.cancel()
        return [head, *(b for b in won if (b.size, b.etag) == (head.size, head.etag))]

    async def _bet(self, request: Callable[[], Awaitable[Block]]) -> Block | None:
        """A request that may fail."""
        self.tally.add(requests=1)
        try:
            async with self._slots():
                block = await asyncio.wait_for(request(), self.options.hedge)
        except (CryodataError, TimeoutError):
            return None
        self.tally.add(nbytes=len(block.data))
        return block

    async def fetch(
        self,
        ranges: Sequence[ByteRange],
        *,
        etag: str,
        size: int,
        on_block: Callable[[int, Block], None] | None = None,
    ) -> list[Block]:
        """All the ranges, in their order.

        Parameters
        ----------
        ranges : sequence of ByteRange
            Half-open, not empty, inside the object.
        etag : str
            The version they belong to; empty where the server has no entity tags.
        size : int
            Bytes of the whole object in that version.
        on_block : callable, optional
            Called on the loop's thread with position in `ranges` and block as each
            arrives, in any order; it should return quickly.
        """
        blocks: dict[int, Block] = {}

        async def keep(position: int, block: Block) -> None:
            blocks[position] = block
            if on_block is not None:
                on_block(position, block)

        await self._round(ranges, etag, size, keep)
        return [blocks[position] for position in range(len(ranges))]

    async def stream(
        self, ranges: Sequence[ByteRange], *, etag: str, size: int
    ) -> AsyncGenerator[tuple[int, Block], None]:
        """Position and block of each range as it arrives, in any order.

        At most ``options.in_flight`` blocks wait for the consumer; then fetching pauses,
        and the pause counts towards the deadline. Parameters as of `fetch`. Close the
        iterator (``aclosing``) when leaving it early.
        """
        arrived: asyncio.Queue[tuple[int, Block] | None] = asyncio.Queue()
        room = asyncio.Semaphore(self.options.in_flight)

        async def offer(position: int, block: Block) -> None:
            await room.acquire()
            arrived.put_nowait((position, block))

        task = asyncio.create_task(self._round(ranges, etag, size, offer))
        task.add_done_callback(lambda _: arrived.put_nowait(None))
        try:
            while (item := await arrived.get()) is not None:
                room.release()
                yield item
            await task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, CryodataError):
                await task

    async def _round(
        self, ranges: Sequence[ByteRange], etag: str, size: int | None, deliver: Deliver
    ) -> None:
        """Fetch every range and deliver it: `options.in_flight` workers, one deadline."""
        if not ranges:
            return
        self._refuse_outside(ranges, size)
        began = time.perf_counter()
        pending = iter(enumerate(ranges))

        async def work() -> None:
            for position, wanted in pending:
                await deliver(position, await self._block(wanted, etag, size))

        failure: BaseException | None = None
        try:
            async with asyncio.timeout(self.options.timeout), asyncio.TaskGroup() as workers:
                for _ in range(min(self.options.in_flight, len(ranges))):
                    workers.create_task(work())
        except TimeoutError:
            failure = FetchTimeoutError(
                f"not done after {self.options.timeout:g} s ({len(ranges)} ranges)",
                fix="Raise the timeout, or read less at once.",
                url=self.store.url,
            )
        except BaseExceptionGroup as group:
            failure = group.exceptions[0]
        finally:
            self.tally.add(rounds=1, seconds=time.perf_counter() - began)
        if failure is not None:
            raise failure

    def _refuse_outside(self, ranges: Sequence[ByteRange], size: int | None) -> None:
        for start, stop in ranges:
            if not 0 <= start < stop or (size is not None and stop > size):
                raise ConfigurationError(
                    f"a range that is empty or outside the object of {size} bytes",
                    url=self.store.url,
                    start=start,
                    stop=stop,
                )

    async def _block(self, wanted: ByteRange, etag: str, size: int | None) -> Block:
        """One range, tried until it is right, hopeless, or too often."""
        failures = 0
        while True:
            try:
                async with self._slots():
                    patience = self._link.hedge_after(wanted.stop - wanted.start, self.options)
                    block = await self._hedges.first(
                        lambda: self._once(wanted, etag, size), patience
                    )
            except FetchError as error:
                failures += 1
                if failures >= tries(error, self.options.attempts) or not self._budget.spend():
                    raise
                pause = delay(error, failures)
            else:
                self._budget.refund(retried=failures > 0)
                return block
            self.tally.add(retries=1)
            await asyncio.sleep(pause)

    def _slots(self) -> asyncio.Semaphore:
        """The gate all calls share; a new one on a new loop (in a child of fork)."""
        loop = asyncio.get_running_loop()
        if self._gate is None or self._gate_loop is not loop:
            self._gate, self._gate_loop = asyncio.Semaphore(self.options.in_flight), loop
        return self._gate

    async def _once(self, wanted: ByteRange, etag: str, size: int | None) -> Block:
        """One request, checked and counted."""
        self.tally.add(requests=1)
        began = time.perf_counter()
        with placed(self.store.url, wanted.start, wanted.stop):
            block = await self.store.get(wanted.start, wanted.stop, etag=etag)
            self._link.record(len(block.data), time.perf_counter() - began)
            self.tally.add(nbytes=len(block.data))
            confirm(block, wanted, etag, size)
        return block
