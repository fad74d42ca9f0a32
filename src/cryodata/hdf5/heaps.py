"""Local heaps (names of old groups) and global heaps (variable-length data).

Source: HDF5 File Format Specification, sections III.D and III.E.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cryodata.hdf5.context import Context
from cryodata.hdf5.rounds import gather

__all__ = ["read_global_heaps", "read_local_heap"]


async def read_local_heap(context: Context, address: int) -> memoryview:
    """The data segment of a local heap; names are null-terminated strings inside it."""
    width = context.length_size
    head = await context.read_signed(address, 8 + 2 * width + context.offset_size, b"HEAP")
    nbytes = context.length(head, 8)
    segment = context.address(head, 8 + 2 * width)
    if segment is None:
        context.damaged("a local heap has no data", address)
    return await context.read(segment, nbytes)


async def read_global_heaps(
    context: Context, addresses: Iterable[int]
) -> Mapping[int, Mapping[int, memoryview]]:
    """Global heap collections by address; of each, its objects by number."""
    wanted = list(addresses)
    found = await gather(_collection(context, address) for address in wanted)
    return dict(zip(wanted, found, strict=True))


async def _collection(context: Context, address: int) -> Mapping[int, memoryview]:
    if address not in context.collections:
        width = context.length_size
        head = await context.read_signed(address, 8 + width, b"GCOL")
        data = await context.read(address, context.length(head, 8))
        # hundreds of datasets wait for the same collection: the first one parses it
        if address not in context.collections:
            context.collections[address] = _objects(context, address, data)
    return context.collections[address]


def _objects(context: Context, address: int, data: memoryview) -> dict[int, memoryview]:
    # the library aligns both kinds of head to 8 bytes, whatever the size of a length
    prefix = -(-(8 + context.length_size) // 8) * 8
    objects = {}
    at = prefix
    while at + prefix <= len(data):
        number = int.from_bytes(data[at : at + 2], "little")
        nbytes = context.length(data, at + 8)
        if number == 0:  # the free space that ends the collection, with its own head
            if at + nbytes != len(data):
                context.damaged("free space does not end its global heap collection", address)
            break
        at += prefix
        if at + nbytes > len(data):
            context.damaged("an object overruns its global heap collection", address)
        objects[number] = data[at : at + nbytes]
        at += -(-nbytes // 8) * 8
    return objects
