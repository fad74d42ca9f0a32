"""Where the sea ends, for maps drawn without any library of maps, and without the internet.

Source: Natural Earth 1:50m land (public domain), as lines, without those along which its polygons
are cut at the antimeridian and at the pole; simplified to 1.2 km, without islands that take less
than 30 km to walk around. For pictures, and for no measurement.
"""

from __future__ import annotations

import zlib
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np

from cryodata.types import AnyArray, IntArray

__all__ = ["Coastline", "coastline"]

UNIT = 0.01
"""Of the numbers that are kept, degrees."""


class Coastline(NamedTuple):
    """Lines, one after the other.

    Attributes
    ----------
    points : (n, 2) float64
        Longitude and latitude, degrees.
    ends : (m,) int
        One past the last point of each line.
    """

    points: AnyArray
    ends: IntArray


@cache
def coastline() -> Coastline:
    """All coasts of the world; nobody can write to them."""
    packed = (resources.files(__package__) / "coastline.bin").read_bytes()
    data = zlib.decompress(packed)
    (count,) = np.frombuffer(data, "<i4", 1)
    ends = np.frombuffer(data, "<i4", count, 4).astype(np.int64)
    steps = np.frombuffer(data, "<i2", 2 * int(ends[-1]), 4 + 4 * int(count)).reshape(2, -1)
    points = np.cumsum(steps, axis=1, dtype=np.int16).T * UNIT  # from point to point
    points.flags.writeable = ends.flags.writeable = False
    return Coastline(points, ends)
