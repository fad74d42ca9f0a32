"""Bytes of the version that is indexed; what was kept of a version that is gone is forgotten."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager

from cryodata.errors import GranuleChangedError
from cryodata.granule.kept import KeptIndex
from cryodata.store.fetch import Fetcher
from cryodata.types import Block, ByteRange, Source

__all__ = ["Fetching"]


class Fetching:
    """Ranges of one granule, each of one version.

    Parameters
    ----------
    fetcher : Fetcher
    kept : KeptIndex
        Forgets a version that turns out to be replaced.
    """

    def __init__(self, fetcher: Fetcher, kept: KeptIndex) -> None:
        self._fetcher = fetcher
        self._kept = kept

    async def ends(self, beginning: Sequence[ByteRange], tail: int) -> list[Block]:
        """As `Fetcher.ends`, of whichever version is there."""
        return await self._fetcher.ends(beginning, tail)

    async def fetch(self, ranges: Sequence[ByteRange], source: Source) -> list[Block]:
        """All the ranges of this version, in their order, as one round."""
        with self._forgotten_where_replaced(source):
            return await self._fetcher.fetch(ranges, etag=source.etag, size=source.size)

    async def stream(
        self, ranges: Sequence[ByteRange], source: Source
    ) -> AsyncGenerator[tuple[int, Block], None]:
        """Position and block of each range as it arrives, as one round; see `Fetcher.stream`."""
        stream = self._fetcher.stream(ranges, etag=source.etag, size=source.size)
        with self._forgotten_where_replaced(source):
            async with aclosing(stream) as blocks:
                async for item in blocks:
                    yield item

    @contextmanager
    def _forgotten_where_replaced(self, source: Source) -> Iterator[None]:
        try:
            yield
        except GranuleChangedError:
            self._kept.forget(source)
            raise
