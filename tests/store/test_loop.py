"""The loop: calls from any thread, inside other loops, and interrupted."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from cryodata.errors import ConfigurationError, FetchTimeoutError
from cryodata.store import loop


async def give(value: int, *, after: float = 0.0) -> int:
    """A value, later."""
    await asyncio.sleep(after)
    return value


async def fail() -> int:
    """A TimeoutError of the coroutine's own."""
    raise TimeoutError("mine")


def test_run_returns_the_result() -> None:
    """Nothing could be read."""
    assert loop.run(give(7)) == 7


def test_run_passes_the_coroutines_own_timeout_on() -> None:
    """An error of the read would be taken for the caller's deadline."""
    with pytest.raises(TimeoutError, match="mine"):
        loop.run(fail(), timeout=30)


def test_run_stops_the_coroutine_at_its_timeout() -> None:
    """The read would go on behind the back of a caller who gave up."""
    stopped = threading.Event()

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise

    with pytest.raises(FetchTimeoutError, match=r"not done after 0\.05 s"):
        loop.run(long(), timeout=0.05)
    assert stopped.wait(5)


def test_run_on_the_loops_own_thread_is_refused() -> None:
    """It would wait for itself for ever."""

    async def inner() -> int:
        return loop.run(give(1))

    with pytest.raises(ConfigurationError, match="wait for itself"):
        loop.run(inner(), timeout=10)


def test_run_works_inside_a_running_loop() -> None:
    """A notebook would get "this event loop is already running"."""

    async def cell() -> int:
        return loop.run(give(3))

    assert asyncio.run(cell()) == 3


def test_wrap_awaits_from_another_loop_and_from_its_own() -> None:
    """Zarr's and xarray's asynchronous readers could not use the store."""

    async def nested() -> int:
        return await loop.wrap(give(5))

    assert asyncio.run(nested()) == 5
    assert loop.run(nested()) == 5


def test_cancelling_a_wrapped_call_cancels_the_coroutine() -> None:
    """A cancelled task would leave its requests running."""
    started, stopped = threading.Event(), threading.Event()

    async def long() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    async def main() -> None:
        task = asyncio.create_task(loop.wrap(long()))
        await asyncio.to_thread(started.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert stopped.wait(5)


def test_threads_share_one_loop() -> None:
    """Each thread would open its own connections, or they would deadlock."""
    seen: set[int] = set()
    results: list[int] = []

    async def note(value: int) -> int:
        seen.add(id(asyncio.get_running_loop()))
        return await give(value, after=0.01)

    threads = [
        threading.Thread(target=lambda n=n: results.append(loop.run(note(n)))) for n in range(32)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - began < 10
    assert sorted(results) == list(range(32))
    assert len(seen) == 1
