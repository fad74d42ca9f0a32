"""Multipolygons as well-known binary, the form of shapes in GeoParquet (OGC 06-103r4, 8.2)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from cryodata.region.rings import Polygon, Ring

__all__ = ["polygons_from_wkb", "polygons_to_wkb"]

_POLYGON, _MULTIPOLYGON = 3, 6
_HEAD = struct.Struct("<BII")  # 1 = little-endian; kind; number of parts
_COUNT = struct.Struct("<I")


def polygons_to_wkb(polygons: Sequence[Polygon]) -> bytes:
    """Polygons as one little-endian multipolygon of (x, y)."""
    parts = [_HEAD.pack(1, _MULTIPOLYGON, len(polygons))]
    for rings in polygons:
        parts.append(_HEAD.pack(1, _POLYGON, len(rings)))
        for ring in rings:
            parts += [_COUNT.pack(len(ring)), np.asarray(ring, "<f8").tobytes()]
    return b"".join(parts)


def polygons_from_wkb(data: bytes) -> list[Polygon]:
    """The polygons that `polygons_to_wkb` wrote.

    Raises
    ------
    ValueError
        If it is anything else, cut off, or too long.
    """
    offset = 0

    def take(layout: struct.Struct) -> tuple[int, ...]:
        nonlocal offset
        if offset + layout.size > len(data):
            raise ValueError("the shape is cut off")
        values = layout.unpack_from(data, offset)
        offset += layout.size
        return values

    def ring() -> Ring:
        nonlocal offset
        (count,) = take(_COUNT)
        stop = offset + 16 * count
        if stop > len(data):
            raise ValueError("the shape is cut off")
        points = np.frombuffer(data[offset:stop], "<f8").reshape(-1, 2)
        offset = stop
        return tuple((float(x), float(y)) for x, y in points)

    def parts(kind: int) -> int:
        order, found, count = take(_HEAD)
        if (order, found) != (1, kind):
            raise ValueError("the shape is no multipolygon")
        return count

    polygons = [tuple(ring() for _ in range(parts(_POLYGON))) for _ in range(parts(_MULTIPOLYGON))]
    if offset != len(data):
        raise ValueError("the shape is longer than it says")
    return polygons
