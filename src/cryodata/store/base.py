"""The protocol between the reader and wherever the bytes lie."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cryodata.errors import AuthError
from cryodata.types import Block, Grant

__all__ = ["Access", "Store", "Tailed"]


@runtime_checkable
class Store(Protocol):
    """One object, readable by ranges. Implementations keep no state but connections.

    Attributes
    ----------
    url : str
        What is read, without query string, user or password: safe to print.
    """

    url: str

    async def get(self, start: int, stop: int, *, etag: str = "") -> Block:
        """Bytes ``start <= i < stop``, or up to the end of the object where it is shorter.

        One request, no retry. The reply is checked: it is the range asked for, as long
        as it says, and of the version asked for.

        Parameters
        ----------
        start, stop : int
            Half-open; ``0 <= start < stop``. A stop beyond the end is cut.
        etag : str
            Refuse any other version (``If-Match``); empty takes any.

        Raises
        ------
        NotFoundError
            There is no such object.
        AuthError
            The server refuses.
        ThrottledError
            The server asks to slow down (worth a retry).
        GranuleChangedError
            The object is another version than `etag`, or `start` is past its end while
            `etag` was given.
        WrongRangeError, TruncatedError
            The reply is not what was asked for (worth a retry).
        FetchError
            Anything else the network or the server did (worth a retry).
        ReaderClosedError
            Used in a child of fork.
        """
        ...

    def close(self) -> None:
        """Give connections back; the store is not used afterwards."""
        ...


@runtime_checkable
class Tailed(Protocol):
    """A store that can read the end of an object before it knows where that is."""

    async def tail(self, nbytes: int) -> Block:
        """The last `nbytes` of the object, or all of it where it is shorter.

        One request, no retry; checked and failing as `Store.get`.
        """
        ...


@runtime_checkable
class Access(Protocol):
    """Leave to read one object, given anew when it is over. Pickles without secrets."""

    @property
    def curable(self) -> tuple[type[AuthError], ...]:
        """Refusals that a new grant can cure."""
        ...

    async def grant(self, *, stale: Grant | None = None) -> Grant:
        """Leave to read that is good for now.

        Cheap while the last one is; many callers at once make one request.

        Parameters
        ----------
        stale : Grant, optional
            One that was refused: give another, unless another is there already.

        Raises
        ------
        AuthError
            There is none to be had: the class and its ``fix`` say why.
        FetchError
            Whoever gives grants cannot be reached.
        """
        ...
