"""The index of one granule on disk: for the next time, for other processes, from others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cryodata.caution import warn_user
from cryodata.errors import CryodataError
from cryodata.index import Index
from cryodata.keep import keeping
from cryodata.keep.cache import IndexCache
from cryodata.options import Options
from cryodata.store.base import Store
from cryodata.store.local import LocalStore
from cryodata.types import Source

__all__ = ["KeptIndex"]


class KeptIndex:
    """The entry of one granule in the cache of indexes; without a cache it keeps nothing.

    Parameters
    ----------
    store : Store
        The granule.
    options : Options
        ``cache`` and ``limits`` are looked at.
    lent : callable, optional
        Where the cache has nothing: `Referenced.load`.
    """

    def __init__(
        self, store: Store, options: Options, lent: Callable[[bool], Index | None] | None = None
    ) -> None:
        self._store = store
        self._options = options
        self._lent = lent
        self._learnt = False  # something that is to be written

    @property
    def cache(self) -> IndexCache | None:
        """Where the entry is; None where `Options.cache` says that nothing is kept."""
        origin = str(getattr(self._store, "origin", ""))
        return IndexCache.open(self._options.cache, limits=self._options.limits, origin=origin)

    def load(self, *, later: bool = False) -> Index | None:
        """The entry; of a local file only if it is of the version that is there now.

        Of a remote one, the first read tells: every request names the version it wants.

        Parameters
        ----------
        later : bool
            Decode as far as it will be touched; then touching it may raise `CacheError`.
        """
        cache = self.cache
        index = None
        if cache is not None:
            url = self._store.url
            index = keeping.waiting(cache, url) or cache.load(url, later=later)
        index = index or self._borrow(later=later)
        if index is not None and isinstance(self._store, LocalStore):
            now = (index.source.size, index.source.etag)
            return index if self._store.version() == now else None
        return index

    def _borrow(self, *, later: bool) -> Index | None:
        """What references say of the granule, under the name by which it is read here."""
        if self._lent is None:
            return None
        try:
            index = self._lent(later)
        except CryodataError as error:  # the granule itself says the same, at a price
            warn_user(f"{self._store.url} is indexed anew: {error.what}")
            return None
        if index is None or index.source.url == self._store.url:
            return index
        return replace(index, source=replace(index.source, url=self._store.url))

    def note(self, index: Index) -> None:
        """Write the entry when reading pauses."""
        cache = self.cache
        if cache is not None:
            self._learnt = True
            keeping.note(cache, index)

    def forget(self, source: Source) -> None:
        """Drop the entry of a version: the granule was replaced, or the entry is not sound."""
        cache = self.cache
        if cache is not None:
            keeping.forget(cache, source)
            cache.drop(source)

    def hurry(self) -> None:
        """Nobody will learn more: what was noted is written now, in the background."""
        if self._learnt and (cache := self.cache) is not None:
            keeping.hurry(cache, self._store.url)

    def flush(self) -> None:
        """Wait until what was noted is on disk."""
        if self._learnt and (cache := self.cache) is not None:
            keeping.flush(cache, self._store.url)
