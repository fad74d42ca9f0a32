"""The threads that decode, and turns of coroutines: both are made anew in a child of fork."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Turn", "decoders"]

_pools: dict[int, ThreadPoolExecutor] = {}


def decoders(threads: int) -> ThreadPoolExecutor:
    """Threads that decode; one pool a process."""
    pid = os.getpid()
    if pid not in _pools:
        _pools.clear()
        _pools[pid] = ThreadPoolExecutor(threads, thread_name_prefix="cryodata-decode")
    return _pools[pid]


class Turn:
    """A lock of whichever event loop runs now: a child of fork has another one."""

    def __init__(self) -> None:
        self._lock: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def lock(self) -> asyncio.Lock:
        """The lock; always the same one on the same loop."""
        running = asyncio.get_running_loop()
        if self._lock is None or self._loop is not running:
            self._lock, self._loop = asyncio.Lock(), running
        return self._lock
