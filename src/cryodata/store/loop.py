"""One event loop in a daemon thread: how plain calls reach the asynchronous reader.

All network work of a process happens on this loop. A caller may stand in any thread,
inside another running loop (a notebook, a dask worker) or in a child of fork; none of
them ever sees "this event loop is already running".

Why a daemon thread: a call can then be interrupted (Ctrl-C returns at once, because the
caller only waits), and the interpreter never waits for a hung server at exit.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from cryodata.errors import ConfigurationError, FetchTimeoutError, ReaderClosedError

__all__ = ["run", "submit", "wrap"]

T = TypeVar("T")

_EXIT_PAUSE = 0.05
"""Seconds. obstore completes its futures from Rust threads; one that wakes while the
interpreter is going down aborts the process (PyO3/pyo3-async-runtimes#40). With this
pause after the last cancellation none is left."""


@dataclass(frozen=True, slots=True)
class _Running:
    pid: int
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread


class _Keeper:
    """Keeps the one loop of a process: starts it when needed, ends it at exit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._left_behind: list[_Running] = []

    def current(self) -> _Running:
        """The loop of this process; started when first needed."""
        with self._lock:
            if self._running is None or self._running.pid != os.getpid():
                self._running = _start()
            return self._running

    def forget(self) -> None:
        """In a child of fork: the parent's thread is not here, and its lock may be held."""
        self._lock = threading.Lock()
        if self._running is not None:
            # Collecting the loop would close descriptors the parent's loop is watching.
            self._left_behind.append(self._running)
        self._running = None

    def drain(self) -> None:
        """Leave nothing behind at exit: cancel, wait, pause, stop."""
        running, self._running = self._running, None
        if running is None or running.pid != os.getpid() or not running.thread.is_alive():
            return
        with suppress(Exception):  # at exit nobody is left to be told
            asyncio.run_coroutine_threadsafe(_cancel_all(), running.loop).result(1.0)
        if "obstore" in sys.modules:
            time.sleep(_EXIT_PAUSE)
        running.loop.call_soon_threadsafe(running.loop.stop)
        running.thread.join(0.5)


def _start() -> _Running:
    loop = asyncio.new_event_loop()

    def work() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    thread = threading.Thread(target=work, name="cryodata-loop", daemon=True)
    thread.start()
    return _Running(os.getpid(), loop, thread)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=0.5)


_keeper = _Keeper()
atexit.register(_keeper.drain)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keeper.forget)


def submit(coroutine: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine on the loop, from any thread; cancel the future to stop it."""
    try:
        return asyncio.run_coroutine_threadsafe(coroutine, _keeper.current().loop)
    except RuntimeError as error:  # no new thread, or a closed loop: the interpreter ends
        coroutine.close()
        raise ReaderClosedError("the interpreter is shutting down; nothing is read") from error


def run(coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
    """Run a coroutine to its end and return its result; callable from any thread.

    Parameters
    ----------
    coroutine : coroutine
        Runs on the loop's own thread.
    timeout : float, optional
        Seconds to wait; None waits as long as it takes.

    Raises
    ------
    FetchTimeoutError
        The time is over. The coroutine is cancelled.
    ConfigurationError
        Called on the loop's own thread, where it would wait for itself: await instead.
    ReaderClosedError
        The interpreter is shutting down.
    KeyboardInterrupt
        At once, whatever the servers do. The coroutine is cancelled.
    """
    if threading.current_thread() is _keeper.current().thread:
        coroutine.close()
        raise ConfigurationError(
            "run() was called on the reader's own event loop, which would wait for itself",
            fix="Await the coroutine there.",
        )
    future = submit(coroutine)
    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():  # the coroutine's own error, not ours
            raise
        future.cancel()
    except CancelledError:
        raise ReaderClosedError("the read was cancelled because the interpreter ends") from None
    except BaseException:
        future.cancel()
        raise
    raise FetchTimeoutError(f"not done after {timeout:g} s", fix="Allow more time, or read less.")


async def wrap(coroutine: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine that belongs on the reader's loop, from any running loop.

    Cancelling the caller cancels the coroutine.
    """
    if threading.current_thread() is _keeper.current().thread:
        return await coroutine
    return await asyncio.wrap_future(submit(coroutine))
