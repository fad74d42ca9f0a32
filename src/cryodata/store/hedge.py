"""Late requests are sent a second time, and the first good answer wins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from cryodata.errors import FetchError
from cryodata.store.receipt import Tally

__all__ = ["Hedges"]

T = TypeVar("T")

_FREE = 1
_SHARE = 0.03


class Hedges:
    """Sends requests, and a few of the late ones twice.

    One hedge is free, then they are at most 3 % of the requests: a server that is slow
    for everybody is never asked much more for being slow.

    Parameters
    ----------
    tally : Tally
        Counts the hedges.
    """

    __slots__ = ("_requests", "_sent", "_tally")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._requests = 0
        self._sent = 0

    async def first(self, ask: Callable[[], Coroutine[Any, Any, T]], patience: float) -> T:
        """The first good answer; the other request is cancelled.

        Parameters
        ----------
        ask : callable
            Sends the request, each time anew.
        patience : float
            Seconds until the request counts as late.

        Raises
        ------
        CryodataError
            What `ask` raises: at once where repeating would not help, else when the
            last request under way has failed too.
        """
        running = {self._send(ask)}
        try:
            done, running = await asyncio.wait(running, timeout=patience)
            if not done and self._sent < _FREE + _SHARE * self._requests:
                self._sent += 1
                self._tally.add(hedges=1)
                running.add(self._send(ask))
            while True:
                if not done:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                finished = done.pop()
                error = _error_of(finished)
                if error is None:
                    return finished.result()
                if not (running or done) or not isinstance(error, FetchError):
                    raise error
        finally:
            for task in running:
                task.cancel()

    def _send(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        self._requests += 1
        task = asyncio.create_task(ask())
        task.add_done_callback(_error_of)  # else asyncio complains of the loser's failure
        return task


def _error_of(task: asyncio.Task[Any]) -> BaseException | None:
    """Why a finished task failed; None where it did not.

    A client may cancel its own request (at exit, or when its loop is closed). Passed on
    as it is, that would look as if the caller had been cancelled, and a range would be
    missing without an error.
    """
    if task.cancelled():
        return FetchError("the request was cancelled by the client below")
    return task.exception()
