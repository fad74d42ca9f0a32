"""One granule, open: where its bytes lie, what is known of its structure, what it cost.

This is the whole flow on one screen::

    index = await granule.awalk(paths)  # walk, or take what is kept
    plan = plan_reads(wants, network)  # pure
    blocks = fetcher.stream(plan.ranges)  # bytes as they arrive
    values = assembly.results()  # decoded in threads into the final arrays
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from cryodata.access import open_granule_store
from cryodata.accounts import tally_of
from cryodata.decoding.assemble import Assembly
from cryodata.errors import (
    CacheError,
    ChunkCorruptError,
    CryodataError,
    GranuleChangedError,
    SelectionError,
)
from cryodata.hdf5.readahead import HEAD, TAIL, both_ends
from cryodata.hdf5.walk import Walker
from cryodata.index import Index
from cryodata.keep import keeping
from cryodata.keep.cache import IndexCache
from cryodata.layout import ArrayLayout
from cryodata.options import Network, Options
from cryodata.read_plan import ReadPlan, Want, plan_reads
from cryodata.store import loop
from cryodata.store.base import Store
from cryodata.store.fetch import Fetcher
from cryodata.store.local import LocalStore
from cryodata.store.receipt import Receipt
from cryodata.types import AnyArray, Block, ByteRange, Source
from cryodata.zones.zone_map import ZoneMap

__all__ = ["GranuleFile", "Wanted"]

MOST_NOTES = 64
"""Questions about one structure whose answers are kept."""

Wanted = tuple[str, tuple[slice, ...] | None]
"""A dataset's path, and basic slices per axis (None: all of it)."""


class GranuleFile:
    """One HDF5 file, open for lazy reading. Threads may share it.

    Nothing is fetched before it is needed. What was learnt of the file's structure is
    kept: here, and on disk for the next time (`Options.cache`).

    Parameters
    ----------
    what : Granule, str, path-like or open fsspec file
        A granule of a catalogue, a path, ``s3://``, ``http(s)://`` or another fsspec URL.
    options : Options, optional
    storage_options : mapping, optional
        As for s3fs, obstore or the fsspec file system concerned.
    engine : {"auto", "obstore", "fsspec"}
        Who fetches the bytes.

    Notes
    -----
    Pickles to *where to ask*, with the index but without secrets. Copies made so have the
    same `account`, under which what they spend is counted in each process.
    """

    def __init__(
        self,
        what: Any,
        *,
        options: Options | None = None,
        storage_options: Mapping[str, Any] | None = None,
        engine: str = "auto",
    ) -> None:
        options = options or Options()
        store = open_granule_store(
            what, storage_options=storage_options, engine=engine, options=options
        )
        self._set(store, options, None)

    def _set(self, store: Store, options: Options, index: Index | None, account: str = "") -> None:
        self.options = options
        self.is_copy = bool(account)
        self.account = account or secrets.token_hex(8)
        self._store = store
        tally = tally_of(account) if account else None  # one for all copies of a process
        self._fetcher = Fetcher(store, options.network, tally=tally)
        self._index = index
        self._walker: Walker | None = None
        self._turn = _Turn()
        self._recalled = index is not None  # what is kept on disk was asked for
        self._stale = False  # the index is from the disk, and nothing of it was given out
        self._learn: set[str] = set()
        self._learnt = False  # something that is to be kept
        self._network: Network | None = None  # by which a price was given

    @classmethod
    def _rebuild(
        cls, store: Store, options: Options, index: Index | None, account: str
    ) -> GranuleFile:
        granule = cls.__new__(cls)
        granule._set(store, options, index, account)
        return granule

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            GranuleFile._rebuild,
            (self._store, self.options, self._index, self.account),
        )

    def __repr__(self) -> str:
        return f"<GranuleFile {self.url}: {self.receipt}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def let_go(self) -> None:
        """Forget the bytes that walking its structure brought; what was learnt stays.

        They would spare a later read a request or two, at a megabyte a granule or more.
        """
        self._walker = None

    def close(self) -> None:
        """Give connections back; what was learnt is written in the background."""
        self._fetcher.close()
        if self._learnt and (cache := self._cache()) is not None:
            keeping.hurry(cache, self.url)

    def flush(self) -> None:
        """Wait until the index that this granule learnt is on disk."""
        if self._learnt and (cache := self._cache()) is not None:
            keeping.flush(cache, self.url)

    def recall(self) -> None:
        """Take what is kept of the granule, decoded as far as it will be touched.

        For who opened it, before anybody else has it. Asks no server. What is not sound in
        it raises `CacheError` when it is touched: then `distrust` it, and go on.
        """
        if not self._recalled:
            self._recalled = True
            self._index = self._kept(later=True)
            self._stale = self._index is not None

    def distrust(self) -> None:
        """Forget what was kept of the granule, here and on disk: it is not sound."""
        if self._index is not None:
            self._forget(self._index.source)
        self._index = self._walker = None

    @property
    def url(self) -> str:
        """Where the granule is, without query string or credentials."""
        return self._store.url

    @property
    def is_local(self) -> bool:
        """Whether it is a file of this machine."""
        return isinstance(self._store, LocalStore)

    @property
    def network(self) -> Network:
        """Latency and bandwidth as its reads are planned by."""
        return self._network or self._fetcher.network()

    @property
    def receipt(self) -> Receipt:
        """What was spent on it so far."""
        return self._fetcher.receipt

    @property
    def source(self) -> Source:
        """Which version of the granule is read: url, size, ETag."""
        return self.walk([]).source

    @property
    def memory(self) -> int:
        """Bytes that the values of one read may take, `Options.memory`."""
        return self.options.memory

    def select(self, paths: Iterable[str]) -> GranuleFile:
        """The same granule, knowing only these datasets: small to pickle for a worker."""
        paths = list(paths)
        index = self.walk(paths, dims=False)  # to read values takes no scales
        return self._rebuild(self._store, self.options, index.select(paths), self.account)

    def learn(self, paths: Iterable[str]) -> None:
        """From now on note the bounds of these datasets' chunks whenever they are decoded."""
        self._learn.update(paths)

    def zone_map(self, path: str) -> ZoneMap | None:
        """Bounds of the chunks of a dataset, as far as they are known; None where none is."""
        if self._index is None:
            return None
        try:
            return self._index.zones.get(self._index.resolve(path))
        except CacheError:  # of bounds that are not sound nothing is believed
            return None

    def bound(self, zones: Mapping[str, ZoneMap]) -> None:
        """Note bounds that are known otherwise than from the values: path to bounds."""

        async def note() -> None:  # on the loop, where nobody else changes the index
            if self._index is not None:
                self._know(self._index.with_zones(zones))

        loop.run(note())

    def price(self, wanted: Sequence[Wanted]) -> ReadPlan:
        """What `read` would fetch; nothing is, but of the structure what is not known yet.

        Later reads cost what was said: they go by the same figures of the network.

        Raises
        ------
        UnknownVariableError, SelectionError, UnsupportedError
            As `read`.
        """
        index = self.walk([path for path, _ in wanted], dims=False)
        self._network = self._network or self._fetcher.network()
        return self._plan(index, wanted)[0]

    def walk(
        self,
        paths: Iterable[str] | None = None,
        *,
        shallow: Iterable[str] = (),
        missing_ok: bool = False,
        dims: bool = True,
    ) -> Index:
        """Learn the structure of some objects, as far as it is not known yet.

        Parameters
        ----------
        paths : iterable of str, optional
            Datasets, or groups with everything below them; None for the whole file.
        shallow : iterable of str
            Groups whose attributes and links are wanted, but not what lies below.
        missing_ok : bool
            Leave out what does not exist.
        dims : bool
            Look up the dimension scales of datasets as well; may cost a round.

        Returns
        -------
        Index
            Everything known so far, which may be more than was asked for.

        Raises
        ------
        UnknownVariableError
            An object does not exist; the message names the close ones.
        NotHDF5Error, FormatError, LimitExceededError
            The file is not HDF5, is damaged, or asks for too much.
        FetchError, AuthError, GranuleChangedError
            The bytes cannot be had.
        """
        ask = _Ask(None if paths is None else tuple(paths), tuple(shallow), missing_ok, dims)
        index = self._index
        if index is None or not ask.known_to(index):
            index = loop.run(self._walk(ask))
        self._stale = False
        return index

    def read(self, wanted: Sequence[Wanted]) -> list[AnyArray]:
        """Values of some datasets, fetched with one plan.

        Parameters
        ----------
        wanted : sequence of (path, slices or None)
            Slices per axis, with positive steps; None reads the whole dataset.

        Returns
        -------
        list of arrays
            As stored: not masked, scaled or decoded; missing chunks hold the fill value.
            Variable-length strings are objects of ``bytes``.

        Raises
        ------
        UnknownVariableError, SelectionError
            What is asked for does not exist, or is more than `Options.memory`.
        UnsupportedError
            Its values cannot be read.
        ChunkCorruptError
            A chunk is damaged, also when fetched a second time.
        GranuleChangedError
            The object was replaced since it was indexed; open it again.
        FetchError, AuthError
            The bytes cannot be had.
        """
        return loop.run(self.aread(wanted))

    async def awalk(
        self,
        paths: Iterable[str] | None = None,
        *,
        shallow: Iterable[str] = (),
        missing_ok: bool = False,
        dims: bool = True,
    ) -> Index:
        """As `walk`, to be awaited on any running event loop."""
        paths = None if paths is None else list(paths)
        index = await loop.wrap(self._walk(_Ask(paths, list(shallow), missing_ok, dims)))
        self._stale = False
        return index

    async def aread(self, wanted: Sequence[Wanted]) -> list[AnyArray]:
        """As `read`, to be awaited on any running event loop."""
        try:
            return await loop.wrap(self._read(list(wanted)))
        except CryodataError as error:
            raise error.locate(url=self.url) from error.__cause__

    async def _walk(self, ask: _Ask) -> Index:
        async with self._turn.lock():
            index = self._index
            if index is None and not self._recalled:
                running = asyncio.get_running_loop()
                index = await running.run_in_executor(_pool(self.options.threads), self._kept)
                self._recalled, self._stale = True, index is not None
            if index is not None and ask.known_to(index):
                self._index = index
                return index
            walker = self._walker or await self._open(index)
            self._walker = walker
            walker.begin(ask.paths, shallow=ask.shallow, missing_ok=ask.missing_ok, dims=ask.dims)
            try:
                await self._go(walker)
                walker.result()
            finally:
                learnt = walker.index()
                self._index = learnt if index is None else index.merge(learnt)
            self._keep(self._index)
            return self._index

    async def _open(self, index: Index | None) -> Walker:
        """A walker with both ends of the file; of the version indexed, where there is one."""
        if index is None:
            blocks = await self._fetcher.ends(HEAD, TAIL)
            source = Source(url=self.url, size=blocks[0].size, etag=blocks[0].etag)
        else:
            source = index.source
            blocks = await self._fetch(both_ends(source.size), source)
        return Walker(source, blocks, self.options.limits)

    async def _go(self, walker: Walker) -> None:
        """Fetch what the walker waits for, round by round, until it has all it needs."""
        while ranges := walker.needs():
            walker.feed(await self._fetch(ranges, walker.source))

    async def _fetch(self, ranges: Sequence[ByteRange], source: Source) -> list[Block]:
        try:
            return await self._fetcher.fetch(ranges, etag=source.etag, size=source.size)
        except GranuleChangedError:
            self._forget(source)
            raise

    async def _read(self, wanted: list[Wanted]) -> list[AnyArray]:
        try:
            return await self._read_indexed(wanted)
        except CacheError as error:
            await self._walk_instead(error, [path for path, _ in wanted])
            return await self._read_indexed(wanted)
        except GranuleChangedError:
            if not self._stale:
                raise
        # Only what was kept on disk was of an older version: nobody has seen it yet.
        self._index = self._walker = None
        return await self._read_indexed(wanted)

    async def _walk_instead(self, error: CacheError, paths: list[str]) -> None:
        """Walk, since what was kept is not sound; raise where it also lied about shapes."""
        before = self._index
        self.distrust()
        index = await self._walk(_Ask(paths, [], False, dims=False))
        if before is not None:
            for path in paths:
                believed, found = before.array(path), index.array(path)
                if (believed.shape, believed.dtype) != (found.shape, found.dtype):
                    raise error

    async def _read_indexed(self, wanted: list[Wanted]) -> list[AnyArray]:
        index = await self._walk(_Ask([path for path, _ in wanted], [], False, dims=False))
        plan, steps = self._plan(index, wanted)
        assembly = Assembly(plan, self._learn)
        await self._fill(plan, assembly, index.source)
        self._stale = False  # values of this version are given out: no other may follow
        if learnt := assembly.learnt():
            self._know(self._index.with_zones(learnt) if self._index else index)
        values = assembly.results()
        for i, want in enumerate(plan.wants):
            if want.layout.dtype.hasobject:
                values[i] = await self._sequences(want.layout, values[i])
        return [value[step] if step else value for value, step in zip(values, steps, strict=True)]

    def _plan(
        self, index: Index, wanted: Sequence[Wanted]
    ) -> tuple[ReadPlan, list[tuple[slice, ...]]]:
        """The requests for what is wanted; and per array the steps to take inside its box."""
        layouts = [index.array(path) for path, _ in wanted]
        boxes = [_box(layout, slices) for layout, (_, slices) in zip(layouts, wanted, strict=True)]
        plan = plan_reads(
            [Want(layout, box) for layout, (box, _) in zip(layouts, boxes, strict=True)],
            self._network or self._fetcher.network(),
            memory=self.options.memory,
            held=self._walker.held.ranges() if self._walker else (),
        )
        return plan, [steps for _, steps in boxes]

    def _know(self, index: Index) -> None:
        """Take in an index that says more, and keep it."""
        if index is not self._index:
            self._index = index
            self._keep(index)

    async def _fill(self, plan: ReadPlan, assembly: Assembly, source: Source) -> None:
        """Decode the ranges in threads while the next ones are on their way."""
        running = asyncio.get_running_loop()
        pool = _pool(self.options.threads)
        jobs: list[tuple[int, asyncio.Future[None]]] = []
        away = []
        for number, (start, stop) in enumerate(plan.ranges):
            held = self._walker.held.find(start, stop) if self._walker else None
            if held is None:
                away.append(number)
            else:  # the walk brought these bytes already
                block = Block(start, held, source.size, source.etag)
                jobs.append((number, running.run_in_executor(pool, assembly.place, number, block)))
        ranges = [plan.ranges[number] for number in away]
        try:
            async with aclosing(
                self._fetcher.stream(ranges, etag=source.etag, size=source.size)
            ) as blocks:
                async for position, block in blocks:
                    job = running.run_in_executor(pool, assembly.place, away[position], block)
                    jobs.append((away[position], job))
            for number, job in jobs:
                await self._decoded(number, job, plan, assembly, source)
        except GranuleChangedError:
            self._forget(source)
            raise
        finally:
            await asyncio.gather(*(job for _, job in jobs), return_exceptions=True)

    async def _decoded(
        self,
        number: int,
        job: asyncio.Future[None],
        plan: ReadPlan,
        assembly: Assembly,
        source: Source,
    ) -> None:
        """Wait for one range's decoding; a corrupt one is fetched once more."""
        try:
            await job
        except ChunkCorruptError:
            block = (await self._fetch([plan.ranges[number]], source))[0]
            assembly.place(number, block)

    async def _sequences(self, layout: ArrayLayout, references: AnyArray) -> AnyArray:
        """Variable-length values: what the references read from the chunks point to."""
        async with self._turn.lock():
            walker = self._walker or await self._open(self._index)
            self._walker = walker
            raw = np.ascontiguousarray(references)
            walker.begin_sequences(layout, raw.tobytes(), raw.size)
            await self._go(walker)
            values = np.empty(raw.size, object)
            for i, value in enumerate(walker.result()):
                values[i] = value
            return values.reshape(references.shape)

    def _cache(self) -> IndexCache | None:
        origin = str(getattr(self._store, "origin", ""))
        return IndexCache.open(self.options.cache, limits=self.options.limits, origin=origin)

    def _kept(self, *, later: bool = False) -> Index | None:
        """The index on disk; of a local file only if it is of the version that is there now.

        Of a remote one, the first read tells: every request names the version it wants.
        """
        cache = self._cache()
        if cache is None:
            return None
        index = keeping.waiting(cache, self.url) or cache.load(self.url, later=later)
        if index is not None and isinstance(self._store, LocalStore):
            now = (index.source.size, index.source.etag)
            return index if self._store.version() == now else None
        return index

    def _keep(self, index: Index) -> None:
        """Write the index for the next time, when reading pauses."""
        cache = self._cache()
        if cache is not None:
            self._learnt = True
            keeping.note(cache, index)

    def _forget(self, source: Source) -> None:
        """The granule was replaced: what was kept of the old version is of no use."""
        cache = self._cache()
        if cache is not None:
            keeping.forget(cache, source)
            cache.drop(source)


class _Turn:
    """A lock of whichever event loop runs now: a child of fork has another one."""

    def __init__(self) -> None:
        self._lock: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def lock(self) -> asyncio.Lock:
        """The lock; always the same one on the same loop."""
        running = asyncio.get_running_loop()
        if self._lock is None or self._loop is not running:
            self._lock, self._loop = asyncio.Lock(), running
        return self._lock


@dataclass(frozen=True, slots=True)
class _Ask:
    """What a walk is asked for; see `GranuleFile.walk`."""

    paths: Sequence[str] | None
    shallow: Sequence[str]
    missing_ok: bool
    dims: bool

    def known_to(self, index: Index) -> bool:
        """Whether a walk would learn nothing; raises where it would find nothing."""
        if index.outline is None or self.paths is None:
            return self._known_to(index)
        key = ("known", tuple(self.paths), tuple(self.shallow), self.missing_ok, self.dims)
        notes = index.outline.alike
        if key not in notes:
            if len(notes) >= MOST_NOTES:
                notes.clear()
            notes[key] = self._known_to(index)
        return bool(notes[key])

    def _known_to(self, index: Index) -> bool:
        if self.paths is None:
            return index.complete
        known = all(index.knows(path, dims=self.dims) for path in self.paths)
        known = known and all(
            index.knows(path, below=False, dims=self.dims) for path in self.shallow
        )
        if known and not self.missing_ok:
            for path in (*self.paths, *self.shallow):
                resolved = index.resolve(path)
                if resolved not in index.groups:
                    index.array(resolved)
        return known


def _box(
    layout: ArrayLayout, slices: tuple[slice, ...] | None
) -> tuple[tuple[tuple[int, int], ...], tuple[slice, ...]]:
    """Half-open bounds per axis; and the steps to take inside them, empty where all are 1."""
    slices = slices or ()
    if len(slices) > len(layout.shape):
        raise SelectionError(f"{len(slices)} slices for {len(layout.shape)} axes", path=layout.path)
    whole = (*slices, *[slice(None)] * (len(layout.shape) - len(slices)))
    bounds, steps = [], []
    for extent, part in zip(layout.shape, whole, strict=True):
        start, stop, step = part.indices(extent)
        if step < 1:
            raise SelectionError("Slices go forwards", path=layout.path, fix="Reverse the result.")
        stop = max(start, stop)
        bounds.append((start, stop))
        steps.append(slice(None, None, step))
    return tuple(bounds), tuple(steps) if any(s.step > 1 for s in steps) else ()


_pools: dict[int, ThreadPoolExecutor] = {}


def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that decode; one pool a process, made again in a child of fork."""
    pid = os.getpid()
    if pid not in _pools:
        _pools.clear()
        _pools[pid] = ThreadPoolExecutor(threads, thread_name_prefix="cryodata-decode")
    return _pools[pid]
