"""Something that ends and is got anew: once, however many ask; later, where that fails."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from cryodata.earthdata.hosts import clock
from cryodata.earthdata.hosts.flight import Flight, anew
from cryodata.errors import AuthError, CryodataError, FetchError, ThrottledError

__all__ = ["Supply"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
"""Between requests that fail, s; doubled each time."""
_LONGEST_ASKED = 600.0
"""Of what a host asks to wait, s: more is a mistake of its."""


class Supply(Generic[T]):
    """The last thing that was got, and the request for the next. Thread-safe.

    Parameters
    ----------
    what : str
        What it is, for the log; nothing secret.
    """

    __slots__ = (
        "_failure",
        "_failures",
        "_flight",
        "_lock",
        "_login",
        "_next_try",
        "_value",
        "_what",
    )

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._begin(0)

    def _begin(self, login: int) -> None:
        self._login = login
        self._value: T | None = None
        self._flight: Flight[T] = Flight("cryodata-earthdata")
        self._failure: CryodataError | None = None
        self._failures = 0
        self._next_try = 0.0

    def look(
        self,
        login: int,
        make: Callable[[T | None], T],
        *,
        serves: Callable[[T], bool],
        due: Callable[[T], bool],
    ) -> T | Future[T]:
        """What there is, if it serves; else what is on its way.

        Parameters
        ----------
        login : int
            Counts the logins: what was got with an earlier one is forgotten.
        make : callable
            Gets the next, given the last; runs in a thread of its own.
        serves : callable
            Whether the last may still be used.
        due : callable
            Whether the next is asked for already, while the last serves.

        Raises
        ------
        CryodataError
            There is nothing, and the last request for it failed a moment ago.
        """
        with self._lock:
            if login != self._login:
                self._begin(login)
            value, waiting = self._value, clock.now() < self._next_try
            if value is not None and serves(value):
                if not waiting and due(value):
                    self._start(login, make, value, serving=True)
                return value
            if waiting and self._failure is not None:
                raise anew(self._failure)
            return self._start(login, make, value, serving=False)

    def _start(
        self, login: int, make: Callable[[T | None], T], last: T | None, *, serving: bool
    ) -> Future[T]:
        def work() -> T:
            try:
                value = make(last)
            except (AuthError, FetchError) as error:
                self._failed(login, anew(error), serving=serving)
                raise
            self._succeeded(login, value)
            return value

        return self._flight.start(work)

    def _succeeded(self, login: int, value: T) -> None:
        with self._lock:
            if login == self._login:
                self._value, self._failure = value, None
                self._failures, self._next_try = 0, 0.0

    def _failed(self, login: int, error: CryodataError, *, serving: bool) -> None:
        """The next request waits: longer each time, and never less than it was told to."""
        asked = min(error.retry_after, _LONGEST_ASKED) if isinstance(error, ThrottledError) else 0.0
        with self._lock:
            if login != self._login:
                return
            bound = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**self._failures)
            pause = random.uniform(0.5 * bound, bound)  # noqa: S311 - spreads load
            self._next_try = clock.now() + max(asked, pause)
            self._failures += 1
            self._failure = error
            first = self._failures == 1
        if serving and first:
            kind = type(error).__name__
            _log.warning("no new %s yet (%s); the last ones serve to their end", self._what, kind)
