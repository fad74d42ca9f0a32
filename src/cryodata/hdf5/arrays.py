"""Fixed and extensible arrays: the chunk indexes of newer files.

Both return runs of elements that are there, each with the index of its first element: an
array for ten million chunks of which three were written takes no more than those three.

Source: HDF5 File Format Specification, sections VII.C (fixed array) and VII.D (extensible
array). Sizes of an extensible array's blocks double at every second super block.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryodata.hdf5.context import Context
from cryodata.hdf5.rounds import gather

__all__ = ["Elements", "Run", "read_extensible_array", "read_fixed_array"]

Run = tuple[int, bytes]
"""Index of the first element, and the bytes of consecutive elements."""


@dataclass(frozen=True, slots=True)
class Elements:
    """What an array index holds.

    Attributes
    ----------
    itemsize : int
        Bytes of one element.
    runs : tuple of Run
        Elements that are there; others were never written.
    """

    itemsize: int
    runs: tuple[Run, ...]


async def read_fixed_array(context: Context, address: int, count: int) -> Elements:
    """Elements of the fixed array whose header is at `address`, which serves `count` chunks."""
    o, n = context.offset_size, context.length_size
    head = await context.read_signed(address, 8 + n + o + 4, b"FAHD")
    context.verify(head, "fixed array", address)
    itemsize, page_bits = head[6], head[7]
    stored = context.length(head, 8)
    block = context.address(head, 8 + n)
    if stored != count or not itemsize:
        context.damaged(f"a fixed array of {stored} elements serves {count} chunks", address)
    if block is None:
        return Elements(itemsize, ())
    page = 1 << min(page_bits, 62)
    prefix = 6 + o
    if stored <= page:
        data = await context.read_signed(block, prefix + stored * itemsize + 4, b"FADB")
        context.verify(data, "fixed array block", block)
        _check_owner(context, data, block, address)
        return Elements(itemsize, ((0, bytes(data[prefix:-4])),))
    pages = -(-stored // page)
    bitmap_bytes = -(-pages // 8)
    data = await context.read_signed(block, prefix + bitmap_bytes + 4, b"FADB")
    context.verify(data, "fixed array block", block)
    _check_owner(context, data, block, address)
    used = _bits(data[prefix : prefix + bitmap_bytes])[:pages]
    runs = await _pages(context, block + len(data), 0, stored, page, itemsize, used)
    return Elements(itemsize, tuple(runs))


def _check_owner(context: Context, block: memoryview, address: int, owner: int) -> None:
    """A block names the header it belongs to: another's would give another variable's chunks."""
    if context.address(block, 6) != owner:
        context.damaged("a block of a chunk index belongs to another", address)


def _bits(data: memoryview) -> list[bool]:
    """Bits of a bitmap, the highest of each byte first."""
    return [bool(byte & 0x80 >> bit) for byte in data for bit in range(8)]


async def _pages(
    context: Context,
    address: int,
    first: int,
    count: int,
    page: int,
    itemsize: int,
    used: list[bool],
) -> list[Run]:
    """Elements kept in pages, each with a checksum; `used` says which were ever written."""
    jobs = []
    for number, written in enumerate(used):
        if written:
            here = min(page, count - number * page)
            place = address + number * (page * itemsize + 4)
            jobs.append(_page(context, place, first + number * page, here * itemsize))
    return await gather(jobs)


async def _page(context: Context, address: int, first: int, nbytes: int) -> Run:
    data = await context.read(address, nbytes + 4)
    context.verify(data, "array page", address)
    return first, bytes(data[:-4])


@dataclass(frozen=True, slots=True)
class _Extensible:
    """The header of an extensible array, and what follows from it."""

    address: int
    itemsize: int
    index_elements: int
    """Elements kept in the index block itself."""
    least_block: int
    """Elements of the smallest data block."""
    least_pointers: int
    """Data blocks of the first super block."""
    super_blocks: int
    page: int
    """Elements of a page; longer data blocks are paged."""
    offset_bytes: int
    index_block: int | None

    def block_elements(self, level: int) -> int:
        """Elements of each data block of a super block."""
        return self.least_block << (level + 1) // 2

    def blocks(self, level: int) -> int:
        """Data blocks of a super block."""
        return 1 << level // 2

    @property
    def direct_levels(self) -> int:
        """Super blocks whose data blocks the index block points to itself."""
        return 2 * (self.least_pointers.bit_length() - 1)


async def read_extensible_array(context: Context, address: int, count: int) -> Elements:
    """Elements of the extensible array whose header is at `address`, as far as `count`."""
    array = await _extensible_header(context, address)
    if array.index_block is None:
        return Elements(array.itemsize, ())
    index = await _index_block(context, array, array.index_block)
    o = context.offset_size
    at = 6 + o + array.index_elements * array.itemsize
    runs: list[Run] = [(0, bytes(index[6 + o : at]))]
    jobs = []
    first = array.index_elements
    for level in range(array.super_blocks):
        if first >= count:  # later blocks hold nothing of the present shape
            break
        blocks, elements = array.blocks(level), array.block_elements(level)
        if level < array.direct_levels:
            for i in range(blocks):
                block = context.address(index, at)
                at += o
                jobs.append(_data_block(context, array, block, level, first + i * elements, []))
        else:
            jobs.append(_super_block(context, array, context.address(index, at), level, first))
            at += o
        first += blocks * elements
    for found in await gather(jobs):
        runs.extend(found)
    return Elements(array.itemsize, tuple(runs))


async def _extensible_header(context: Context, address: int) -> _Extensible:
    o, n = context.offset_size, context.length_size
    head = await context.read_signed(address, 12 + 6 * n + o + 4, b"EAHD")
    context.verify(head, "extensible array", address)
    itemsize, most_bits, index_elements, least_block, least_pointers, page_bits = head[6:12]
    powers = (least_block, least_pointers)
    if not itemsize or most_bits > 64 or any(p < 1 or p & (p - 1) for p in powers):
        context.damaged("an extensible array has impossible sizes", address)
    return _Extensible(
        address=address,
        itemsize=itemsize,
        index_elements=index_elements,
        least_block=least_block,
        least_pointers=least_pointers,
        super_blocks=1 + most_bits - (least_block.bit_length() - 1),
        page=1 << min(page_bits, 62),
        offset_bytes=-(-most_bits // 8),
        index_block=context.address(head, 12 + 6 * n),
    )


async def _index_block(context: Context, array: _Extensible, address: int) -> memoryview:
    pointers = sum(array.blocks(level) for level in range(array.direct_levels))
    pointers += max(0, array.super_blocks - array.direct_levels)
    nbytes = 6 + context.offset_size * (1 + pointers) + array.index_elements * array.itemsize + 4
    data = await context.read_signed(address, nbytes, b"EAIB")
    context.verify(data, "extensible array index", address)
    _check_owner(context, data, address, array.address)
    return data


async def _super_block(
    context: Context, array: _Extensible, address: int | None, level: int, first: int
) -> list[Run]:
    if address is None:
        return []
    blocks, elements = array.blocks(level), array.block_elements(level)
    o = context.offset_size
    pages = elements // array.page if elements > array.page else 0  # both powers of two
    bitmap_bytes = -(-pages // 8)
    head = 6 + o + array.offset_bytes
    nbytes = head + blocks * (bitmap_bytes + o) + 4
    data = await context.read_signed(address, nbytes, b"EASB")
    context.verify(data, "extensible array super block", address)
    _check_owner(context, data, address, array.address)
    at = head + blocks * bitmap_bytes
    bits = _bits(data[head:at])  # pages of all blocks follow each other without gaps
    jobs = []
    for i in range(blocks):
        place = context.address(data, at + i * o)
        used = bits[i * pages : (i + 1) * pages]
        jobs.append(_data_block(context, array, place, level, first + i * elements, used))
    return [run for runs in await gather(jobs) for run in runs]


async def _data_block(
    context: Context,
    array: _Extensible,
    address: int | None,
    level: int,
    first: int,
    used: list[bool],
) -> list[Run]:
    if address is None:
        return []
    elements = array.block_elements(level)
    head = 6 + context.offset_size + array.offset_bytes
    if not used:
        data = await context.read_signed(address, head + elements * array.itemsize + 4, b"EADB")
        context.verify(data, "extensible array block", address)
        _check_owner(context, data, address, array.address)
        return [(first, bytes(data[head:-4]))]
    data = await context.read_signed(address, head + 4, b"EADB")
    context.verify(data, "extensible array block", address)
    _check_owner(context, data, address, array.address)
    return await _pages(
        context, address + head + 4, first, elements, array.page, array.itemsize, used
    )
