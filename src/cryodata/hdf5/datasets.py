"""From the object header of a dataset to its `ArrayLayout`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cryodata.errors import LimitExceededError
from cryodata.hdf5 import objects
from cryodata.hdf5.chunk_index import ChunkedArray, read_chunk_table
from cryodata.hdf5.context import Context
from cryodata.hdf5.datatypes import Datatype, parse_datatype
from cryodata.hdf5.messages import (
    Dataspace,
    Layout,
    parse_dataspace,
    parse_fill,
    parse_fill_old,
    parse_filters,
    parse_layout,
)
from cryodata.hdf5.objects import ObjectHeader
from cryodata.hdf5.shared import resolve_shared
from cryodata.hdf5.values import read_values
from cryodata.layout import ArrayLayout, Chunked, Contiguous, Filter, Inline

__all__ = ["is_dataset", "read_array_layout"]


def is_dataset(header: ObjectHeader) -> bool:
    """Whether the object holds values."""
    return header.first(objects.LAYOUT) is not None


async def read_array_layout(context: Context, header: ObjectHeader, path: str) -> ArrayLayout:
    """Type, shape, filters, fill value and chunk index of one dataset, without attributes.

    A layout or type that this library does not read does not raise here: it is named in
    `ArrayLayout.problem`.

    Raises
    ------
    FormatError
        If a message is missing or damaged.
    LimitExceededError
        If a chunk is declared larger than `Limits.chunk_bytes`.
    """
    datatype = parse_datatype(await _required(context, header, objects.DATATYPE, "datatype"))
    space = parse_dataspace(
        context, await _required(context, header, objects.DATASPACE, "dataspace")
    )
    layout = parse_layout(context, await _required(context, header, objects.LAYOUT, "layout"))
    filters: tuple[Filter, ...] = ()
    if (message := header.first(objects.FILTERS)) is not None:
        filters = parse_filters(context, await resolve_shared(context, message))
    problem = datatype.problem or _layout_problem(header, layout, space)
    chunk_shape = None
    if layout.kind == "chunked":
        chunk_shape = _checked_chunk_shape(context, layout, space, datatype)
    storage = None
    if not problem:
        storage = await _storage(context, layout, space, datatype, filters, chunk_shape)
    return ArrayLayout(
        path=path,
        dtype=datatype.dtype,
        stored_dtype=datatype.stored,
        kind=datatype.kind,
        encoding=datatype.encoding,
        padding=datatype.padding,
        shape=space.shape + datatype.shape,
        maxshape=space.maxshape + datatype.shape,
        chunk_shape=None if chunk_shape is None else chunk_shape + datatype.shape,
        filters=filters,
        fill=await _fill(context, header, datatype),
        element=None if datatype.base is None else datatype.base.stored,
        is_null=space.is_null,
        storage=storage,
        problem=problem,
    )


async def _required(context: Context, header: ObjectHeader, kind: int, name: str) -> memoryview:
    message = header.first(kind)
    if message is None:
        context.damaged(f"a dataset has no {name}", header.address)
    return await resolve_shared(context, message)


def _layout_problem(header: ObjectHeader, layout: Layout, space: Dataspace) -> str:
    if space.is_null:
        return "A null dataspace: it has a type, but no value"
    if layout.kind == "virtual":
        return "A virtual dataset, made of other datasets, cannot be read"
    if header.first(objects.EXTERNAL_FILES) is not None:
        return "Values in external files are not read: they could be any file of this machine"
    return ""


def _checked_chunk_shape(
    context: Context, layout: Layout, space: Dataspace, datatype: Datatype
) -> tuple[int, ...]:
    shape = layout.chunk_shape
    if len(shape) != len(space.shape) or not shape or 0 in shape:
        context.damaged(f"chunks of shape {shape} serve a dataset of shape {space.shape}")
    nbytes = math.prod((*shape, *datatype.shape)) * datatype.stored.itemsize
    if nbytes > context.limits.chunk_bytes:
        raise LimitExceededError(
            f"Chunks of {nbytes} bytes, more than {context.limits.chunk_bytes}",
            fix="Raise Limits.chunk_bytes if you trust the file.",
        )
    return shape


async def _storage(
    context: Context,
    layout: Layout,
    space: Dataspace,
    datatype: Datatype,
    filters: tuple[Filter, ...],
    chunk_shape: tuple[int, ...] | None,
) -> Inline | Contiguous | Chunked:
    itemsize = math.prod(datatype.shape) * datatype.stored.itemsize
    if chunk_shape is not None:
        array = ChunkedArray(space.shape, chunk_shape, space.maxshape, itemsize, bool(filters))
        table = await read_chunk_table(context, layout, array)
        return Chunked(table)
    count = 0 if space.is_null else math.prod(space.shape)
    nbytes = count * itemsize
    if layout.kind == "compact":
        if len(layout.inline) != nbytes:
            context.damaged(f"compact data has {len(layout.inline)} bytes, {nbytes} are needed")
        return Inline(layout.inline)
    if layout.address is None:
        return Contiguous(None, nbytes)
    if layout.nbytes not in (0, nbytes):
        context.damaged(f"contiguous data has {layout.nbytes} bytes, {nbytes} are needed")
    if not nbytes:
        return Contiguous(None, 0)
    offset = layout.address + context.base
    if offset + nbytes > context.rounds.held.size:
        context.damaged(f"contiguous data of {nbytes} bytes lies outside the file", layout.address)
    return Contiguous(offset, nbytes)


async def _fill(context: Context, header: ObjectHeader, datatype: Datatype) -> Any:
    """The fill value as a scalar (an array for array types); zero where none is stored."""
    stored = b""
    if (message := header.first(objects.FILL_VALUE)) is not None:
        stored = parse_fill(await resolve_shared(context, message))
    elif (message := header.first(objects.FILL_VALUE_OLD)) is not None:
        stored = parse_fill_old(await resolve_shared(context, message))
    if datatype.problem:
        return None
    if not stored:
        if datatype.dtype.hasobject:
            return b"" if datatype.base is None else np.empty(0, datatype.base.dtype)
        return np.zeros(datatype.shape, datatype.dtype)[()]
    value = await read_values(context, datatype, (), stored)
    return value[()]
