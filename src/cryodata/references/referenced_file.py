"""One file that references point into: whichever version is met first, and no other after it."""

from __future__ import annotations

import asyncio

from cryodata.errors import FormatError
from cryodata.options import Network
from cryodata.store import loop
from cryodata.store.base import Store
from cryodata.store.fetch import Fetcher
from cryodata.types import ByteRange, Source

__all__ = ["ReferencedFile"]


class ReferencedFile:
    """Bytes of a file that others say something of.

    Parameters
    ----------
    store : Store
    network : Network

    Attributes
    ----------
    source : Source or None
        Which version is read; None before the first read. A server without entity tags tells
        versions apart by their size only.
    """

    def __init__(self, store: Store, network: Network) -> None:
        self.store = store
        self.source: Source | None = None
        self._fetcher = Fetcher(store, network)
        self._asking: asyncio.Task[Source] | None = None

    def close(self) -> None:
        """Give connections back."""
        self._fetcher.close()

    async def read(self, offset: int, nbytes: int) -> memoryview:
        """Bytes ``offset <= i < offset + nbytes``; to be awaited on any running event loop.

        Raises
        ------
        FormatError
            The file ends before.
        GranuleChangedError
            It is another version than at the first read.
        FetchError, AuthError
            The bytes cannot be had.
        """
        return await loop.wrap(self._read(offset, nbytes))

    async def _read(self, offset: int, nbytes: int) -> memoryview:
        source = self.source or await self._learn()
        if offset + nbytes > source.size:
            raise FormatError(
                f"A reference goes beyond the end of a file of {source.size} bytes",
                fix="The references are of another file, or of another version of it.",
                url=source.url,
                start=offset,
                stop=offset + nbytes,
            )
        if not nbytes:
            return memoryview(b"")
        ranges = [ByteRange(offset, offset + nbytes)]
        (block,) = await self._fetcher.fetch(ranges, etag=source.etag, size=source.size)
        return block.data

    async def _learn(self) -> Source:
        """Which version is there; many that ask at once make one request."""
        here = asyncio.get_running_loop()
        if self._asking is None or self._asking.get_loop() is not here or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Source:
        if self.source is None:
            block = await self._fetcher.head(1)
            self.source = Source(url=self.store.url, size=block.size, etag=block.etag)
        return self.source
