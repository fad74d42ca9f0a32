"""Many callers, one request: whoever comes while it is under way waits for its outcome."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, TypeVar

from cryodata.errors import CryodataError, FetchTimeoutError, ReaderClosedError

__all__ = ["Flight", "anew", "arrival", "landing"]

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

_LONGEST = 60.0
"""Nobody waits longer than this for a request that bounds itself by seconds, s."""


class Flight(Generic[T]):
    """One piece of work at a time, in a daemon thread, for callers of any kind.

    Threads wait with `landing`, tasks of any event loop with `arrival`. A caller that
    is cancelled, or whose loop ends, leaves the others and the work alone.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    __slots__ = ("_lock", "_name", "_under_way")

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._under_way: Future[T] | None = None

    def start(self, work: Callable[[], T]) -> Future[T]:
        """The outcome of what is under way, or of `work`, which is started then."""
        with self._lock:
            if self._under_way is not None:
                return self._under_way
            future: Future[T] = Future()
            future.set_running_or_notify_cancel()  # from here on nobody can cancel it
            self._under_way = future
        thread = threading.Thread(
            target=self._run, args=(work, future), name=self._name, daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no new thread: the interpreter ends
            self._finish(future, ReaderClosedError("the interpreter is shutting down"))
        return future

    def _run(self, work: Callable[[], T], future: Future[T]) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            self._finish(future, error)
        else:
            self._finish(future, None, result)

    def _finish(
        self, future: Future[T], error: BaseException | None, result: T | None = None
    ) -> None:
        with self._lock:
            self._under_way = None
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # there is one where there is no error


def landing(future: Future[T]) -> T:
    """Wait in a thread for what `Flight.start` returned.

    Raises
    ------
    CryodataError
        A copy of the one the work ended with: each caller adds its own place to it.
    """
    try:
        error = future.exception(_LONGEST)
    except TimeoutError:
        error = _overdue()
    if error is not None:
        raise anew(error) if isinstance(error, CryodataError) else error
    return future.result()


async def arrival(future: Future[T]) -> T:
    """As `landing`, for a task of any event loop."""
    loop = asyncio.get_running_loop()
    landed = asyncio.Event()

    def wake(_: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(landed.set)

    future.add_done_callback(wake)
    with suppress(TimeoutError):
        await asyncio.wait_for(landed.wait(), _LONGEST)
    if not future.done():
        raise _overdue()
    return landing(future)


def _overdue() -> FetchTimeoutError:
    return FetchTimeoutError("Earthdata did not answer in time", fix="Try again.")


def anew(error: E) -> E:
    """The same error for another caller, without the frames it came through.

    Those hold links and keys, and `copy` takes them along where distributed is imported
    (it teaches exceptions to pickle with their traceback).
    """
    same = copy.copy(error).with_traceback(None)
    same.__cause__ = same.__context__ = None
    return same
