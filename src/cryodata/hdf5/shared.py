"""Messages kept elsewhere: committed datatypes, and the shared message table.

Source: HDF5 File Format Specification, section IV.A.1.c (shared messages, versions 1 to 3).
"""

from __future__ import annotations

from cryodata.errors import UnsupportedError
from cryodata.hdf5 import objects
from cryodata.hdf5.context import Context
from cryodata.hdf5.objects import Message, read_object_header

__all__ = ["resolve_shared"]

IN_TABLE = 1


async def resolve_shared(context: Context, message: Message) -> memoryview:
    """The message's own bytes, fetched from the object it refers to where it is shared.

    Raises
    ------
    UnsupportedError
        If it lies in the file's table of shared messages, which no product uses.
    """
    if not message.flags & objects.SHARED:
        return message.data
    version = message.data[0]
    if version not in (1, 2, 3):
        context.damaged(f"unknown shared message version {version}")
    if version == 3 and message.data[1] == IN_TABLE:
        raise UnsupportedError("A message in the table of shared messages cannot be read")
    address = context.address(message.data, 8 if version == 1 else 2)
    if address is None:
        context.damaged("a shared message has no address")
    header = await read_object_header(context, address)
    found = header.first(message.type)
    if found is None or found.flags & objects.SHARED:
        context.damaged("a shared message is not where it should be", address)
    return found.data
