"""Where and when a granule looks, read from the file itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import h5py
import numpy as np
from numpy.typing import NDArray

from cryodata.sandbox.earthdata.corridor import Ring, corridor

__all__ = ["Extent", "extent_of"]

FloatArray = NDArray[np.float64]

EPOCH = datetime(2018, 1, 1, tzinfo=UTC)
"""Zero of ``delta_time``. There was no leap second since."""
NAMES = (("longitude", "latitude", "delta_time"), ("lon_ph", "lat_ph", "delta_time"))
"""What longitudes, latitudes and their times are called, side by side in one group."""
FAR = 1e12
"""Times beyond this are fills, s."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a catalogue says of the place and the time of a granule.

    Attributes
    ----------
    start, end : datetime or None
        First and last instant of the data, UTC; None where the file has no ``delta_time``.
    ring : tuple of (lon, lat)
        Outline, degrees, closed, counter-clockwise; empty where there are no positions.
    orbit : int
        Orbit number at the start; 0 where the file does not say.
    """

    start: datetime | None = None
    end: datetime | None = None
    ring: Ring = ()
    orbit: int = 0


def extent_of(path: str | os.PathLike[str]) -> Extent:
    """The extent of an along-track granule, over all its beams."""
    with h5py.File(path) as file:
        tracks = list(_tracks(file))
        orbit = file.get("orbit_info/orbit_number")
        number = int(orbit[0]) if isinstance(orbit, h5py.Dataset) and orbit.size else 0
    if not tracks:
        return Extent(orbit=number)
    lon, lat, time = (np.concatenate(column) for column in zip(*tracks, strict=True))
    return Extent(
        start=EPOCH + timedelta(seconds=float(time.min())),
        end=EPOCH + timedelta(seconds=float(time.max())),
        ring=corridor(lon, lat),
        orbit=number,
    )


def _tracks(group: h5py.Group) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """Longitudes, latitudes and times wherever a group has all three, fills left out.

    Times may be fewer or more than positions: products of many cycles have a table of them.
    """
    for item in group.values():
        if isinstance(item, h5py.Group):
            yield from _tracks(item)
    for names in NAMES:
        found = [group.get(name) for name in names]
        if not all(isinstance(item, h5py.Dataset) and item.size for item in found):
            continue
        lon, lat, time = (np.asarray(item[...], np.float64).ravel() for item in found)
        here, then = (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0), np.abs(time) < FAR
        if here.any() and then.any():
            yield lon[here], lat[here], time[then]
