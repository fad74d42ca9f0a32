"""One object behind leave that ends: keys of an hour, a signed link."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cryodata.errors import ConfigurationError, CryodataError, FetchError
from cryodata.options import Network
from cryodata.store.address import shown
from cryodata.store.base import Access, Store, Tailed
from cryodata.store.resolve import ENGINES
from cryodata.store.stay import can_stay
from cryodata.types import Block, Grant

__all__ = ["RenewingStore"]

_MOST_GRANTS = 4
"""That one request is sent with after the first; against grants that are over when they come."""


class RenewingStore:
    """One object, read with whatever leave its `Access` gives at that moment.

    Every request asks for the grant of now. Where the server refuses in a way that a new
    grant can cure, the request is sent once more with one; that is no retry of the
    `Fetcher` and costs nothing of its budget. Objects read with the same keys share
    connections, which go when the keys do.

    Pickles and prints without secrets: only `url`, and `access`, which asks anew where it
    arrives.

    Parameters
    ----------
    url : str
        The object's own, by which it is known: it stays the same whatever the grants say.
    access : Access
        Gives leave to read it.
    engine : {"auto", "obstore", "fsspec"}
        Reads objects of S3; "auto" is obstore, and fsspec behind a proxy, where obstore
        would follow redirects with the session token. Signed links are always read through
        aiohttp, see `FsspecStore.private`.
    network : Network, optional
        Time-outs of the engine.

    Raises
    ------
    ConfigurationError
        There is no such engine.
    """

    __slots__ = ("_access", "_engine", "_held", "_network", "origin", "url")

    def __init__(
        self, url: str, access: Access, *, engine: str = "auto", network: Network | None = None
    ) -> None:
        if engine not in ENGINES:
            raise ConfigurationError(
                f"there is no engine {engine!r}", fix=f"There are: {', '.join(ENGINES)}."
            )
        self.url, self.origin = shown(url)
        self._access = access
        self._engine = engine
        self._network = network or Network()
        self._held: _Held | None = None

    def __repr__(self) -> str:
        return f"RenewingStore({self.url!r})"

    def __copy__(self) -> RenewingStore:
        return self

    def __deepcopy__(self, memo: object) -> RenewingStore:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.url, self._access, self._engine, self._network)

    async def get(self, start: int, stop: int, *, etag: str = "") -> Block:
        """Bytes ``start <= i < stop``, cut at the end of the object; see `Store.get`."""
        return await self._ask(lambda store: store.get(start, stop, etag=etag))

    async def tail(self, nbytes: int) -> Block:
        """The last `nbytes` of the object, whatever its size; see `Tailed.tail`."""
        return await self._ask(lambda store: store.tail(nbytes))

    def close(self) -> None:
        """Give the connections back, unless another open store uses them too."""
        self._held = None

    async def _ask(self, request: Callable[[_Inner], Awaitable[Block]]) -> Block:
        """Send a request, and again with a new grant where that can cure what it met.

        A grant that should still have been good is renewed once. One that was over by its
        own word when the refusal came, because the request was long on its way, does not
        count.
        """
        grant, renewed = await self._grant(None), False
        for _ in range(_MOST_GRANTS):
            try:
                return await self._send(request, grant)
            except self._access.curable:
                was_good = grant.expires > time.time()
                if was_good and renewed:
                    raise
                renewed |= was_good
            grant = await self._grant(grant)
        return await self._send(request, grant)

    async def _grant(self, stale: Grant | None) -> Grant:
        try:
            return await self._access.grant(stale=stale)
        except CryodataError as error:
            if isinstance(error, FetchError):
                error.final = True  # an access has its own retries
            error.locate(url=self.url)
            raise

    async def _send(self, request: Callable[[_Inner], Awaitable[Block]], grant: Grant) -> Block:
        try:
            return await request(self._store(grant))
        except CryodataError as error:
            failure = error
        failure.url = self.url  # not that of a signed link
        try:
            raise failure.with_traceback(None)  # the frames below hold keys and links
        finally:
            del failure  # else error and frame hold each other, and the frame the connections

    def _store(self, grant: Grant) -> _Inner:
        """The store that asks with this grant; the one before is closed.

        Requests under way keep their connections until they are done.
        """
        held = self._held
        if held is None or not held.serves(grant):
            held = self._held = _Held(os.getpid(), grant, _open(grant, self._engine, self._network))
        return held.store


class _Inner(Store, Tailed, Protocol):
    """What both engines are."""


@dataclass(frozen=True, slots=True)
class _Held:
    """The store of one grant, in one process."""

    pid: int
    grant: Grant
    store: _Inner

    def serves(self, grant: Grant) -> bool:
        """Whether requests with this grant go through this store."""
        mine = (self.pid, self.grant.serial, self.grant.url)
        return mine == (os.getpid(), grant.serial, grant.url)


def _open(grant: Grant, engine: str, network: Network) -> _Inner:
    with_obstore = engine == "obstore" or (engine == "auto" and can_stay())
    if grant.url.startswith("s3:") and with_obstore:
        from cryodata.store.obstore_engine import ObstoreStore

        return ObstoreStore(grant.url, storage_options=grant.options, network=network)
    from cryodata.store.fsspec_engine import FsspecStore

    return FsspecStore.private(grant.url, grant.options, network=network)


def _rebuild(url: str, access: Access, engine: str, network: Network) -> RenewingStore:
    return RenewingStore(url, access, engine=engine, network=network)
