"""An event loop on a thread of its own, that serves until it is told to stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

__all__ = ["LoopThread", "Serve"]

Serve = Callable[[Callable[[], None], asyncio.Event], Awaitable[None]]
"""Serves: says by a call that it has begun, and ends when the event is set."""


class LoopThread:
    """Runs one coroutine on one thread.

    Parameters
    ----------
    serve : callable
        What to run, see `Serve`.
    name : str
        Of the thread.
    """

    def __init__(self, serve: Serve, name: str) -> None:
        self._serve = serve
        self._stopping: Callable[[], object] = _nothing
        self._thread: threading.Thread | None = None
        self._name = name

    def start(self) -> None:
        """Start, and wait until it serves. What keeps it from serving is raised here."""
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name=self._name, daemon=True
        )
        self._thread.start()
        started.result()

    def stop(self) -> None:
        """Stop, and wait for the end. Nothing happens if it does not run."""
        self._stopping()
        if self._thread is not None:
            self._thread.join()

    def _run(self, started: Future[None]) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._until_stopped(started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _until_stopped(self, started: Future[None]) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._stopping = lambda: loop.call_soon_threadsafe(stop.set)
        try:
            await self._serve(lambda: started.set_result(None), stop)
        finally:
            self._stopping = _nothing


def _nothing() -> None:
    """What stopping means for a loop that does not run."""


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where that is installed: it keeps time better under load."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
