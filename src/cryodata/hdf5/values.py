"""Stored bytes to numpy values, in h5py's conventions.

Fixed strings come out as numpy's ``S`` with the padding taken off, variable-length
strings as objects of ``bytes``, variable-length sequences as objects of arrays.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from cryodata.errors import UnsupportedError
from cryodata.hdf5.context import Context
from cryodata.hdf5.datatypes import Datatype
from cryodata.hdf5.heaps import read_global_heaps
from cryodata.types import AnyArray

__all__ = ["fixed_values", "read_sequences", "read_values", "strip_padding"]

UNSIGNED = {2: "H", 4: "I", 8: "Q"}
"""Unsigned numbers by their bytes, as `struct` names them."""
NEVER_WRITTEN = (1 << 32) - 1
"""Length that stands in a reference where no chunk was ever written: the fill belongs there."""


async def read_values(
    context: Context, datatype: Datatype, shape: tuple[int, ...], raw: memoryview | bytes
) -> AnyArray:
    """Array of `shape` (and the type's own shape) from the bytes of its elements.

    Raises
    ------
    UnsupportedError
        If values of the type cannot be read.
    """
    if datatype.problem:
        raise UnsupportedError(datatype.problem)
    if not datatype.dtype.hasobject:
        return fixed_values(context, datatype, shape, raw)
    whole = (*shape, *datatype.shape)
    count = math.prod(whole)
    values = np.empty(count, object)
    item = None if datatype.base is None else datatype.base.stored
    for i, data in enumerate(await read_sequences(context, item, count, raw)):
        values[i] = data
    return values.reshape(whole)


def fixed_values(
    context: Context, datatype: Datatype, shape: tuple[int, ...], raw: memoryview | bytes
) -> AnyArray:
    """As `read_values`, of a type of fixed size: all bytes are at hand."""
    whole = (*shape, *datatype.shape)
    count = math.prod(whole)
    if len(raw) < count * datatype.stored.itemsize:
        context.damaged(f"{len(raw)} bytes for {count} values of {datatype.stored.itemsize}")
    values = np.frombuffer(raw, datatype.dtype, count).reshape(whole)
    return strip_padding(values.copy(), datatype.padding)


def strip_padding(values: AnyArray, padding: str) -> AnyArray:
    """Fixed strings as numpy keeps them: the value, then zeros to the end.

    ``values`` is changed in place where it must be, and returned.
    """
    if padding == "null-terminated":
        # what follows the first null is leftover of the writer's buffer
        columns = values.reshape(-1).view(np.uint8).reshape(-1, values.dtype.itemsize)
        columns[np.logical_or.accumulate(columns == 0, axis=1)] = 0
    elif padding == "space-padded":
        columns = values.reshape(-1).view(np.uint8).reshape(-1, values.dtype.itemsize)
        tail = np.logical_and.accumulate(columns[:, ::-1] == ord(" "), axis=1)[:, ::-1]
        columns[tail] = 0
    return values


async def read_sequences(
    context: Context,
    item: np.dtype[Any] | None,
    count: int,
    raw: memoryview | bytes,
    fill: Any = b"",
) -> list[Any]:
    """Variable-length values, from `count` references into global heaps.

    Parameters
    ----------
    item : numpy.dtype or None
        One element of a sequence; None for strings, which come out as ``bytes`` without
        the terminating null.
    fill : object
        Stands for references that are `NEVER_WRITTEN`.
    """
    width = 8 + context.offset_size
    if len(raw) < count * width:
        context.damaged(f"{len(raw)} bytes for {count} heap references")
    # not by numpy: an attribute has one of them, and a granule hundreds of such attributes
    form = f"<I{UNSIGNED[context.offset_size]}I"
    references = list(struct.iter_unpack(form, raw[: count * width]))
    used = {heap for length, heap, _ in references if heap and length not in (0, NEVER_WRITTEN)}
    heaps = await read_global_heaps(context, sorted(used))
    return [
        fill if entry[0] == NEVER_WRITTEN else _sequence(context, item, heaps, entry)
        for entry in references
    ]


def _sequence(
    context: Context,
    item: np.dtype[Any] | None,
    heaps: Mapping[int, Mapping[int, memoryview]],
    entry: tuple[int, int, int],
) -> Any:
    length, heap, number = entry
    if not length or not heap:
        return b"" if item is None else np.empty(0, item)
    nbytes = length * (1 if item is None else item.itemsize)
    data = heaps[heap].get(number)
    if data is None or len(data) != nbytes:
        context.damaged(f"variable-length value {number} is not in its heap", heap)
    if item is None:
        return bytes(data).split(b"\0", 1)[0]
    return np.frombuffer(data, item).copy()
