"""The face of one granule: open, walk, read, price.

This is the whole flow on one screen::

    index = await structure.walk(ask)  # walk, or take what is kept
    plan = plan_reads(wants, network)  # pure
    await fill(plan, assembly, source)  # bytes as they arrive, decoded in threads
    values = assembly.results()  # the final arrays
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Self

from cryodata.access import open_granule_store
from cryodata.accounts import tally_of
from cryodata.caution import warn_user
from cryodata.decoding.assemble import Assembly
from cryodata.errors import (
    CacheError,
    ChunkCorruptError,
    CryodataError,
    GranuleChangedError,
    SelectionError,
)
from cryodata.granule.ask import Ask
from cryodata.granule.fetching import Fetching
from cryodata.granule.fill import fill
from cryodata.granule.kept import KeptIndex
from cryodata.granule.referenced import Referenced
from cryodata.granule.sidecar import Beside, SidecarReader, SidecarReport, beside
from cryodata.granule.structure import Structure
from cryodata.index import Index
from cryodata.keep.cache import IndexCache
from cryodata.layout import ArrayLayout
from cryodata.options import Network, Options
from cryodata.read_plan import ReadPlan, Want, plan_reads
from cryodata.store import loop
from cryodata.store.base import Store
from cryodata.store.fetch import Fetcher
from cryodata.store.local import LocalStore
from cryodata.store.receipt import Receipt
from cryodata.types import AnyArray, ByteRange, Source
from cryodata.zones.zone_map import ZoneMap

__all__ = ["GranuleFile", "Wanted"]

Wanted = tuple[str, tuple[slice, ...] | None]
"""A dataset's path, and basic slices per axis (None: all of it)."""


class GranuleFile:
    """One HDF5 file, open for lazy reading. Threads may share it.

    Nothing is fetched before it is needed. What was learnt of the file's structure is
    kept: here, and on disk for the next time (`Options.cache`).

    Parameters
    ----------
    what : Granule, Referenced, str, path-like or open fsspec file
        A granule of a catalogue or of references, a path, ``s3://``, ``http(s)://`` or another
        fsspec URL.
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
        lent = what.load if isinstance(what, Referenced) else None
        what = what.what if isinstance(what, Referenced) else what
        store = open_granule_store(
            what, storage_options=storage_options, engine=engine, options=options
        )
        found = beside(what, storage_options=storage_options, engine=engine, options=options)
        self._set(store, options, None, lent=lent, where=found)

    def _set(
        self,
        store: Store,
        options: Options,
        index: Index | None,
        account: str = "",
        lent: Callable[[bool], Index | None] | None = None,
        where: Beside | None = None,
        told: Index | None = None,
    ) -> None:
        self.options = options
        self.is_copy = bool(account)
        self.account = account or secrets.token_hex(8)
        self._store = store
        tally = tally_of(account) if account else None  # one for all copies of a process
        self._fetcher = Fetcher(store, options.network, tally=tally)
        self._kept = KeptIndex(store, options, lent)
        self._fetching = Fetching(self._fetcher, self._kept)
        tally = self._fetcher.tally
        self._sidecar = None if where is None else SidecarReader(where, options, tally)
        self._warned = False  # that the sidecar is not used
        self._structure = Structure(
            store.url, options, self._fetching, self._kept, index, self._sidecar, told
        )
        self._learn: set[str] = set()
        self._network: Network | None = None  # by which a price was given

    @classmethod
    def _rebuild(
        cls,
        store: Store,
        options: Options,
        index: Index | None,
        account: str,
        where: Beside | None = None,
        told: Index | None = None,
    ) -> GranuleFile:
        granule = cls.__new__(cls)
        granule._set(store, options, index, account, where=where, told=told)
        return granule

    def __reduce__(self) -> tuple[Any, ...]:
        structure = self._structure
        return (
            GranuleFile._rebuild,
            (self._store, self.options, structure.index, self.account, self._where, structure.told),
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
        self._structure.let_go()

    def close(self) -> None:
        """Give connections back; what was learnt is written in the background."""
        self._fetcher.close()
        if self._sidecar is not None:
            self._sidecar.close()
        self._kept.hurry()

    def flush(self) -> None:
        """Wait until the index that this granule learnt is on disk."""
        self._kept.flush()

    def recall(self) -> None:
        """Take what is kept of the granule, decoded as far as it will be touched.

        For who opened it, before anybody else has it. Asks no server. What is not sound in
        it raises `CacheError` when it is touched: then `distrust` it, and go on.
        """
        self._structure.recall(later=True)

    def distrust(self) -> None:
        """Forget what was kept of the granule, here and on disk: it is not sound."""
        self._structure.distrust()

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

    def version(self) -> Source:
        """Which version is there now, whatever is known: one request for one byte.

        Raises
        ------
        FetchError, AuthError
            The granule cannot be had.
        """
        block = loop.run(self._fetcher.head(1))
        return Source(url=self.url, size=block.size, etag=block.etag)

    @property
    def cache(self) -> IndexCache | None:
        """Where its index is kept; None where none is."""
        return self._kept.cache

    @property
    def _where(self) -> Beside | None:
        """Where the sidecar is that may be used."""
        return None if self._sidecar is None else self._sidecar.where

    @property
    def sidecar(self) -> SidecarReport | None:
        """What became of the DMR++ sidecar beside the granule; None where none was looked at."""
        return self._sidecar.report if self._sidecar is not None else None

    @property
    def memory(self) -> int:
        """Bytes that the values of one read may take, `Options.memory`."""
        return self.options.memory

    def select(self, paths: Iterable[str]) -> GranuleFile:
        """The same granule, knowing only these datasets: small to pickle for a worker."""
        paths = list(paths)
        index = self.walk(paths, dims=False)  # to read values takes no scales
        part = index.select(paths)
        if self._structure.told is None:
            return self._rebuild(self._store, self.options, part, self.account)
        # whoever finds it wrong looks into the granule
        return self._rebuild(self._store, self.options, None, self.account, self._where, part)

    def learn(self, paths: Iterable[str]) -> None:
        """From now on note the bounds of these datasets' chunks whenever they are decoded."""
        self._learn.update(paths)

    def zone_map(self, path: str) -> ZoneMap | None:
        """Bounds of the chunks of a dataset, as far as they are known; None where none is."""
        index = self._structure.index
        if index is None:
            return None
        try:
            return index.zones.get(index.resolve(path))
        except CacheError:  # of bounds that are not sound nothing is believed
            return None

    def bound(self, zones: Mapping[str, ZoneMap]) -> None:
        """Note bounds that are known otherwise than from the values: path to bounds."""

        async def note() -> None:  # on the loop, where nobody else changes the index
            if self._structure.index is not None:
                self._structure.know(self._structure.index.with_zones(zones))

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
        self._network = self.network
        return self._plan(index, wanted)[0]

    def walk(
        self,
        paths: Iterable[str] | None = None,
        *,
        shallow: Iterable[str] = (),
        missing_ok: bool = False,
        dims: bool = True,
        early: Collection[str] = (),
    ) -> Index:
        """Learn the structure of some objects, as far as it is not known yet.

        Parameters
        ----------
        paths : iterable of str, optional
            Datasets, or groups with everything below them; None for the whole file, which
            `Options.sidecars` may take from the sidecar.
        shallow : iterable of str
            Groups whose attributes and links are wanted, but not what lies below.
        missing_ok : bool
            Leave out what does not exist.
        dims : bool
            Look up the dimension scales of datasets as well; may cost a round.
        early : collection of str
            Datasets that are going to be read next, whole: where that saves a round, their
            values come together with the structure.

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
        ask = Ask.of(paths, shallow=shallow, missing_ok=missing_ok, dims=dims)
        index = self._structure.view
        if index is None or not self._structure.knows(ask):
            index = loop.run(self._structure.walk(ask, early, self.network))
            self._tell()
        self._structure.unseen = False
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
        ask = Ask.of(paths, shallow=shallow, missing_ok=missing_ok, dims=dims)
        index = await loop.wrap(self._structure.walk(ask))
        self._tell()
        self._structure.unseen = False
        return index

    async def aread(self, wanted: Sequence[Wanted]) -> list[AnyArray]:
        """As `read`, to be awaited on any running event loop."""
        try:
            values = await loop.wrap(self._read(list(wanted)))
        except CryodataError as error:
            raise error.locate(url=self.url) from error.__cause__
        self._tell()
        return values

    async def afetch(self, ranges: Sequence[ByteRange]) -> list[memoryview]:
        """Bytes of the file as they are, of the version that is indexed, in one round.

        To be awaited on any running event loop.

        Raises
        ------
        GranuleChangedError, FetchError, AuthError
            The bytes cannot be had.
        """
        index = await self.awalk([])
        blocks = await loop.wrap(self._fetching.fetch(ranges, index.source))
        return [block.data for block in blocks]

    def _tell(self) -> None:
        """Warn once where a sidecar was asked for and is not used, or not any more."""
        report = self.sidecar
        if report is not None and not report.used and not self._warned:
            self._warned = True
            warn_user(f"{self.url} is walked, its sidecar is not used: {report.reason}")

    async def _read(self, wanted: list[Wanted]) -> list[AnyArray]:
        structure = self._structure
        told = structure.told
        try:
            return await self._read_indexed(wanted)
        except CacheError as error:
            before = structure.index
            structure.distrust()
            await self._walk_instead(error, [path for path, _ in wanted], before)
            return await self._read_indexed(wanted)
        except ChunkCorruptError as error:
            if told is None:
                raise
            if structure.told is told:  # else another read has met it as well
                structure.disbelieve(error)
            await self._walk_instead(error, [path for path, _ in wanted], told)
            return await self._read_indexed(wanted)
        except GranuleChangedError:
            if not structure.unseen:
                raise
        # Only what was kept on disk was of an older version: nobody has seen it yet.
        structure.start_anew()
        return await self._read_indexed(wanted)

    async def _walk_instead(
        self, error: CryodataError, paths: list[str], before: Index | None
    ) -> None:
        """Walk, since what was kept, or told, is not sound; raise where it also lied of shapes."""
        index = await self._structure.walk(Ask.of(paths, dims=False))
        if before is None:
            return
        for path in paths:
            if before.resolve(path) in before.arrays:
                believed, found = before.array(path), index.array(path)
                if (believed.shape, believed.dtype) != (found.shape, found.dtype):
                    raise error

    async def _read_indexed(self, wanted: list[Wanted]) -> list[AnyArray]:
        structure = self._structure
        index = await structure.walk(Ask.of([path for path, _ in wanted], dims=False))
        plan, steps = self._plan(index, wanted)
        assembly = Assembly(plan, self._learn)
        await fill(
            plan,
            assembly,
            index.source,
            fetching=self._fetching,
            find=structure.find,
            threads=self.options.threads,
        )
        structure.spend(plan.ranges)
        structure.unseen = False  # values of this version are given out: no other may follow
        if learnt := assembly.learnt():
            known = structure.index or Index(source=index.source)
            structure.know(known.with_zones(learnt))
        values = assembly.results()
        for i, want in enumerate(plan.wants):
            if want.layout.dtype.hasobject:
                values[i] = await structure.sequences(want.layout, values[i])
        return [value[step] if step else value for value, step in zip(values, steps, strict=True)]

    def _plan(
        self, index: Index, wanted: Sequence[Wanted]
    ) -> tuple[ReadPlan, list[tuple[slice, ...]]]:
        """The requests for what is wanted; and per array the steps to take inside its box."""
        layouts = [index.array(path) for path, _ in wanted]
        boxes = [_box(layout, slices) for layout, (_, slices) in zip(layouts, wanted, strict=True)]
        plan = plan_reads(
            [Want(layout, box) for layout, (box, _) in zip(layouts, boxes, strict=True)],
            self.network,
            memory=self.options.memory,
            held=self._structure.held(),
        )
        return plan, [steps for _, steps in boxes]


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
