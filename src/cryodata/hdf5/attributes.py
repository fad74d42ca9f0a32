"""Attributes of an object, compact and dense, with values in h5py's conventions.

Source: HDF5 File Format Specification, sections IV.A.2.m (attribute message, versions 1
to 3) and IV.A.2.v (attribute info).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryodata.errors import CryodataError, LimitExceededError
from cryodata.hdf5 import objects
from cryodata.hdf5.btree2 import read_records
from cryodata.hdf5.context import Context
from cryodata.hdf5.datatypes import Datatype, parse_datatype
from cryodata.hdf5.fractal_heap import read_fractal_heap
from cryodata.hdf5.messages import Dataspace, parse_dataspace
from cryodata.hdf5.objects import Message, ObjectHeader
from cryodata.hdf5.rounds import gather
from cryodata.hdf5.shared import in_shared_heap, resolve_shared
from cryodata.hdf5.values import fixed_values, read_values
from cryodata.layout import Empty, Unreadable

__all__ = ["RawAttribute", "read_attributes", "read_raw_attributes"]

SHARED_DATATYPE, SHARED_DATASPACE = 0x01, 0x02
SHARED_PARTS = SHARED_DATATYPE | SHARED_DATASPACE
TRACKED = 0x01
HEAP_ID_BYTES = 8
SIZES = struct.Struct("<3H")
"""Of the parts of an attribute: its name, its datatype, its dataspace."""

IN_HEAP = object()
"""In place of a value that is still to be read."""


@dataclass(frozen=True, slots=True)
class RawAttribute:
    """An attribute: what its value is made of.

    Attributes
    ----------
    name : str
    datatype : Datatype
    dataspace : Dataspace
    data : memoryview
        As stored.
    value : object
        `IN_HEAP` where it is of variable length, and lies elsewhere.
    """

    name: str
    datatype: Datatype
    dataspace: Dataspace
    data: memoryview
    value: Any


async def read_raw_attributes(context: Context, header: ObjectHeader) -> dict[str, RawAttribute]:
    """All attributes of an object by name, not decoded yet.

    Raises
    ------
    LimitExceededError
        If there are more, or longer ones, than the limits allow.
    """
    messages = header.all(objects.ATTRIBUTE)
    info = header.first(objects.ATTRIBUTE_INFO)
    if info is not None:
        messages = messages + await _dense(context, info.data)
    limits = context.limits
    nbytes = sum(len(m.data) for m in messages)
    if len(messages) > limits.attributes or nbytes > limits.attribute_bytes:
        raise LimitExceededError(
            f"{len(messages)} attributes of {nbytes} bytes, more than "
            f"{limits.attributes} or {limits.attribute_bytes} bytes",
            fix="Raise Limits.attributes or Limits.attribute_bytes if you trust the file.",
        )
    # nearly all are whole, and parsed on the spot: a granule has thousands
    raw = [_parse_whole(context, message) for message in messages]
    if not all(raw):
        referring = [m for m, attribute in zip(messages, raw, strict=True) if attribute is None]
        found = iter(await gather(_parse_referring(context, m) for m in referring))
        raw = [next(found) if attribute is None else attribute for attribute in raw]
    return {attribute.name: attribute for attribute in raw if attribute is not None}


async def read_attributes(context: Context, raw: dict[str, RawAttribute]) -> dict[str, Any]:
    """Values of attributes; `Unreadable` where the value cannot be given."""
    values = {name: _own(attribute.value) for name, attribute in raw.items()}
    in_heaps = [attribute for attribute in raw.values() if attribute.value is IN_HEAP]
    for attribute, value in zip(
        in_heaps, await gather(_read(context, a) for a in in_heaps), strict=True
    ):
        values[attribute.name] = value
    return values


def _own(value: Any) -> Any:
    """Equal attributes are parsed once; what one object's owner does to an array is his affair."""
    return value.copy() if isinstance(value, np.ndarray) else value


async def _dense(context: Context, info: memoryview) -> list[Message]:
    at = 2 + (2 if info[1] & TRACKED else 0)
    heap = context.address(info, at)
    names = context.address(info, at + context.offset_size)
    if heap is None or names is None:
        return []
    records, store = await gather([read_records(context, names), read_fractal_heap(context, heap)])
    if len(records) > context.limits.attributes:
        raise LimitExceededError(
            f"{len(records)} attributes, more than {context.limits.attributes}",
            fix="Raise Limits.attributes if you trust the file.",
        )
    # a record is the heap ID, the message's flags, the creation order, the name's hash
    shared = [r for r in records if r[HEAP_ID_BYTES] & objects.SHARED]
    own = [r[:HEAP_ID_BYTES] for r in records if not r[HEAP_ID_BYTES] & objects.SHARED]
    found = await store.objects(own)
    found += await gather(in_shared_heap(context, objects.ATTRIBUTE, r) for r in shared)
    return [Message(objects.ATTRIBUTE, 0, data) for data in found]


async def _parse_referring(context: Context, message: Message) -> RawAttribute:
    data = await resolve_shared(context, message)
    name, datatype, dataspace, stored = _split(context, data)
    flags = data[1] if data[0] > 1 else 0
    if flags & SHARED_DATATYPE:
        datatype = await resolve_shared(
            context, Message(objects.DATATYPE, objects.SHARED, datatype)
        )
    if flags & SHARED_DATASPACE:
        dataspace = await resolve_shared(
            context, Message(objects.DATASPACE, objects.SHARED, dataspace)
        )
    return _make(context, name, datatype, dataspace, stored)


def _parse_whole(context: Context, message: Message) -> RawAttribute | None:
    """One that has all its parts, or None. Six in seven are the same as another."""
    if message.flags & objects.SHARED:
        return None
    key = bytes(message.data)
    found: RawAttribute | None = context.attributes.get(key)
    if found is None:
        if key[0] > 1 and key[1] & SHARED_PARTS:
            return None
        found = context.attributes[key] = _make(context, *_split(context, message.data))
    return found


def _make(
    context: Context, name: str, datatype: memoryview, dataspace: memoryview, stored: memoryview
) -> RawAttribute:
    kind, space = parse_datatype(datatype), parse_dataspace(context, dataspace)
    return RawAttribute(name, kind, space, stored, _value(context, kind, space, stored))


def _split(context: Context, data: memoryview) -> tuple[str, memoryview, memoryview, memoryview]:
    """Name, datatype, dataspace and value of an attribute message, each as stored."""
    version = data[0]
    if version not in (1, 2, 3):
        context.damaged(f"unknown attribute version {version}")
    parts = []
    at = 8 if version < 3 else 9  # version 3 adds the name's character set
    for nbytes in SIZES.unpack_from(data, 2):
        parts.append(data[at : at + nbytes])
        at += -(-nbytes // 8) * 8 if version == 1 else nbytes
    if at > len(data):
        raise ValueError("an attribute overruns its message")
    name = bytes(parts[0])
    if name.find(b"\0") != len(name) - 1:
        context.damaged(f"an attribute's name, {name!r}, does not end where it should")
    return name[:-1].decode("utf-8", "surrogateescape"), parts[1], parts[2], data[at:]


def _value(context: Context, datatype: Datatype, dataspace: Dataspace, stored: memoryview) -> Any:
    """The value, where the message holds it."""
    if dataspace.is_null:
        return Empty(datatype.dtype)
    if datatype.problem:
        return Unreadable(datatype.problem)
    if datatype.dtype.hasobject:
        return IN_HEAP
    try:
        values = fixed_values(context, datatype, dataspace.shape, stored)
    except CryodataError as error:
        return Unreadable(f"{error}")
    return values if values.shape else values[()]


async def _read(context: Context, attribute: RawAttribute) -> Any:
    """A value of variable length."""
    datatype, shape = attribute.datatype, attribute.dataspace.shape
    try:
        values = await read_values(context, datatype, shape, attribute.data)
    except CryodataError as error:
        return Unreadable(f"{error}")
    if datatype.kind == "vlen string":
        texts = [v.decode("utf-8", "surrogateescape") for v in values.reshape(-1)]
        if not values.shape:
            return texts[0]
        decoded = np.empty(len(texts), object)
        decoded[:] = texts
        return decoded.reshape(values.shape)
    return values if values.shape else values[()]
