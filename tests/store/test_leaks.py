"""Nothing is left open: descriptors, threads, tasks."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cryodata.store import loop
from tests.store.helpers import Origin, fetcher, read, some_ranges

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")


async def tasks() -> int:
    """Tasks on the reader's loop, this one not counted."""
    return len(asyncio.all_tasks()) - 1


def descriptors() -> int:
    """Descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def native_threads() -> int:
    """Threads of this process, obstore's among them."""
    return len(list(Path("/proc/self/task").iterdir()))


def settled(count: Callable[[], int], goal: int, seconds: float) -> int:
    """A count once it is down to its goal, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while (now := count()) > goal and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


@pytest.mark.parametrize("rounds", [100, pytest.param(500, marks=pytest.mark.soak)])
@pytest.mark.parametrize("way", ["s3-obstore", "http-obstore"])
def test_reading_and_closing_leaves_nothing_open(origin: Origin, way: str, rounds: int) -> None:
    """A loop over a thousand granules would run out of descriptors or threads."""

    def cycle() -> None:
        fetch = fetcher(origin.store(way))
        read(fetch, some_ranges(0, 8))
        fetch.close()

    cycle()  # starts the loop and obstore's threads
    before = settled(descriptors, 0, 0.5), threading.active_count(), native_threads()
    for _ in range(rounds):
        cycle()
    gc.collect()
    assert settled(descriptors, before[0] + 2, 5) <= before[0] + 2
    assert threading.active_count() <= before[1] + 2
    # obstore looks names up in threads of its own, which end after 10 s without work
    patience = 15 if rounds > 100 else 0
    assert settled(native_threads, before[2] + 2, patience) <= before[2] + (2 if patience else 32)
    assert loop.run(tasks()) == 0
