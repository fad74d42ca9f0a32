"""The DMR++ sidecar beside a granule: fetched in one request, and checked against the granule.

It is believed where every place it names lies inside the granule and overlaps no other, and where
chunks from all over the granule, fetched as it says, decode to exactly what it says. Of these,
only chunks count that carry a checksum; a sidecar without any cannot be checked.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cryodata.access import open_granule_store
from cryodata.caution import warn_user
from cryodata.decoding.decode import decode
from cryodata.earthdata.granule import Granule
from cryodata.earthdata.system import origin_of
from cryodata.errors import (
    CryodataError,
    FetchError,
    FormatError,
    LimitExceededError,
)
from cryodata.formats.dmrpp_in import Sidecar, read_dmrpp
from cryodata.granule.fetching import Fetching
from cryodata.granule.threads import decoders
from cryodata.index import Index
from cryodata.layout import ArrayLayout, Chunked, Contiguous
from cryodata.options import Limits, Options
from cryodata.store.base import Store
from cryodata.store.fetch import Fetcher
from cryodata.store.receipt import Tally
from cryodata.types import Block, ByteRange, IntArray, Source

__all__ = ["Beside", "Lost", "SidecarReader", "SidecarReport", "beside"]

SAMPLES = 5
"""Chunks that are decoded, first and last in the granule among them."""
SAMPLE_BYTES = 4 * 1024 * 1024
"""Stored bytes of a sample, at most."""
ROUNDED = 0.01
"""Records of the catalogue round the size of a granule by this part of it at most."""
PATIENCE = 60.0
"""The granule can be walked instead: nobody waits longer for its sidecar, s."""
TRIES = 3
CHECKED = frozenset({"deflate", "fletcher32"})
"""Filters that carry a checksum."""


@dataclass(frozen=True, slots=True)
class SidecarReport:
    """What became of the sidecar of a granule.

    Attributes
    ----------
    url : str
        Where it is.
    used : bool
        Whether the structure of the granule was taken from it.
    losses : mapping of str to str
        Path of each variable, and ``/path@name`` of each attribute, that it could not tell, and
        why. These were read from the granule itself.
    reason : str
        Why it was not used; empty where it was.
    """

    url: str
    used: bool
    losses: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """Where the sidecar of a granule is. Pickles as its store does.

    Attributes
    ----------
    store : Store
    size : int
        Bytes of the granule as the catalogue says; 0 where it does not.
    """

    store: Store
    size: int


@dataclass(frozen=True, slots=True)
class Lost:
    """What has to be read from the granule itself, by path.

    Attributes
    ----------
    arrays, groups : tuple of str
        Of a group only its attributes.
    """

    arrays: tuple[str, ...]
    groups: tuple[str, ...]


def beside(
    what: Any,
    *,
    storage_options: Mapping[str, Any] | None,
    engine: str,
    options: Options,
) -> Beside | None:
    """The sidecar that the catalogue lists beside a granule; None where it is not to be used.

    Parameters are those of `open_granule_store`. Names are never guessed, and options that were
    given for one host are not shown to another.
    """
    if options.sidecars != "use" or not isinstance(what, Granule) or not what.dmrpp:
        return None
    if storage_options and (what.s3 or origin_of(what.https) != origin_of(what.dmrpp)):
        return None
    try:
        store = open_granule_store(
            what.dmrpp, storage_options=storage_options, engine=engine, options=options
        )
    except CryodataError as error:  # the granule itself says the same, at a price
        warn_user(f"{what.name} is walked, its sidecar is not used: {error.what}")
        return None
    return Beside(store, what.size)


class SidecarReader:
    """Reads a sidecar once, and says whether it is to be believed.

    Parameters
    ----------
    where : Beside
    options : Options
    tally : Tally
        What it costs is counted here.

    Attributes
    ----------
    report : SidecarReport or None
        None until it was read.
    """

    def __init__(self, where: Beside, options: Options, tally: Tally) -> None:
        self.where = where
        self.report: SidecarReport | None = None
        self._options = options
        network = options.network
        patience = replace(
            network,
            timeout=min(network.timeout, PATIENCE),
            attempts=min(network.attempts, TRIES),
        )
        self._fetcher = Fetcher(where.store, patience, tally=tally)

    def close(self) -> None:
        """Give connections back."""
        self._fetcher.close()

    async def fetch(self) -> bytes | None:
        """The sidecar; None where it cannot be had, or is too large to be read."""
        try:
            return await self._fetch()
        except CryodataError as error:
            self.refuse(error)
            return None

    async def believe(self, text: bytes, source: Source, fetching: Fetching) -> Index | None:
        """The index of the whole granule, as far as the sidecar tells; None where it is refused.

        Raises
        ------
        GranuleChangedError
            The granule is another one than `source` by now.
        FetchError, AuthError
            The granule cannot be had.
        """
        running = asyncio.get_running_loop()
        pool = decoders(self._options.threads)
        limits = self._options.limits
        try:
            found, samples = await running.run_in_executor(
                pool, _read, text, source, self.where.size, limits
            )
        except CryodataError as error:
            self.refuse(error)
            return None
        blocks = await fetching.fetch([sample.range for sample in samples], source)
        try:
            await running.run_in_executor(pool, _compare, samples, blocks)
        except CryodataError as error:
            self.refuse(error)
            return None
        self.report = SidecarReport(self.where.store.url, used=True, losses=found.losses)
        return replace(found.index, whole=frozenset({"/"}))

    def refuse(self, error: CryodataError) -> None:
        """It is not believed, or not any more."""
        where = f" ({error.path})" if error.path else ""
        reason = f"{error.what.rstrip('.')}{where}"
        self.report = SidecarReport(self.where.store.url, used=False, reason=reason)

    def lost(self, told: Index) -> Lost:
        """What the sidecar that was believed does not tell of what it names."""
        losses = self.report.losses if self.report else {}
        arrays = {path for path in losses if path in _members(told)}
        owners = {path.rpartition("@")[0] for path in losses if path not in arrays}
        groups = owners & told.groups.keys()
        return Lost(tuple(sorted(arrays | (owners - groups))), tuple(sorted(groups)))

    async def _fetch(self) -> bytes:
        most = self._options.limits.metadata_bytes
        largest = min(self._options.network.largest, most)
        first = await self._fetcher.head(largest)
        if first.size > most:
            raise LimitExceededError(f"It has {first.size} bytes, more than {most}")
        edges = [*range(len(first.data), first.size, largest), first.size]
        rest = [ByteRange(*pair) for pair in itertools.pairwise(edges)]
        blocks = await self._fetcher.fetch(rest, etag=first.etag, size=first.size)
        text = b"".join([bytes(first.data), *(bytes(block.data) for block in blocks)])
        if len(text) != first.size:
            raise FetchError(f"It came as {len(text)} bytes of {first.size}")
        return text


@dataclass(frozen=True, slots=True)
class _Sample:
    """A chunk that is read to check where it is said to be."""

    layout: ArrayLayout
    range: ByteRange


def _read(
    text: bytes, source: Source, size: int, limits: Limits
) -> tuple[Sidecar, Sequence[_Sample]]:
    """The sidecar, if it agrees with itself and with the size of the granule; and the samples."""
    if size and abs(size - source.size) > ROUNDED * size:
        raise FormatError(
            f"The catalogue tells of a granule of {size} bytes, and there is one of {source.size}"
        )
    found = read_dmrpp(text, source, limits)
    for path in sorted(found.faults):
        raise FormatError(found.losses[path], path=path)
    arrays = [a for a in found.index.arrays.values() if isinstance(a.storage, Chunked | Contiguous)]
    offsets, sizes, owners = _places(arrays)
    order = np.argsort(offsets, kind="stable")
    offsets, sizes, owners = offsets[order], sizes[order], owners[order]
    if (offsets[:-1] + sizes[:-1] > offsets[1:]).any():
        raise FormatError("Two chunks share bytes")
    checked = np.array([any(f.name in CHECKED for f in a.filters) for a in arrays], bool)
    rows = np.flatnonzero(checked[owners] & (sizes > 0) & (sizes <= SAMPLE_BYTES))
    if not len(rows):
        raise FormatError("None of its chunks carries a checksum, so that nothing can be checked")
    picked = rows[np.unique(np.linspace(0, len(rows) - 1, SAMPLES).astype(np.int64))]
    return found, [
        _Sample(arrays[owners[i]], ByteRange(int(offsets[i]), int(offsets[i] + sizes[i])))
        for i in picked
    ]


def _places(arrays: Sequence[ArrayLayout]) -> tuple[IntArray, IntArray, IntArray]:
    """Offset and size of all that lies in the granule, and to which array it belongs."""
    offsets, sizes, owners = [np.empty(0, np.int64)], [np.empty(0, np.int64)], []
    for array in arrays:
        count = 0
        if isinstance(array.storage, Chunked):
            table = array.storage.table
            offsets.append(table.offsets)
            sizes.append(table.nbytes.astype(np.int64))
            count = len(table)
        elif isinstance(array.storage, Contiguous) and array.storage.offset is not None:
            offsets.append(np.array([array.storage.offset], np.int64))
            sizes.append(np.array([array.storage.nbytes], np.int64))
            count = 1
        owners.append(count)
    return np.concatenate(offsets), np.concatenate(sizes), np.repeat(np.arange(len(arrays)), owners)


def _compare(samples: Sequence[_Sample], blocks: Sequence[Block]) -> None:
    """Raise unless the samples decode as the sidecar says."""
    for sample, block in zip(samples, blocks, strict=True):
        layout = sample.layout
        nbytes = math.prod(layout.piece_shape) * layout.stored_dtype.itemsize
        try:
            decode(block.data, layout.filters, 0, nbytes)
        except CryodataError as error:
            raise error.locate(path=layout.path) from None


def _members(told: Index) -> set[str]:
    """All paths that the groups of a sidecar name."""

    def paths() -> Iterator[str]:
        for path, group in told.groups.items():
            for name in group.links:
                yield f"{path.rstrip('/')}/{name}"

    return set(paths())
