"""Attributes of an object, compact and dense, with values in h5py's conventions.

Source: HDF5 File Format Specification, sections IV.A.2.m (attribute message, versions 1
to 3) and IV.A.2.v (attribute info).
"""

from __future__ import annotations

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
from cryodata.hdf5.values import read_values
from cryodata.layout import Empty, Unreadable

__all__ = ["RawAttribute", "read_attributes", "read_raw_attributes"]

SHARED_DATATYPE, SHARED_DATASPACE = 0x01, 0x02
TRACKED = 0x01
HEAP_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class RawAttribute:
    """An attribute as stored: what its value is made of."""

    name: str
    datatype: Datatype
    dataspace: Dataspace
    data: memoryview


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
    raw = await gather(_parse(context, m) for m in messages)
    return {attribute.name: attribute for attribute in raw}


async def read_attributes(
    context: Context, raw: dict[str, RawAttribute], *, skip: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Values of attributes; `Unreadable` where the value cannot be given."""
    wanted = [a for a in raw.values() if a.name not in skip]
    values = await gather(_value(context, a) for a in wanted)
    return {a.name: value for a, value in zip(wanted, values, strict=True)}


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


async def _parse(context: Context, message: Message) -> RawAttribute:
    data = await resolve_shared(context, message)
    version, flags = data[0], data[1]
    if version not in (1, 2, 3):
        context.damaged(f"unknown attribute version {version}")
    sizes = [int.from_bytes(data[2 + 2 * i : 4 + 2 * i], "little") for i in range(3)]
    at = 8 if version < 3 else 9  # version 3 adds the name's character set
    parts = []
    for nbytes in sizes:
        parts.append(data[at : at + nbytes])
        at += -(-nbytes // 8) * 8 if version == 1 else nbytes
    if at > len(data):
        raise ValueError("an attribute overruns its message")
    name = bytes(parts[0])
    if name.find(b"\0") != len(name) - 1:
        context.damaged(f"an attribute's name, {name!r}, does not end where it should")
    if version == 1:
        flags = 0
    for part, (bit, kind) in enumerate(
        [(SHARED_DATATYPE, objects.DATATYPE), (SHARED_DATASPACE, objects.DATASPACE)], 1
    ):
        if flags & bit:
            shared = Message(kind, objects.SHARED, parts[part])
            parts[part] = await resolve_shared(context, shared)
    datatype = parse_datatype(parts[1])
    text = name[:-1].decode("utf-8", "surrogateescape")
    return RawAttribute(text, datatype, parse_dataspace(context, parts[2]), data[at:])


async def _value(context: Context, attribute: RawAttribute) -> Any:
    datatype, dataspace = attribute.datatype, attribute.dataspace
    if dataspace.is_null:
        return Empty(datatype.dtype)
    if datatype.problem:
        return Unreadable(datatype.problem)
    try:
        values = await read_values(context, datatype, dataspace.shape, attribute.data)
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
