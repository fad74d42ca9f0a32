"""Which bytes to fetch for what is wanted: pure, so that equal inputs give equal plans.

Everything wanted from a granule is planned together. Chunks of different variables lie
between each other in the file, so that what looks scattered for one variable is often a
few runs for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import SelectionError
from cryodata.layout import ArrayLayout, Chunked
from cryodata.options import Network
from cryodata.types import ByteRange, IntArray

__all__ = ["Pieces", "ReadPlan", "Want", "plan_reads"]

REQUEST_LATENCIES = 1 / 16
"""What one more request costs, in latencies: the slowest of many is waited for, and with
the latencies of S3 (log-normal, sigma 0.4) that wait grows by about so much around the
tenth request. The client's own work, 0.25 ms a request with obstore, is less."""
PLENTY = 50e6
"""Bandwidth of one connection, bytes/s, above which bytes are cheap: inside the cloud."""
SMALL_WASTE = 64 * 1024
"""Bytes that may always be wasted to save requests where bandwidth is plenty."""


@dataclass(frozen=True, slots=True)
class Want:
    """A box of one array.

    Attributes
    ----------
    layout : ArrayLayout
    box : tuple of (int, int)
        Per axis, half-open: ``start <= i < stop``.
    """

    layout: ArrayLayout
    box: tuple[tuple[int, int], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values wanted."""
        return tuple(stop - start for start, stop in self.box)

    @property
    def nbytes(self) -> int:
        """Bytes of the values wanted, as stored elements."""
        return math.prod(self.shape) * self.layout.stored_dtype.itemsize


@dataclass(frozen=True, eq=False)
class Pieces:
    """Chunks, or cuts of contiguous data, one row each, ascending by place in the file.

    Attributes
    ----------
    want : (n,) int64
        Which of the plan's wants.
    number : (n,) int64
        Number of the piece in its array's grid.
    offset, nbytes : (n,) int64
        Bytes of the file, ``offset <= i < offset + nbytes``.
    mask : (n,) uint32
        Filters that were not applied.
    range : (n,) int64
        Which of the plan's ranges holds it; ascending.
    """

    want: IntArray
    number: IntArray
    offset: IntArray
    nbytes: IntArray
    mask: NDArray[np.uint32]
    range: IntArray

    def __len__(self) -> int:
        return len(self.want)


@dataclass(frozen=True, eq=False)
class ReadPlan:
    """The requests that bring what is wanted.

    Attributes
    ----------
    wants : tuple of Want
    ranges : tuple of ByteRange
        One request each; disjoint, ascending.
    pieces : Pieces
    covered : tuple of bool
        Per want, whether every element is in a piece; where not, the rest is fill.
    """

    wants: tuple[Want, ...]
    ranges: tuple[ByteRange, ...]
    pieces: Pieces
    covered: tuple[bool, ...]

    @property
    def requests(self) -> int:
        """Number of requests."""
        return len(self.ranges)

    @property
    def nbytes(self) -> int:
        """Bytes to fetch."""
        return sum(stop - start for start, stop in self.ranges)

    @property
    def needed(self) -> int:
        """Bytes fetched that are used."""
        return int(self.pieces.nbytes.sum())

    def __repr__(self) -> str:
        return (
            f"<ReadPlan: {len(self.wants)} arrays, {len(self.pieces)} chunks, "
            f"{self.requests} requests, {self.nbytes} bytes, {self.needed} of them needed>"
        )


def plan_reads(
    wants: Sequence[Want],
    network: Network,
    *,
    memory: int,
    held: Sequence[ByteRange] = (),
) -> ReadPlan:
    """One plan for all `wants`, which are of one granule.

    Parameters
    ----------
    wants : sequence of Want
    network : Network
        Decides how far apart two chunks may lie to be fetched with one request.
    memory : int
        Bytes that the results may take.
    held : sequence of ByteRange
        Disjoint, ascending: bytes that are at hand. Pieces inside them get ranges of
        their own, inside them too, so that those need not be fetched.

    Raises
    ------
    SelectionError
        If the results would take more than `memory`.
    UnsupportedError
        If an array's layout cannot be read.
    """
    nbytes = sum(want.nbytes for want in wants)
    if nbytes > memory:
        raise SelectionError(
            f"The values asked for take {nbytes / 1e9:.1f} GB, more than {memory / 1e9:.1f} GB",
            path=max(wants, key=lambda want: want.nbytes).layout.path,
            fix="Read a part of them, or use chunks= to compute piece by piece.",
        )
    columns = [_locate(want) for want in wants]
    counts = [len(located[0]) for located in columns]
    number, offset, size, mask = (
        np.concatenate([c[i] for c in columns]) if columns else np.empty(0, np.int64)
        for i in range(4)
    )
    order = np.argsort(offset, kind="stable")
    offset, size = offset[order], size[order]
    at_hand = _at_hand(offset, size, held)
    starts = _range_starts(offset, size, at_hand, network)
    pieces = Pieces(
        want=np.repeat(np.arange(len(wants)), counts)[order],
        number=number[order],
        offset=offset,
        nbytes=size,
        mask=mask[order].astype(np.uint32),
        range=np.cumsum(starts) - 1,
    )
    return ReadPlan(
        wants=tuple(wants),
        ranges=_ranges(offset, size, starts),
        pieces=pieces,
        covered=tuple(c == _boxed(w) for c, w in zip(counts, wants, strict=True)),
    )


def _edges(want: Want) -> list[tuple[int, int]]:
    """Per axis, the run of pieces that the box touches, half-open."""
    return [
        (start // piece, -(-stop // piece))
        for (start, stop), piece in zip(want.box, want.layout.piece_shape, strict=True)
    ]


def _boxed(want: Want) -> int:
    """Number of pieces that the box touches."""
    if 0 in want.shape:
        return 0
    return math.prod(stop - start for start, stop in _edges(want))


def _locate(want: Want) -> tuple[IntArray, IntArray, IntArray, NDArray[np.uint32]]:
    """Number, offset, bytes and mask of the pieces of a box that have bytes in the file."""
    layout = want.layout
    layout.check_readable()
    none = np.empty(0, np.int64)
    if 0 in want.shape:
        return none, none, none, np.empty(0, np.uint32)
    grid, edges = layout.grid, _edges(want)
    if isinstance(layout.storage, Chunked) and len(layout.storage.table) < _boxed(want):
        # a sparse array: fewer chunks were ever written than the box has places
        numbers = layout.storage.table.numbers
        inside = np.ones(len(numbers), bool)
        for at, (start, stop) in zip(np.unravel_index(numbers, grid), edges, strict=True):
            inside &= (at >= start) & (at < stop)
        numbers = numbers[inside]
    else:
        numbers = np.zeros(1, np.int64)
        for extent, (start, stop) in zip(grid, edges, strict=True):
            numbers = (numbers[:, None] * extent + np.arange(start, stop)).reshape(-1)
    located = layout.locate(numbers)
    return numbers[located.positions], located.offsets, located.nbytes, located.masks


def _at_hand(offset: IntArray, size: IntArray, held: Sequence[ByteRange]) -> IntArray:
    """Number of the held range that a piece lies in; -1 where it must be fetched."""
    if not held:
        return np.full(len(offset), -1, np.int64)
    edges = np.array(held, np.int64)
    number = np.searchsorted(edges[:, 0], offset, side="right") - 1
    inside = (number >= 0) & (offset + size <= edges[number, 1])
    return np.where(inside, number, -1)


def _range_starts(
    offset: IntArray, size: IntArray, at_hand: IntArray, network: Network
) -> NDArray[np.bool_]:
    """Which pieces begin a new range."""
    if not len(offset):
        return np.empty(0, bool)
    reach = np.maximum.accumulate(offset + size)  # pieces may overlap in a hostile file
    gaps = np.maximum(offset[1:] - reach[:-1], 0)
    starts = np.ones(len(offset), bool)
    starts[1:] = ~_bridged(gaps, int(size[at_hand < 0].sum()), network)
    starts[1:] |= at_hand[1:] != at_hand[:-1]  # what is fetched and what is not stay apart
    return _split_long(offset, reach, starts, network)


def _bridged(gaps: IntArray, needed: int, network: Network) -> NDArray[np.bool_]:
    """Which gaps are cheaper read through than asked around.

    The smallest first: gaps that cost less time than a request always; larger ones only
    while there are more requests than can be under way at once. Together they stay below
    the share of waste allowed, which is larger where bandwidth is plenty.
    """
    budget = network.waste * needed
    if network.bandwidth > PLENTY:
        budget = max(4 * budget, SMALL_WASTE)
    order = np.argsort(gaps, kind="stable")
    ascending = gaps[order]
    cheap = ascending <= REQUEST_LATENCIES * network.latency * network.bandwidth
    crowded = len(gaps) - np.arange(len(gaps)) >= network.in_flight
    take = (cheap | crowded) & (np.cumsum(ascending) <= budget)
    bridged = np.zeros(len(gaps), bool)
    bridged[order[take]] = True
    return bridged


def _split_long(
    offset: IntArray, reach: IntArray, starts: NDArray[np.bool_], network: Network
) -> NDArray[np.bool_]:
    """Cut runs so that connections share them: none waits for one long request."""
    total = int(reach[-1] - offset[0])
    even = total // network.in_flight
    least = int(network.latency * network.bandwidth / 3)
    target = max(min(max(even, least), network.largest), 1)
    starts = starts.copy()
    first = 0
    for i in range(1, len(offset)):
        if starts[i]:
            first = i
        elif reach[i] - offset[first] > target:
            starts[i] = True
            first = i
    return starts


def _ranges(offset: IntArray, size: IntArray, starts: NDArray[np.bool_]) -> tuple[ByteRange, ...]:
    at = np.flatnonzero(starts)
    if not len(at):
        return ()
    stops = np.maximum.reduceat(offset + size, at)
    return tuple(ByteRange(a, b) for a, b in zip(offset[at].tolist(), stops.tolist(), strict=True))
