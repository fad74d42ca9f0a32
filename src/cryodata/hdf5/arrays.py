"""Fixed and extensible arrays: the chunk indexes of newer files.

Both return the elements of all chunks as one run of bytes, in index order, with absent
elements filled with ones (an undefined address).

Source: HDF5 File Format Specification, sections VII.C (fixed array) and VII.D (extensible
array). Sizes of an extensible array's blocks double at every second super block.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryodata.hdf5.context import Context
from cryodata.hdf5.rounds import gather

__all__ = ["read_extensible_array", "read_fixed_array"]


async def read_fixed_array(context: Context, address: int, count: int) -> bytes:
    """`count` elements of the fixed array whose header is at `address`."""
    o, n = context.offset_size, context.length_size
    head = await context.read_signed(address, 8 + n + o + 4, b"FAHD")
    context.verify(head, "fixed array", address)
    itemsize, page_bits = head[6], head[7]
    stored = context.length(head, 8)
    block = context.address(head, 8 + n)
    if block is None:
        return _absent(itemsize * count)
    if stored < count or not itemsize:
        context.damaged(f"a fixed array of {stored} elements serves {count} chunks", address)
    page = 1 << min(page_bits, 62)
    prefix = 6 + o
    if stored <= page:
        data = await context.read_signed(block, prefix + stored * itemsize + 4, b"FADB")
        context.verify(data, "fixed array block", block)
        return bytes(data[prefix : prefix + count * itemsize])
    pages = -(-stored // page)
    bitmap_bytes = -(-pages // 8)
    data = await context.read_signed(block, prefix + bitmap_bytes + 4, b"FADB")
    context.verify(data, "fixed array block", block)
    used = _bits(data[prefix : prefix + bitmap_bytes])[:pages]
    parts = await _pages(context, block + len(data), stored, page, itemsize, used)
    return parts[: count * itemsize]


def _bits(data: memoryview) -> list[bool]:
    """Bits of a bitmap, the highest of each byte first."""
    return [bool(byte & 0x80 >> bit) for byte in data for bit in range(8)]


async def _pages(
    context: Context, address: int, count: int, page: int, itemsize: int, used: list[bool]
) -> bytes:
    """Elements kept in pages, each with a checksum; `used` says which were ever written."""
    jobs = []
    for number, written in enumerate(used):
        here = min(page, count - number * page)
        place = address + number * (page * itemsize + 4)
        jobs.append(_page(context, place, here * itemsize, written))
    return b"".join(await gather(jobs))


async def _page(context: Context, address: int, nbytes: int, used: bool) -> bytes:
    if not used:
        return _absent(nbytes)
    data = await context.read(address, nbytes + 4)
    context.verify(data, "array page", address)
    return bytes(data[:-4])


def _absent(nbytes: int) -> bytes:
    return b"\xff" * nbytes


@dataclass(frozen=True, slots=True)
class _Extensible:
    """The header of an extensible array, and what follows from it."""

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


async def read_extensible_array(context: Context, address: int, count: int) -> bytes:
    """`count` elements of the extensible array whose header is at `address`."""
    array = await _extensible_header(context, address)
    if array.index_block is None:
        return _absent(array.itemsize * count)
    index = await _index_block(context, array, array.index_block)
    o, size = context.offset_size, array.itemsize
    at = 6 + o
    elements = bytes(index[at : at + array.index_elements * size])
    at += array.index_elements * size
    jobs = []
    have = array.index_elements
    for level in range(array.super_blocks):
        if have >= count:  # later blocks hold nothing of the present shape
            break
        if level < array.direct_levels:
            for _ in range(array.blocks(level)):
                jobs.append(_data_block(context, array, context.address(index, at), level, []))
                at += o
        else:
            jobs.append(_super_block(context, array, context.address(index, at), level))
            at += o
        have += array.blocks(level) * array.block_elements(level)
    elements += b"".join(await gather(jobs))
    if len(elements) < count * size:
        context.damaged(f"an extensible array is too short for {count} chunks", address)
    return elements[: count * size]


async def _extensible_header(context: Context, address: int) -> _Extensible:
    o, n = context.offset_size, context.length_size
    head = await context.read_signed(address, 12 + 6 * n + o + 4, b"EAHD")
    context.verify(head, "extensible array", address)
    itemsize, most_bits, index_elements, least_block, least_pointers, page_bits = head[6:12]
    powers = (least_block, least_pointers)
    if not itemsize or most_bits > 64 or any(p < 1 or p & (p - 1) for p in powers):
        context.damaged("an extensible array has impossible sizes", address)
    return _Extensible(
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
    return data


async def _super_block(
    context: Context, array: _Extensible, address: int | None, level: int
) -> bytes:
    blocks, elements = array.blocks(level), array.block_elements(level)
    if address is None:
        return _absent(blocks * elements * array.itemsize)
    o = context.offset_size
    pages = elements // array.page if elements > array.page else 0  # both powers of two
    bitmap_bytes = -(-pages // 8)
    head = 6 + o + array.offset_bytes
    nbytes = head + blocks * (bitmap_bytes + o) + 4
    data = await context.read_signed(address, nbytes, b"EASB")
    context.verify(data, "extensible array super block", address)
    at = head + blocks * bitmap_bytes
    bits = _bits(data[head:at])  # pages of all blocks follow each other without gaps
    jobs = []
    for i in range(blocks):
        place = context.address(data, at + i * o)
        used = bits[i * pages : (i + 1) * pages]
        jobs.append(_data_block(context, array, place, level, used))
    return b"".join(await gather(jobs))


async def _data_block(
    context: Context, array: _Extensible, address: int | None, level: int, used: list[bool]
) -> bytes:
    elements = array.block_elements(level)
    if address is None:
        return _absent(elements * array.itemsize)
    head = 6 + context.offset_size + array.offset_bytes
    if not used:
        data = await context.read_signed(address, head + elements * array.itemsize + 4, b"EADB")
        context.verify(data, "extensible array block", address)
        return bytes(data[head:-4])
    data = await context.read_signed(address, head + 4, b"EADB")
    context.verify(data, "extensible array block", address)
    return await _pages(context, address + head + 4, elements, array.page, array.itemsize, used)
