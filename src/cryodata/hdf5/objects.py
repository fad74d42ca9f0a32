"""Object headers: the list of messages that describes a group, a dataset or a datatype.

Source: HDF5 File Format Specification, section IV.A (object headers of version 1 and 2,
continuation blocks, shared messages).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cryodata.errors import UnsupportedError
from cryodata.hdf5.context import Context
from cryodata.hdf5.rounds import gather

__all__ = ["Message", "ObjectHeader", "read_object_header"]

# Types of messages that this library looks at.
DATASPACE = 0x01
LINK_INFO = 0x02
DATATYPE = 0x03
FILL_VALUE_OLD = 0x04
FILL_VALUE = 0x05
LINK = 0x06
EXTERNAL_FILES = 0x07
LAYOUT = 0x08
FILTERS = 0x0B
ATTRIBUTE = 0x0C
SHARED_TABLE = 0x0F
CONTINUATION = 0x10
SYMBOL_TABLE = 0x11
ATTRIBUTE_INFO = 0x15
FILE_SPACE = 0x17

LAST_KNOWN = 0x18
"""Highest type of message that the specification defines."""

# Flags of a message.
SHARED = 0x02
"""It holds a reference to a message that lies elsewhere."""
NEVER_SHARED, FAIL_ON_WRITE, MARK_UNKNOWN, WAS_UNKNOWN, FAIL_ALWAYS = 0x04, 0x08, 0x10, 0x20, 0x80
"""The others that say what a library must do with it."""

HEAD_OLD, HEAD_NEW = struct.Struct("<HHB"), struct.Struct("<BHB")
"""Type, size and flags of a message in headers of version 1 and 2."""

PREFIX = 16
"""Bytes that hold the fixed part of any header up to its first block's size."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an object header.

    Attributes
    ----------
    type : int
    flags : int
    data : memoryview
    """

    type: int
    flags: int
    data: memoryview


@dataclass(frozen=True, slots=True)
class ObjectHeader:
    """All messages of one object, in the order of the file.

    Attributes
    ----------
    address : int
    messages : tuple of Message
        Without continuations and padding.
    """

    address: int
    messages: tuple[Message, ...]

    def first(self, type: int) -> Message | None:
        """The first message of a type, or None."""
        for message in self.messages:
            if message.type == type:
                return message
        return None

    def all(self, type: int) -> list[Message]:
        """All messages of a type."""
        return [m for m in self.messages if m.type == type]


async def read_object_header(context: Context, address: int) -> ObjectHeader:
    """The object header at `address`, with all its continuation blocks."""
    left = context.rounds.held.size - context.base - address
    prefix = await context.read(address, max(0, min(PREFIX, left)))
    if bytes(prefix[:4]) == b"OHDR":
        messages = await _read_new(context, address, prefix)
    elif prefix[0] == 1:
        messages = await _read_old(context, address, prefix)
    else:
        context.damaged("no object header", address)
    return ObjectHeader(address, tuple(messages))


async def _read_old(context: Context, address: int, prefix: memoryview) -> list[Message]:
    nbytes = int.from_bytes(prefix[8:12], "little")
    data = await context.read(address + PREFIX, nbytes)
    visited = {address}
    return await _follow(context, _messages(data, 8, 8), visited, signature=b"", tracked=False)


async def _read_new(context: Context, address: int, prefix: memoryview) -> list[Message]:
    version, flags = prefix[4], prefix[5]
    if version != 2:
        context.damaged(f"unknown object header version {version}", address)
    at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    head = await context.read(address, at + width)
    nbytes = int.from_bytes(head[at : at + width], "little")
    data = await context.read(address, at + width + nbytes + 4)
    context.verify(data, "object header", address)
    tracked = bool(flags & 0x04)
    messages = _messages(data[at + width : -4], 6 if tracked else 4, 1)
    return await _follow(context, messages, {address}, signature=b"OCHK", tracked=tracked)


def _messages(data: memoryview, head: int, align: int) -> list[Message]:
    """Messages of one block; `head` bytes precede each: 8 in version 1, else 4 or 6."""
    found = []
    at = 0
    end = len(data)
    unpack = (HEAD_OLD if head == 8 else HEAD_NEW).unpack_from
    while at + head <= end:
        type, nbytes, flags = unpack(data, at)
        at += head
        if at + nbytes > end:
            raise ValueError(f"a message of {nbytes} bytes overruns its object header")
        if flags:
            _check_flags(type, flags)
        if type:  # 0 is padding
            found.append(Message(type, flags, data[at : at + nbytes]))
        at += -(-nbytes // align) * align
    return found


def _check_flags(type: int, flags: int) -> None:
    """Refuse flags that contradict each other, as damage, and what must not be overlooked."""
    if (
        (flags & SHARED and flags & NEVER_SHARED)
        or (flags & WAS_UNKNOWN and flags & FAIL_ON_WRITE)
        or (flags & WAS_UNKNOWN and not flags & MARK_UNKNOWN)
    ):
        raise ValueError(f"a message of type {type} with contradictory flags {flags:#x}")
    if type > LAST_KNOWN and flags & FAIL_ALWAYS:
        raise UnsupportedError(f"A message of type {type} must be understood, and is not")


async def _follow(
    context: Context, messages: list[Message], visited: set[int], *, signature: bytes, tracked: bool
) -> list[Message]:
    """`messages` with every continuation replaced by the messages of its block."""
    pending = [m for m in messages if m.type == CONTINUATION]
    found = [m for m in messages if m.type != CONTINUATION]
    while pending:
        blocks = await gather(_block(context, m.data, visited, signature) for m in pending)
        pending = []
        for block in blocks:
            head, align = (8, 8) if not signature else (6 if tracked else 4, 1)
            for message in _messages(block, head, align):
                (pending if message.type == CONTINUATION else found).append(message)
    return found


async def _block(
    context: Context, data: memoryview, visited: set[int], signature: bytes
) -> memoryview:
    address = context.address(data, 0)
    nbytes = context.length(data, context.offset_size)
    if address is None or address in visited:
        context.damaged("an object header continues in itself", address)
    visited.add(address)
    if len(visited) > context.limits.attributes:
        context.damaged("an object header has too many continuation blocks", address)
    if not signature:
        return await context.read(address, nbytes)
    block = await context.read_signed(address, nbytes, signature)
    context.verify(block, "object header continuation", address)
    return block[len(signature) : -4]
