"""Which granules may have data in a region, judged by their outlines.

Never is one left out that has: an outline that cannot be judged counts as near. Edges are taken
for arcs of great circles, as the catalogue says of ICESat-2, and where a straight line on the
map would lie elsewhere, for both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.earthdata.granule import Ring
from cryodata.region.region import Region

__all__ = ["Box", "Cap", "box_in_attributes", "box_of", "cap_of", "is_near"]

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; ``west <= east``."""
Floats = NDArray[np.float64]

MARGIN = 0.05
"""Degrees that data may lie outside their outline: six kilometres, the width of a track."""
LONG = math.radians(60)
"""Of a longer edge nobody says how it runs."""
TURNING = 86.0
"""Degrees of latitude above which tracks turn, and the largest longitude is not the last."""
WIDEST = math.radians(80)
"""Radius of a region that is still one cap."""
_POINTS = 16
"""Of each edge of a region."""


class Cap:
    """A circle on the Earth around a region.

    Parameters
    ----------
    centre : (3,) float64
        Unit vector.
    radius : float
        Radians, `MARGIN` included.
    """

    def __init__(self, centre: Floats, radius: float) -> None:
        self.centre = centre
        self.radius = radius


def cap_of(region: Region) -> Cap | None:
    """The circle around a region; None where it is too wide for one."""
    west, south, east, north = region.bounds
    if region.box is None:
        corners = [np.array(exterior, float) for exterior, *_ in region.polygons]
        edges = [_between(a, b) for ring in corners for a, b in pairwise(ring)]
        points = _unit(np.concatenate(edges))
    else:
        width = east - west if west <= east else east + 360 - west
        lon = west + np.linspace(0, width, 4 * _POINTS)
        lat = np.linspace(south, north, _POINTS)
        grid = np.stack(np.meshgrid(lon, lat), axis=-1).reshape(-1, 2)
        points = _unit(grid)
    centre = points.mean(axis=0)
    length = float(np.linalg.norm(centre))
    if length < 0.1:
        return None
    centre /= length
    radius = math.acos(float(np.clip((points @ centre).min(), -1, 1)))
    if radius > WIDEST:
        return None
    return Cap(centre, radius * 1.02 + math.radians(MARGIN))


def is_near(footprint: Sequence[Ring], cap: Cap) -> bool:
    """Whether an outline comes into a cap, or lies around it."""
    for ring in footprint:
        corners = _unit(np.array(ring, float))
        starts, ends = corners[:-1], corners[1:]
        if len(starts) == 0 or _angles(starts, ends).max() > LONG:
            return True
        if _distances(cap.centre, starts, ends).min() <= cap.radius:
            return True
        if _goes_around(cap.centre, starts, ends):
            return True
    return not footprint


def box_of(footprint: Sequence[Ring]) -> Box | None:
    """The box around outlines, however their edges run; None where there are none."""
    boxes = [_box_of_ring(np.array(ring, float)) for ring in footprint if len(ring) > 1]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def box_in_attributes(attributes: Mapping[str, Any]) -> Box | None:
    """The box that the attributes of a file claim, as far as they can be believed.

    Of a track over the pole, or over the antimeridian, longitudes say nothing: it is taken to go
    all around.
    """
    names = [f"geospatial_{name}" for name in ("lon_min", "lat_min", "lon_max", "lat_max")]
    numbers = [_number(attributes.get(name)) for name in names]
    west, south, east, north = numbers
    if not (-90 <= south <= north <= 90 and -180 <= west <= 180 and -180 <= east <= 180):
        return None
    if south == north == west == east == 0:  # filled in by nobody
        return None
    if west > east or max(-south, north) > TURNING:
        west, east = -180.0, 180.0
    return (
        max(west - MARGIN, -180.0),
        max(south - MARGIN, -90.0),
        min(east + MARGIN, 180.0),
        min(north + MARGIN, 90.0),
    )


def _number(value: Any) -> float:
    try:
        return float(np.asarray(value).ravel()[0])
    except (TypeError, ValueError, IndexError):
        return math.nan


def _box_of_ring(ring: Floats) -> Box:
    lon, lat = ring[:, 0], ring[:, 1]
    steps = np.abs(np.diff(lon))
    west, east = float(lon.min()), float(lon.max())
    south, north = _latitudes(ring)
    if (steps > 180).any():  # over the antimeridian, or all around
        west, east = -180.0, 180.0
    turn = (np.diff(lon) + 540) % 360 - 180
    if abs(turn.sum()) > 180:  # around a pole
        west, east = -180.0, 180.0
        south, north = (south, 90.0) if lat.mean() > 0 else (-90.0, north)
    return (
        max(west - MARGIN, -180.0),
        max(south - MARGIN, -90.0),
        min(east + MARGIN, 180.0),
        min(north + MARGIN, 90.0),
    )


def _latitudes(ring: Floats) -> tuple[float, float]:
    """Least and greatest latitude; great circles reach beyond the ends of an edge."""
    corners = _unit(ring)
    a, b = corners[:-1], corners[1:]
    normal = np.cross(a, b)
    lengths = np.linalg.norm(normal, axis=1)
    normal = normal[lengths > 1e-12] / lengths[lengths > 1e-12, None]
    a, b = a[lengths > 1e-12], b[lengths > 1e-12]
    top = np.array([0.0, 0.0, 1.0]) - normal * normal[:, 2:]
    south, north = float(ring[:, 1].min()), float(ring[:, 1].max())
    for sign in (1.0, -1.0):
        between = ((np.cross(a, sign * top) * normal).sum(axis=1) >= 0) & (
            (np.cross(sign * top, b) * normal).sum(axis=1) >= 0
        )
        if between.any():
            reach = np.degrees(np.arccos(np.clip(np.abs(normal[between, 2]), -1, 1)))
            if sign > 0:
                north = max(north, float(reach.max()))
            else:
                south = min(south, -float(reach.max()))
    return south, north


def _between(a: Floats, b: Floats) -> Floats:
    return a + (b - a) * np.linspace(0, 1, _POINTS)[:, None]


def _unit(lonlat: Floats) -> Floats:
    """Unit vectors of longitudes and latitudes in degrees: (n, 2) to (n, 3)."""
    lon, lat = np.radians(lonlat[..., 0]), np.radians(lonlat[..., 1])
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _angles(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.arccos(np.clip((a * b).sum(axis=-1), -1, 1)))


def _distances(point: Floats, starts: Floats, ends: Floats) -> Floats:
    """Angles between a point and arcs, radians."""
    normal = np.cross(starts, ends)
    lengths = np.linalg.norm(normal, axis=1)
    to_ends = np.minimum(_angles(starts, point), _angles(ends, point))
    flat = lengths < 1e-12
    normal = normal / np.where(flat, 1, lengths)[:, None]
    over = np.arcsin(np.clip(np.abs(normal @ point), 0, 1))
    beside = ((np.cross(starts, point) * normal).sum(axis=1) >= 0) & (
        (np.cross(point, ends) * normal).sum(axis=1) >= 0
    )
    return np.where(beside & ~flat, np.minimum(over, to_ends), to_ends)


def _goes_around(point: Floats, starts: Floats, ends: Floats) -> bool:
    """Whether a ring winds around a point, or around the one opposite to it."""
    east = np.cross([0.0, 0.0, 1.0], point)
    if np.linalg.norm(east) < 1e-9:
        east = np.array([1.0, 0.0, 0.0])
    east /= np.linalg.norm(east)
    north = np.cross(point, east)

    def bearing(vectors: Floats) -> Floats:
        return np.asarray(np.arctan2(vectors @ east, vectors @ north))

    turn = (bearing(ends) - bearing(starts) + math.pi) % (2 * math.pi) - math.pi
    return bool(abs(turn.sum()) > math.pi)
