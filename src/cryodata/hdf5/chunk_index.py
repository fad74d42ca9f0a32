"""Every kind of chunk index, read into one `ChunkTable`.

Source: HDF5 File Format Specification, sections III.A (B-trees), VII.A to VII.E (single
chunk, implicit, fixed array, extensible array, version 2 B-tree).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cryodata.errors import LimitExceededError
from cryodata.hdf5.arrays import Elements, read_extensible_array, read_fixed_array
from cryodata.hdf5.btree1 import read_chunk_records
from cryodata.hdf5.btree2 import read_records
from cryodata.hdf5.context import Context
from cryodata.hdf5.messages import SINGLE_FILTERED, UNFILTERED_EDGES, Layout
from cryodata.layout import ChunkTable
from cryodata.types import AnyArray, IntArray

__all__ = ["ChunkedArray", "read_chunk_table"]

NOTHING = (1 << 32) - 1
"""A mask that leaves out every filter."""
MOST_BYTES = (1 << 32) - 1
"""A chunk's size on disk is written in 32 bits."""


@dataclass(frozen=True, slots=True)
class ChunkedArray:
    """What an index has to be read against.

    Attributes
    ----------
    shape, chunk_shape : tuple of int
    maxshape : tuple of (int or None)
    itemsize : int
        Bytes of one stored element.
    filtered : bool
        There is at least one filter, so that chunks have different sizes.
    """

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    maxshape: tuple[int | None, ...]
    itemsize: int
    filtered: bool

    @property
    def grid(self) -> tuple[int, ...]:
        """Chunks along each axis, of the present shape."""
        return tuple(-(-n // c) for n, c in zip(self.shape, self.chunk_shape, strict=True))

    @property
    def full_grid(self) -> tuple[int, ...]:
        """As `grid`, of the largest shape; the present one along unlimited axes."""
        return tuple(
            -(-(n if m is None else m) // c)
            for n, m, c in zip(self.shape, self.maxshape, self.chunk_shape, strict=True)
        )

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one decoded chunk."""
        return math.prod(self.chunk_shape) * self.itemsize


@dataclass(frozen=True, slots=True)
class _Entries:
    """Chunks as an index gives them: (n, rank) grid places, and columns of n."""

    places: IntArray
    addresses: IntArray
    nbytes: IntArray
    masks: IntArray

    def at(self, which: IntArray) -> _Entries:
        """Some of them, by their place in the columns."""
        return _Entries(
            self.places[which], self.addresses[which], self.nbytes[which], self.masks[which]
        )


async def read_chunk_table(context: Context, layout: Layout, array: ChunkedArray) -> ChunkTable:
    """All chunks of one dataset that were written, ascending by number.

    Raises
    ------
    FormatError
        If the index is damaged, or places a chunk outside the file.
    LimitExceededError
        If there are more chunks than `Limits.chunks`.
    """
    if layout.address is None or 0 in array.shape:
        return _empty()
    entries = await _READERS[layout.index](context, layout, array)
    return _tabulate(context, layout, array, entries)


def _empty() -> ChunkTable:
    none = np.empty(0, np.int64)
    return ChunkTable(none, none, np.empty(0, np.uint32), np.empty(0, np.uint32))


def _tabulate(
    context: Context, layout: Layout, array: ChunkedArray, entries: _Entries
) -> ChunkTable:
    """Check, number and sort; drop what lies beyond the present shape."""
    grid = array.grid
    inside = entries.places < np.array(grid, np.int64)
    if not inside.all():
        entries = entries.at(np.flatnonzero(inside.all(axis=1)))
    places, addresses, nbytes = entries.places, entries.addresses, entries.nbytes
    masks = entries.masks.astype(np.uint32)
    if layout.flags & UNFILTERED_EDGES:
        partial = (places + 1) * np.array(array.chunk_shape) > np.array(array.shape)
        masks[partial.any(axis=1)] = NOTHING
    offsets = addresses + context.base
    outside = (offsets < 0) | (nbytes < 0) | (offsets > context.rounds.held.size - nbytes)
    outside |= nbytes > MOST_BYTES
    if outside.any():
        bad = int(np.flatnonzero(outside)[0])
        context.damaged(
            f"chunk {tuple(places[bad].tolist())} of {nbytes[bad]} bytes lies outside the file, "
            "or is larger than chunks are",
            int(addresses[bad]),
        )
    strides = np.array([math.prod(grid[i + 1 :]) for i in range(len(grid))], np.int64)
    numbers = places @ strides
    table = ChunkTable(numbers, offsets, nbytes.astype(np.uint32), masks)
    if (numbers[1:] > numbers[:-1]).all():  # as most indexes list them
        return table
    order = np.argsort(numbers, kind="stable")
    if (np.diff(numbers[order]) == 0).any():
        context.damaged("a chunk index lists a chunk twice", layout.address)
    return ChunkTable(numbers[order], offsets[order], table.nbytes[order], masks[order])


def _signed(values: AnyArray) -> IntArray:
    """Unsigned file numbers as int64; those beyond become negative and fail the bounds check."""
    return values.astype(np.int64)


async def _btree1(context: Context, layout: Layout, array: ChunkedArray) -> _Entries:
    rank = len(array.shape)
    leaves = await read_chunk_records(context, layout.address or 0, rank)
    records = np.concatenate(leaves)
    corners = _signed(records["corner"])
    # the last number counts inside an element, so it is 0
    places, rest = np.divmod(corners, np.array([*array.chunk_shape, 1], np.int64))
    if corners.min(initial=0) < 0 or rest.any() or places[:, rank].any():
        context.damaged("a chunk does not begin at a multiple of the chunk shape", layout.address)
    return _Entries(
        places[:, :rank],
        _signed(records["address"]),
        records["nbytes"].astype(np.int64),
        records["mask"].astype(np.int64),
    )


async def _single(context: Context, layout: Layout, array: ChunkedArray) -> _Entries:
    filtered = layout.flags & SINGLE_FILTERED
    return _Entries(
        np.zeros((1, len(array.shape)), np.int64),
        np.array([layout.address], np.int64),
        np.array([layout.nbytes if filtered else array.chunk_bytes], np.int64),
        np.array([layout.mask if filtered else 0], np.int64),
    )


async def _implicit(context: Context, layout: Layout, array: ChunkedArray) -> _Entries:
    count = math.prod(array.full_grid)
    if count * array.chunk_bytes > context.rounds.held.size:
        context.damaged(f"{count} chunks of {array.chunk_bytes} bytes overrun the file")
    numbers = np.arange(count, dtype=np.int64)
    return _Entries(
        np.stack(np.unravel_index(numbers, array.full_grid), axis=1).astype(np.int64),
        (layout.address or 0) + numbers * array.chunk_bytes,
        np.full(count, array.chunk_bytes, np.int64),
        np.zeros(count, np.int64),
    )


async def _fixed_array(context: Context, layout: Layout, array: ChunkedArray) -> _Entries:
    elements = await read_fixed_array(context, layout.address or 0, math.prod(array.full_grid))
    return _from_elements(context, array, elements, list(range(len(array.shape))))


async def _extensible_array(context: Context, layout: Layout, array: ChunkedArray) -> _Entries:
    unlimited = [i for i, most in enumerate(array.maxshape) if most is None]
    if len(unlimited) != 1:
        context.damaged("an extensible array serves other than one unlimited axis")
    elements = await read_extensible_array(context, layout.address or 0, math.prod(array.full_grid))
    # counted as if the unlimited axis came first, so that the array grows at its end
    others = [axis for axis in range(len(array.shape)) if axis != unlimited[0]]
    return _from_elements(context, array, elements, [unlimited[0], *others])


def _from_elements(
    context: Context, array: ChunkedArray, elements: Elements, axes: list[int]
) -> _Entries:
    """Entries of an array index: element i belongs to chunk i of the grid, counted by `axes`."""
    grid, width, itemsize = array.full_grid, context.offset_size, elements.itemsize
    data = b"".join(run for _, run in elements.runs)
    total = len(data) // itemsize
    if total > context.limits.chunks:
        raise LimitExceededError(
            f"A dataset of {total} chunks, more than {context.limits.chunks}",
            fix="Raise Limits.chunks if you trust the file.",
        )
    firsts = [(first, len(run) // itemsize) for first, run in elements.runs]
    numbers = np.concatenate(
        [np.empty(0, np.int64), *(np.arange(n, dtype=np.int64) + first for first, n in firsts)]
    )
    addresses = _column(data, itemsize, 0, width)
    used = (addresses != np.uint64((1 << 8 * width) - 1)) & (numbers < math.prod(grid))
    counted = np.unravel_index(numbers[used], [grid[axis] for axis in axes])
    places = np.empty((int(used.sum()), len(grid)), np.int64)
    for column, axis in zip(counted, axes, strict=True):
        places[:, axis] = column
    if array.filtered:
        nbytes = _signed(_column(data, itemsize, width, itemsize - width - 4)[used])
        masks = _signed(_column(data, itemsize, itemsize - 4, 4)[used])
    else:
        nbytes = np.full(len(places), array.chunk_bytes, np.int64)
        masks = np.zeros(len(places), np.int64)
    return _Entries(places, _signed(addresses[used]), nbytes, masks)


def _column(data: bytes, itemsize: int, at: int, width: int) -> AnyArray:
    """Little-endian unsigned numbers of any width up to 8, one of each item."""
    if not 0 < width <= 8:
        raise ValueError(f"numbers of {width} bytes in a chunk index")
    items = np.frombuffer(data, np.uint8).reshape(-1, itemsize)
    padded = np.zeros((len(items), 8), np.uint8)
    padded[:, :width] = items[:, at : at + width]
    return padded.view("<u8").reshape(-1)


async def _btree2(context: Context, layout: Layout, array: ChunkedArray) -> _Entries:
    rank = len(array.shape)
    records = await read_records(context, layout.address or 0)
    if not records:
        none = np.empty(0, np.int64)
        return _Entries(np.empty((0, rank), np.int64), none, none, none)
    data = b"".join(records)
    itemsize, width = len(records[0]), context.offset_size
    first = itemsize - 8 * rank  # the scaled grid place ends the record
    places = np.stack(
        [_signed(_column(data, itemsize, first + 8 * i, 8)) for i in range(rank)], axis=1
    )
    if array.filtered:
        nbytes = _signed(_column(data, itemsize, width, first - width - 4))
        masks = _signed(_column(data, itemsize, first - 4, 4))
    else:
        nbytes = np.full(len(records), array.chunk_bytes, np.int64)
        masks = np.zeros(len(records), np.int64)
    return _Entries(places, _signed(_column(data, itemsize, 0, width)), nbytes, masks)


_READERS = {
    "btree1": _btree1,
    "single": _single,
    "implicit": _implicit,
    "fixed array": _fixed_array,
    "extensible array": _extensible_array,
    "btree2": _btree2,
}
