"""The footprint a catalogue draws around a ground track: a corridor of great circles."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from cryodata.sandbox.earthdata.sphere import EARTH_RADIUS, lonlat, vectors

__all__ = ["Ring", "corridor"]

Ring = tuple[tuple[float, float], ...]
FloatArray = NDArray[np.float64]

STATIONS = 25
"""Corners on each side; with the one that closes the ring there are 51."""
MARGIN = 3_000.0 / EARTH_RADIUS
"""By which the corridor is wider and longer than the track, radians: NSIDC's are 12.5 km
wide for beams 6.6 km apart."""
BEND = 3
"""Degree of the polynomial that follows the track: the turning Earth bends it."""


def corridor(lon: FloatArray, lat: FloatArray) -> Ring:
    """Outline of points along a ground track shorter than half an orbit.

    Parameters
    ----------
    lon, lat : (point,) float64
        Degrees, in any order; all of them come to lie inside.

    Returns
    -------
    tuple of (lon, lat)
        51 corners, degrees, closed, counter-clockwise. Longitudes jump at the antimeridian,
        as in NSIDC's records: these are one polygon on the sphere.
    """
    points = vectors(lon, lat)
    axes = _along(points)
    x, y, z = axes @ points.T
    along, off = np.arctan2(y, x), np.arcsin(np.clip(z, -1.0, 1.0))
    few = min(BEND, len(np.unique(along)) - 1)
    bend = Polynomial.fit(along, off, few) if few > 0 else Polynomial([off[0]])
    lowest, highest = float(off.min()), float(off.max())

    def middle(where: FloatArray) -> FloatArray:
        # between distant groups of points the polynomial may swing: not beyond them
        return np.asarray(np.clip(bend(where), lowest, highest))

    width = float(np.abs(off - middle(along)).max()) + MARGIN
    stations = np.linspace(along.min() - MARGIN, along.max() + MARGIN, STATIONS)
    there = np.concatenate([stations, stations[::-1]])
    side = np.repeat([-width, width], STATIONS)  # there to the right of `along`, back left
    height = middle(there) + side
    flat = np.cos(height)
    corners = np.stack([flat * np.cos(there), flat * np.sin(there), np.sin(height)], axis=-1)
    outer_lon, outer_lat = (np.round(part, 5).tolist() for part in lonlat(corners @ axes))
    ring = tuple(zip(outer_lon, outer_lat, strict=True))
    return (*ring, ring[0])


def _along(points: FloatArray) -> FloatArray:
    """Right-handed axes (3, 3): the middle of the points, along the track, its pole."""
    _, main = np.linalg.eigh(points.T @ points)
    pole = main[:, 0]  # of the great circle that passes nearest
    middle = points.mean(axis=0)
    middle -= (middle @ pole) * pole
    middle /= np.linalg.norm(middle)
    return np.stack([middle, np.cross(pole, middle), pole])
