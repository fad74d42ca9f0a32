"""Small numbers as Parquet packs them: runs of one value, and groups of eight bit by bit.

Source: "Run Length Encoding / Bit-Packing Hybrid", ``Encodings.md`` of apache/parquet-format.
"""

from __future__ import annotations

import numpy as np

from cryodata.errors import FormatError
from cryodata.types import IntArray

__all__ = ["read_runs"]


def read_runs(data: memoryview, width: int, count: int) -> IntArray:
    """So many numbers of so many bits.

    Raises
    ------
    FormatError
        They are not there.
    """
    found: IntArray = np.zeros(count, np.int64)
    if width > 32:
        raise FormatError("A page of the Parquet file has numbers that are too wide")
    at = done = 0
    nbytes = -(-width // 8)
    while done < count:
        head, at = _varint(data, at)
        if head & 1:
            size = (head >> 1) * width  # a group of eight takes as many bytes as one has bits
            room = min((head >> 1) * 8, count - done)
            part = data[at : at + min(size, -(-room // 8) * width)]
            if len(part) * 8 < room * width:
                raise FormatError("A page of the Parquet file is cut off")
            found[done : done + room] = _unpacked(part, width, room)
            at += size
        else:
            room, size = min(head >> 1, count - done), nbytes
            part = data[at : at + size]
            if len(part) < size:
                raise FormatError("A page of the Parquet file is cut off")
            found[done : done + room] = int.from_bytes(part, "little")
            at += size
        done += room
    return found


def _unpacked(data: memoryview, width: int, count: int) -> IntArray:
    if not width:
        return np.zeros(count, np.int64)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: count * width]
    weights = 1 << np.arange(width, dtype=np.int64)
    found: IntArray = bits.reshape(count, width).astype(np.int64) @ weights
    return found


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(data):
            raise FormatError("A page of the Parquet file is cut off")
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise FormatError("A page of the Parquet file has an endless number")
