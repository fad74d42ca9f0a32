"""What is known of one granule's structure: taken from the disk, or learnt by walking."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from cryodata.errors import CryodataError, FormatError
from cryodata.granule.ask import Ask
from cryodata.granule.fetching import Fetching
from cryodata.granule.kept import KeptIndex
from cryodata.granule.sidecar import Lost, SidecarReader
from cryodata.granule.threads import Turn, decoders
from cryodata.hdf5.readahead import TAIL, beginning, both_ends
from cryodata.hdf5.walk import Walker
from cryodata.index import Index
from cryodata.layout import ArrayLayout
from cryodata.options import Network, Options
from cryodata.products import kept_in_pages
from cryodata.read_plan import Want, plan_reads
from cryodata.types import AnyArray, ByteRange, Source

__all__ = ["Structure"]

EARLY = 8 * 1024 * 1024
"""Bytes of values that are read together with the structure, at most."""


class Structure:
    """The index of one granule, and the walker that makes it grow.

    Coroutines run on the reader's loop (`cryodata.store.loop`), and take turns.

    Parameters
    ----------
    url : str
    options : Options
    fetching : Fetching
    kept : KeptIndex
    index : Index, optional
        What is known already.
    sidecar : SidecarReader, optional
        Asked for the structure of the whole granule, before all of it is walked.
    told : Index, optional
        What a sidecar said that was believed already.

    Attributes
    ----------
    index : Index or None
        Everything known so far from the granule itself: what is kept on disk.
    told : Index or None
        What its sidecar says, as long as that is believed.
    unseen : bool
        The index is from the disk, and nothing of it was given out: should the granule turn
        out to be of another version, nobody has to know.
    """

    def __init__(
        self,
        url: str,
        options: Options,
        fetching: Fetching,
        kept: KeptIndex,
        index: Index | None = None,
        sidecar: SidecarReader | None = None,
        told: Index | None = None,
    ) -> None:
        self.index = index
        self.told = told
        self.unseen = False
        self._url = url
        self._options = options
        self._fetching = fetching
        self._kept = kept
        self._walker: Walker | None = None
        self._early: list[ByteRange] = []  # of values, among what walking brought
        self._turn = Turn()
        self._sidecar = sidecar
        self._merged: tuple[Index, Index] | None = None  # of what the view was made; the view
        self._recalled = index is not None or told is not None  # what is kept on disk was asked for

    def recall(self, *, later: bool = False) -> None:
        """Take what is kept on disk, where that was not done yet. Asks no server.

        Parameters
        ----------
        later : bool
            As of `KeptIndex.load`.
        """
        if not self._recalled:
            self._recalled = True
            self.index = self._kept.load(later=later)
            self.unseen = self.index is not None

    @property
    def view(self) -> Index | None:
        """All that is known; of what the granule and its sidecar both tell, what the granule does.

        The same object until more is known.
        """
        if self.told is None:
            return self.index
        if self.index is None or self.index.complete:
            return self.index or self.told
        merged = self._merged
        if merged is None or merged[0] is not self.index:
            self._merged = merged = (self.index, self.told.merge(self.index))
        return merged[1]

    def knows(self, ask: Ask) -> bool:
        """Whether a walk would learn nothing; raises where it would find nothing.

        A sidecar may leave things out: what it does not name is looked for in the granule.
        """
        if self.told is not None:
            if ask.paths is None:
                return True
            ask = self._untold(ask)
            if not (ask.paths or ask.shallow):
                return True
        return self.index is not None and ask.known_to(self.index)

    def _untold(self, ask: Ask) -> Ask:
        """What of an ask the sidecar does not answer; all of one for the whole granule."""
        told = self.told
        if told is None or ask.paths is None:
            return ask
        rest = tuple(path for path in ask.paths if told.resolve(path) not in told.arrays)
        return replace(ask, paths=rest)

    def distrust(self) -> None:
        """Forget what was known, also on disk: it is not sound."""
        if self.index is not None:
            self._kept.forget(self.index.source)
        self.start_anew()

    def disbelieve(self, error: CryodataError) -> None:
        """Forget what the sidecar said: it was wrong."""
        if self._sidecar is not None:
            self._sidecar.refuse(error)
        self.told = self._merged = None

    def start_anew(self) -> None:
        """Know nothing."""
        self.index = self._walker = self.told = self._merged = None

    def let_go(self) -> None:
        """Forget the bytes that walking brought; what was learnt stays."""
        self._walker = None

    def know(self, index: Index) -> None:
        """Take in an index that says more, and keep it."""
        if index is not self.index:
            self.index = index
            self._note(index)

    def _note(self, index: Index) -> None:
        if index.arrays or index.groups:  # where only a sidecar was read there is nothing to keep
            self._kept.note(index)

    def held(self) -> list[ByteRange]:
        """What walking brought of the file: ascending, disjoint."""
        return self._walker.held.ranges() if self._walker else []

    def find(self, start: int, stop: int) -> memoryview | None:
        """Bytes ``start <= i < stop`` of what walking brought; None where they are not there."""
        return self._walker.held.find(start, stop) if self._walker else None

    def spend(self, ranges: Sequence[ByteRange]) -> None:
        """Values that came early were read, in these ranges: their bytes are held no longer."""
        spent = [e for e in self._early if any(a < e.stop and e.start < b for a, b in ranges)]
        for early in spent:
            self._early.remove(early)
            if self._walker:
                self._walker.held.drop(*early)

    async def walk(
        self, ask: Ask, early: Collection[str] = (), network: Network | None = None
    ) -> Index:
        """Learn what is asked for, as far as it is not known.

        Parameters
        ----------
        ask : Ask
        early : collection of str
            Datasets whose values the caller reads next, all of them. As soon as it is known
            where these lie they are fetched together with what the walk still waits for, to
            be found by `find` until `spend`: often that saves a round.
        network : Network, optional
            By which early reads are planned; none are made without.
        """
        async with self._turn.lock():
            if not self._recalled:
                running = asyncio.get_running_loop()
                await running.run_in_executor(decoders(self._options.threads), self.recall)
            if (view := self.view) is not None and self.knows(ask):
                return view
            if ask.paths is None and (view := await self._ask_sidecar()) is not None:
                return view
            index = self.index
            walker = self._walker or await self._open(index)
            self._walker = walker
            ask = self._untold(ask)
            walker.begin(ask.paths, shallow=ask.shallow, missing_ok=ask.missing_ok, dims=ask.dims)
            try:
                await self._go(walker, early if network else (), network or Network())
                walker.result()
            finally:
                index = self._learn(walker)
            self._note(index)
            return self.view or index

    def _learn(self, walker: Walker) -> Index:
        learnt = walker.index()
        self.index = learnt if self.index is None else self.index.merge(learnt)
        return self.index

    async def _ask_sidecar(self) -> Index | None:
        """What the sidecar says of the whole granule, and of what it lost, the granule itself.

        None where there is no sidecar, or none to be believed; it is asked once.
        """
        sidecar = self._sidecar
        if sidecar is None or sidecar.report is not None:
            return None
        fetched = asyncio.create_task(sidecar.fetch())  # beside the first bytes of the granule
        try:
            walker = self._walker = self._walker or await self._open(self.index)
            text = await fetched
        finally:
            fetched.cancel()
        if text is None:
            return None
        told = await sidecar.believe(text, walker.source, self._fetching)
        if told is None:
            return None
        try:
            await self._find_lost(walker, sidecar.lost(told))
        except FormatError as error:
            sidecar.refuse(error)
            return None
        self._note(self._learn(walker))
        self.told = told
        return self.view

    async def _find_lost(self, walker: Walker, lost: Lost) -> None:
        """Walk to what a sidecar names and does not tell."""
        if not (lost.arrays or lost.groups):
            return
        walker.begin(lost.arrays, shallow=lost.groups, missing_ok=True)
        await self._go(walker)
        walker.result()
        for path in lost.arrays:
            if walker.found(path) is None:
                raise FormatError("The granule does not have what it names", path=path)

    async def sequences(self, layout: ArrayLayout, references: AnyArray) -> AnyArray:
        """Variable-length values: what the references read from a dataset point to."""
        async with self._turn.lock():
            walker = self._walker or await self._open(self.index)
            self._walker = walker
            raw = np.ascontiguousarray(references)
            walker.begin_sequences(layout, raw.tobytes(), raw.size)
            await self._go(walker)
            values = np.empty(raw.size, object)
            for i, value in enumerate(walker.result()):
                values[i] = value
            return values.reshape(references.shape)

    async def _open(self, index: Index | None) -> Walker:
        """A walker with both ends of the file; of the version indexed, where there is one."""
        paged = kept_in_pages(self._url)
        if index is None:
            blocks = await self._fetching.ends(beginning(paged=paged), 0 if paged else TAIL)
            source = Source(url=self._url, size=blocks[0].size, etag=blocks[0].etag)
        else:
            source = index.source
            blocks = await self._fetching.fetch(both_ends(source.size, paged=paged), source)
        return Walker(source, blocks, self._options.limits)

    async def _go(
        self, walker: Walker, early: Collection[str] = (), network: Network | None = None
    ) -> None:
        """Fetch what the walker waits for, round by round, until it has all it needs."""
        wanted = set(early)
        while ranges := walker.needs():
            found = {path: x for path in wanted if (x := walker.found(path)) is not None}
            wanted -= found.keys()
            ahead = self._ahead(walker, [*found.values()], network) if network else []
            walker.feed(await self._fetching.fetch([*ranges, *ahead], walker.source))
            self._early += ahead

    def _ahead(
        self, walker: Walker, layouts: Sequence[ArrayLayout], network: Network
    ) -> list[ByteRange]:
        """The requests for all values of some datasets; none where they are too large."""
        try:
            plan = plan_reads(
                [Want(layout, tuple((0, n) for n in layout.shape)) for layout in layouts],
                network,
                memory=self._options.memory,
                held=walker.held.ranges(),
            )
        except CryodataError:  # who reads them is told
            return []
        away = [part for part in plan.ranges if walker.held.find(*part) is None]
        return away if sum(stop - start for start, stop in away) <= EARLY else []
