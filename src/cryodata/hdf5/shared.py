"""Messages kept elsewhere: committed datatypes, and the shared message table.

Source: HDF5 File Format Specification, sections IV.A.1.c (shared messages, versions 1 to
3), IV.A.2.p (shared message table message) and III.I (the table itself).
"""

from __future__ import annotations

from cryodata.hdf5 import objects
from cryodata.hdf5.context import Context
from cryodata.hdf5.fractal_heap import read_fractal_heap
from cryodata.hdf5.objects import Message, read_object_header
from cryodata.hdf5.rounds import gather

__all__ = ["in_shared_heap", "read_shared_table", "resolve_shared"]

IN_TABLE = 1
HEAP_ID_BYTES = 8
SHAREABLE = (
    objects.DATASPACE,
    objects.DATATYPE,
    objects.FILL_VALUE,
    objects.FILTERS,
    objects.ATTRIBUTE,
)


async def read_shared_table(context: Context, address: int, rows: int) -> None:
    """Read the table of shared messages at `address`, and the heaps it points to.

    Few files have one. Their heaps are read first, because any object may refer to them.
    """
    o = context.offset_size
    width = 14 + 2 * o
    data = await context.read_signed(address, 4 + rows * width + 4, b"SMTB")
    context.verify(data, "table of shared messages", address)
    kinds, heaps = [], []
    for at in range(4, 4 + rows * width, width):
        heap = context.address(data, at + 14 + o)
        if heap is not None:  # undefined while nothing is shared
            kinds.append(int.from_bytes(data[at + 2 : at + 4], "little"))
            heaps.append(heap)
    found = await gather(read_fractal_heap(context, heap) for heap in heaps)
    for bits, heap in zip(kinds, found, strict=True):
        context.shared_heaps.update({kind: heap for kind in SHAREABLE if bits >> kind & 1})


async def in_shared_heap(context: Context, kind: int, identifier: memoryview) -> memoryview:
    """The message of type `kind` that this ID of 8 bytes names in the shared table's heap."""
    if kind not in context.shared_heaps:
        context.damaged(f"there is no heap of shared messages of type {kind}")
    (found,) = await context.shared_heaps[kind].objects([identifier[:HEAP_ID_BYTES]])
    return found


async def resolve_shared(context: Context, message: Message) -> memoryview:
    """The message's own bytes, fetched from where it is kept if it is shared."""
    if not message.flags & objects.SHARED:
        return message.data
    version = message.data[0]
    if version not in (1, 2, 3):
        context.damaged(f"unknown shared message version {version}")
    if version == 3 and message.data[1] == IN_TABLE:
        return await in_shared_heap(context, message.type, message.data[2:])
    address = context.address(message.data, 8 if version == 1 else 2)
    if address is None:
        context.damaged("a shared message has no address")
    header = await read_object_header(context, address)
    found = header.first(message.type)
    if found is None or found.flags & objects.SHARED:
        context.damaged("a shared message is not where it should be", address)
    return found.data
