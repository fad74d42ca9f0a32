"""Messages that describe a dataset: its extent, fill value, filters and layout.

Source: HDF5 File Format Specification, section IV.A.2 (dataspace b, fill values e and f,
data layout i, filter pipeline l).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import lru_cache

from cryodata.errors import LimitExceededError
from cryodata.hdf5.context import Context
from cryodata.layout import Filter

__all__ = [
    "Dataspace",
    "Layout",
    "parse_dataspace",
    "parse_fill",
    "parse_fill_old",
    "parse_filters",
    "parse_layout",
]

SHORT, TWO_SHORTS = struct.Struct("<H"), struct.Struct("<2H")
MOST_AXES = 32
LONGEST_SPACE = 8 + 2 * 8 * MOST_AXES
"""Bytes of a dataspace message that say anything."""
MOST_ELEMENTS = 1 << 62
SCALAR_SPACE, SIMPLE_SPACE, NULL_SPACE = range(3)
FILTER_NAMES = {
    1: "deflate",
    2: "shuffle",
    3: "fletcher32",
    4: "szip",
    5: "nbit",
    6: "scaleoffset",
    307: "bzip2",
    32000: "lzf",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32013: "zfp",
    32015: "zstd",
    32026: "blosc2",
}


@dataclass(frozen=True, slots=True)
class Dataspace:
    """Extent of a dataset or attribute.

    Attributes
    ----------
    shape : tuple of int
    maxshape : tuple of (int or None)
        None where unlimited.
    is_null : bool
        There is no element, and no shape either.
    """

    shape: tuple[int, ...]
    maxshape: tuple[int | None, ...]
    is_null: bool = False


def parse_dataspace(context: Context, data: memoryview) -> Dataspace:
    """Decode a dataspace message of version 1 or 2."""
    return _dataspace(bytes(data[:LONGEST_SPACE]), context.length_size)


@lru_cache(maxsize=1024)  # a granule has a thousand arrays and attributes, of a dozen shapes
def _dataspace(data: bytes, width: int) -> Dataspace:
    version, rank, flags = data[0], data[1], data[2]
    if version not in (1, 2) or rank > MOST_AXES:
        raise ValueError(f"dataspace version {version} with {rank} axes")
    kind = data[3] if version == 2 else (SIMPLE_SPACE if rank else SCALAR_SPACE)
    if kind > NULL_SPACE or (kind != SIMPLE_SPACE and rank):
        raise ValueError(f"a dataspace of type {kind} with {rank} axes")
    if kind == NULL_SPACE:
        return Dataspace((), (), is_null=True)
    at = 8 if version == 1 else 4
    shape = _numbers(data, at, rank, width)
    if math.prod(n or 1 for n in shape) >= MOST_ELEMENTS:
        raise ValueError(f"a shape of {shape}")
    if not flags & 1:
        return Dataspace(shape, shape)
    unlimited = (1 << 8 * width) - 1
    most = _numbers(data, at + rank * width, rank, width)
    if any(n > m for n, m in zip(shape, most, strict=True)):
        raise ValueError(f"a shape of {shape} beyond its largest, {most}")
    return Dataspace(shape, tuple(None if m == unlimited else m for m in most))


def parse_fill(data: memoryview) -> bytes:
    """Bytes of the fill value of one element; empty where the default (zero) holds."""
    version = data[0]
    if version in (1, 2):
        if version == 2 and not data[3]:
            return b""
        nbytes = int.from_bytes(data[4:8], "little", signed=True)
        return _exactly(data, 8, max(0, nbytes))
    if version != 3:
        raise ValueError(f"unknown fill value version {version}")
    if not data[1] & 0x20:
        return b""
    return _exactly(data, 6, int.from_bytes(data[2:6], "little"))


def parse_fill_old(data: memoryview) -> bytes:
    """As `parse_fill`, of the message that libraries before 1.6 wrote."""
    return _exactly(data, 4, int.from_bytes(data[:4], "little"))


def _exactly(data: memoryview, at: int, nbytes: int) -> bytes:
    if at + nbytes > len(data):
        raise ValueError(f"a fill value of {nbytes} bytes overruns its message")
    return bytes(data[at : at + nbytes])


def parse_filters(context: Context, data: memoryview) -> tuple[Filter, ...]:
    """Decode a filter pipeline message of version 1 or 2, in the order of writing."""
    return _filters(bytes(data), context.limits.filters)


@lru_cache(maxsize=256)
def _filters(data: bytes, most: int) -> tuple[Filter, ...]:
    version, count = data[0], data[1]
    if version not in (1, 2):
        raise ValueError(f"filter pipeline version {version}")
    if count > most:
        raise LimitExceededError(
            f"{count} filters, more than {most}",
            fix="Raise Limits.filters if you trust the file.",
        )
    at = 8 if version == 1 else 2
    filters = []
    for _ in range(count):
        (number,) = SHORT.unpack_from(data, at)
        at += 2
        length = 0
        if version == 1 or number >= 256:
            (length,) = SHORT.unpack_from(data, at)
            at += 2
        flags, values = TWO_SHORTS.unpack_from(data, at)
        at += 4
        name = data[at : at + length].split(b"\0")[0].decode("utf-8", "replace")
        at += -(-length // 8) * 8 if version == 1 else length
        if at + 4 * values > len(data):
            raise ValueError("a filter overruns its message")
        client = struct.unpack_from(f"<{values}I", data, at)
        at += 4 * (values + values % 2 if version == 1 else values)
        filters.append(
            Filter(number, FILTER_NAMES.get(number, name), client, optional=bool(flags & 1))
        )
    return tuple(filters)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a dataset's values lie, before its chunk index is read.

    Attributes
    ----------
    kind : str
        ``compact``, ``contiguous``, ``chunked`` or ``virtual``.
    address : int or None
        Of the data (contiguous) or the chunk index (chunked); None where never written.
    nbytes : int
        Of contiguous data, 0 where not stored (versions 1 and 2); of a single chunk, its
        stored size if it is filtered.
    inline : bytes
        Compact data.
    chunk_shape : tuple of int
        As stored: for version 3, the element size is the last number and is cut off.
    index : str
        ``btree1``, ``single``, ``implicit``, ``fixed array``, ``extensible array``,
        ``btree2``.
    flags : int
        Bit 0: partial edge chunks are not filtered. Bit 1: the single chunk is filtered.
    mask : int
        Filter mask of the single chunk.
    """

    kind: str
    address: int | None = None
    nbytes: int = 0
    inline: bytes = b""
    chunk_shape: tuple[int, ...] = ()
    index: str = ""
    flags: int = 0
    mask: int = 0


COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = range(4)
CHUNK_INDEXES = {1: "single", 2: "implicit", 3: "fixed array", 4: "extensible array", 5: "btree2"}
PARAMETER_BYTES = {"implicit": 0, "fixed array": 1, "extensible array": 5, "btree2": 6}
UNFILTERED_EDGES = 0x01
SINGLE_FILTERED = 0x02


def parse_layout(context: Context, data: memoryview) -> Layout:
    """Decode a data layout message of version 1 to 5."""
    version = data[0]
    if version in (1, 2):
        return _layout_old(context, data)
    if version not in (3, 4, 5):
        context.damaged(f"data layout version {version}")
    kind = data[1]
    if kind == COMPACT:
        nbytes = int.from_bytes(data[2:4], "little")
        return Layout("compact", inline=_inline(data, 4, nbytes))
    if kind == CONTIGUOUS:
        address = context.address(data, 2)
        return Layout("contiguous", address, context.length(data, 2 + context.offset_size))
    if kind == CHUNKED:
        return (_chunked_3 if version == 3 else _chunked_4)(context, data)
    if kind == VIRTUAL:
        return Layout("virtual")
    return context.damaged(f"data layout class {kind}")


def _inline(data: memoryview, at: int, nbytes: int) -> bytes:
    if at + nbytes > len(data):
        raise ValueError(f"compact data of {nbytes} bytes overruns its message")
    return bytes(data[at : at + nbytes])


def _numbers(data: memoryview | bytes, at: int, count: int, width: int) -> tuple[int, ...]:
    if at + count * width > len(data):
        raise ValueError("a shape overruns its message")
    return tuple(
        int.from_bytes(data[at + i * width : at + (i + 1) * width], "little") for i in range(count)
    )


def _layout_old(context: Context, data: memoryview) -> Layout:
    """Versions 1 and 2: all classes share one arrangement of fields."""
    rank, kind = data[1], data[2]
    at = 8
    address = None
    if kind != COMPACT:
        address = context.address(data, at)
        at += context.offset_size
    sizes = _numbers(data, at, rank, 4)
    at += 4 * rank
    if kind == COMPACT:
        nbytes = int.from_bytes(data[at : at + 4], "little")
        return Layout("compact", inline=_inline(data, at + 4, nbytes))
    if kind == CONTIGUOUS:
        return Layout("contiguous", address)
    if kind == CHUNKED:
        return Layout("chunked", address, chunk_shape=sizes[:-1], index="btree1")
    return context.damaged(f"data layout class {kind}")


def _chunked_3(context: Context, data: memoryview) -> Layout:
    rank = data[2]
    address = context.address(data, 3)
    sizes = _numbers(data, 3 + context.offset_size, rank, 4)
    return Layout("chunked", address, chunk_shape=sizes[:-1], index="btree1")


def _chunked_4(context: Context, data: memoryview) -> Layout:
    flags, rank, width = data[2], data[3], data[4]
    if not 1 <= width <= 8:
        context.damaged(f"chunk sizes of {width} bytes")
    sizes = _numbers(data, 5, rank, width)
    at = 5 + rank * width
    index = CHUNK_INDEXES.get(data[at])
    if index is None:
        context.damaged(f"chunk index type {data[at]}")
    at += 1
    nbytes = mask = 0
    if index == "single":
        if flags & SINGLE_FILTERED:
            nbytes = context.length(data, at)
            at += context.length_size
            mask = int.from_bytes(data[at : at + 4], "little")
            at += 4
    else:
        at += PARAMETER_BYTES[index]
    address = context.address(data, at)
    return Layout("chunked", address, nbytes, b"", sizes[:-1], index, flags, mask)
