"""Fractal heaps: where groups with many links and objects with many attributes keep them.

Source: HDF5 File Format Specification, section III.G (fractal heap, its doubling table,
direct and indirect blocks, heap IDs, huge and tiny objects).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from cryodata.errors import UnsupportedError
from cryodata.hdf5.btree2 import read_records
from cryodata.hdf5.checksum import lookup3
from cryodata.hdf5.context import Context
from cryodata.hdf5.rounds import gather

__all__ = ["FractalHeap", "read_fractal_heap"]

MANAGED, HUGE, TINY = range(3)
CHECKSUMMED_BLOCKS = 0x02


@dataclass(frozen=True, slots=True)
class _Heap:
    """The header: how the address space of the heap doubles from row to row."""

    address: int
    id_length: int
    has_filters: bool
    checksums: bool
    huge_tree: int | None
    offset_bytes: int
    length_bytes: int
    width: int
    start_bytes: int
    direct_rows: int
    root: int | None
    root_rows: int

    def row_bytes(self, row: int) -> int:
        """Size of each block in a row: rows 0 and 1 alike, then twice the row before."""
        return self.start_bytes << max(0, row - 1)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Direct blocks by the heap offset they begin at, ascending."""

    offsets: list[int]
    blocks: list[memoryview]

    def find(self, offset: int, nbytes: int) -> memoryview:
        at = bisect_right(self.offsets, offset) - 1
        if at < 0:
            raise ValueError(f"no heap block holds offset {offset}")
        low = offset - self.offsets[at]
        data = self.blocks[at][low : low + nbytes]
        if len(data) < nbytes:
            raise ValueError(f"a heap object at offset {offset} overruns its block")
        return data


@dataclass(frozen=True, slots=True)
class FractalHeap:
    """A heap whose direct blocks are all held."""

    _context: Context
    _heap: _Heap
    _blocks: _Blocks

    async def objects(self, ids: Sequence[memoryview]) -> list[memoryview]:
        """The objects with these heap IDs, in order."""
        huge = await _huge(self._context, self._heap, ids)
        return [_object(self._heap, self._blocks, huge, identifier) for identifier in ids]


async def read_fractal_heap(context: Context, address: int) -> FractalHeap:
    """The heap at `address`.

    All its blocks are read, level by level: links and attributes are wanted together, and
    the B-tree that holds their IDs can be read side by side with the heap.
    """
    heap = await _header(context, address)
    return FractalHeap(context, heap, await _managed(context, heap))


async def _header(context: Context, address: int) -> _Heap:
    o, n = context.offset_size, context.length_size
    fixed = 14 + n + o + n + o + 8 * n + 2 + 2 * n + 4 + o + 2
    head = await context.read_signed(address, fixed, b"FRHP")
    filter_bytes = int.from_bytes(head[7:9], "little")
    whole = fixed + 4 + (n + 4 + filter_bytes if filter_bytes else 0)
    data = await context.read(address, whole)
    context.verify(data, "fractal heap", address)
    most_managed = int.from_bytes(data[10:14], "little")
    at = 14 + n
    huge_tree = context.address(data, at)
    at += o + n + o + 8 * n
    width = int.from_bytes(data[at : at + 2], "little")
    start = context.length(data, at + 2)
    largest = context.length(data, at + 2 + n)
    at += 2 + 2 * n
    heap_bits = int.from_bytes(data[at : at + 2], "little")
    if not width or not start or start > largest or heap_bits > 64 or start & (start - 1):
        context.damaged("a fractal heap has an impossible doubling table", address)
    return _Heap(
        address=address,
        id_length=int.from_bytes(data[5:7], "little"),
        has_filters=bool(filter_bytes),
        checksums=bool(data[9] & CHECKSUMMED_BLOCKS),
        huge_tree=huge_tree,
        offset_bytes=-(-heap_bits // 8),
        length_bytes=min(-(-(largest.bit_length() - 1) // 8), (most_managed.bit_length() + 7) // 8),
        width=width,
        start_bytes=start,
        direct_rows=largest.bit_length() - start.bit_length() + 2,
        root=context.address(data, at + 4),
        root_rows=int.from_bytes(data[at + 4 + o : at + 6 + o], "little"),
    )


async def _managed(context: Context, heap: _Heap) -> _Blocks:
    """All direct blocks, whether the root is one or points to them."""
    if heap.root is None:
        return _Blocks([], [])
    if heap.has_filters:
        raise UnsupportedError(
            "A fractal heap with filters cannot be read", fix="Other objects are not affected."
        )
    if heap.root_rows == 0:
        block = await _direct(context, heap, heap.root, 0, heap.start_bytes)
        return _Blocks([0], [block])
    found = sorted(await _indirect(context, heap, heap.root, 0, heap.root_rows), key=_offset)
    return _Blocks([offset for offset, _ in found], [block for _, block in found])


def _offset(found: tuple[int, memoryview]) -> int:
    return found[0]


def _check_place(
    context: Context, heap: _Heap, block: memoryview, address: int, offset: int
) -> None:
    """A block names its heap and its offset there: another's would hold others' attributes."""
    at = 5 + context.offset_size
    stored = int.from_bytes(block[at : at + heap.offset_bytes], "little")
    if context.address(block, 5) != heap.address or stored != offset:
        context.damaged("a heap block stands in another's place", address)


async def _direct(
    context: Context, heap: _Heap, address: int, offset: int, nbytes: int
) -> memoryview:
    """One direct block, with its own header: heap offsets count from its first byte."""
    block = await context.read_signed(address, nbytes, b"FHDB")
    _check_place(context, heap, block, address, offset)
    if heap.checksums:
        at = 5 + context.offset_size + heap.offset_bytes
        stored = int.from_bytes(block[at : at + 4], "little")
        blank = bytearray(block)  # the sum is taken with its own field zero
        blank[at : at + 4] = bytes(4)
        if lookup3(memoryview(blank)) != stored:
            context.damaged("the checksum of a heap block does not match", address)
    return block


async def _indirect(
    context: Context, heap: _Heap, address: int, offset: int, rows: int
) -> list[tuple[int, memoryview]]:
    """Offsets and direct blocks below one indirect block that covers `rows` rows."""
    if rows > 64:
        context.damaged("a fractal heap block has too many rows", address)
    context.visit("heap block", address)
    o = context.offset_size
    head = 5 + o + heap.offset_bytes
    data = await context.read_signed(address, head + rows * heap.width * o + 4, b"FHIB")
    context.verify(data, "heap block", address)
    _check_place(context, heap, data, address, offset)
    jobs = []
    for row in range(rows):
        nbytes = heap.row_bytes(row)
        for _ in range(heap.width):
            child = context.address(data, head)
            head += o
            if child is not None:
                jobs.append(_child(context, heap, child, offset, row))
            offset += nbytes
    return [found for children in await gather(jobs) for found in children]


async def _child(
    context: Context, heap: _Heap, address: int, offset: int, row: int
) -> list[tuple[int, memoryview]]:
    nbytes = heap.row_bytes(row)
    if row < heap.direct_rows:
        return [(offset, await _direct(context, heap, address, offset, nbytes))]
    first = (heap.start_bytes * heap.width).bit_length()
    return await _indirect(context, heap, address, offset, nbytes.bit_length() - first + 1)


async def _huge(context: Context, heap: _Heap, ids: Sequence[memoryview]) -> dict[int, memoryview]:
    """Objects too large for a block, by their number; read only where an ID names one."""
    if heap.huge_tree is None or not any(_kind(i) == HUGE for i in ids):
        return {}
    if heap.has_filters:
        raise UnsupportedError(
            "A fractal heap with filters cannot be read", fix="Other objects are not affected."
        )
    o, n = context.offset_size, context.length_size
    records = await read_records(context, heap.huge_tree)
    places = []
    for data in records:
        address = context.address(data, 0)
        if address is None:
            context.damaged("a huge object has no address", heap.huge_tree)
        places.append((address, context.length(data, o), context.length(data, o + n)))
    found = await gather(context.read(address, nbytes) for address, nbytes, _ in places)
    return {number: data for (_, _, number), data in zip(places, found, strict=True)}


def _kind(identifier: memoryview) -> int:
    return identifier[0] >> 4 & 3


def _object(
    heap: _Heap, blocks: _Blocks, huge: dict[int, memoryview], identifier: memoryview
) -> memoryview:
    kind = _kind(identifier)
    if kind == MANAGED:
        middle = 1 + heap.offset_bytes
        offset = int.from_bytes(identifier[1:middle], "little")
        nbytes = int.from_bytes(identifier[middle : middle + heap.length_bytes], "little")
        return blocks.find(offset, nbytes)
    if kind == TINY:
        extended = heap.id_length > 18
        nbytes = (identifier[0] & 0x0F) + 1
        if extended:
            nbytes = (identifier[0] & 0x0F) << 8 | identifier[1]
            nbytes += 1
        first = 2 if extended else 1
        return identifier[first : first + nbytes]
    number = int.from_bytes(identifier[1 : 1 + min(8, heap.id_length - 1)], "little")
    if kind != HUGE or number not in huge:
        raise ValueError(f"no heap object has the ID {bytes(identifier).hex()}")
    return huge[number]
