"""Rings that cover a shape on the sphere, as NASA's catalogue reads them.

The catalogue joins the corners of a polygon by great circles; a region's edges are straight
in longitude and latitude. A great circle bulges towards the pole, so a ring drawn through
the same corners would cut a piece off wherever the pole side is inside. Therefore the shape
is grown by a margin, and its edges are divided until each great circle stays within half of
that margin: granules a little outside are found too, none inside is missed.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cryodata.region.rings import Ring

if TYPE_CHECKING:
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

__all__ = ["covering_rings"]

_MARGIN = 0.01  # degrees; grown until the rings are few and simple enough
_POINTS, _RINGS = 600, 30  # asked of one request: some 15 kB of text
_WIDEST, _TALLEST = 60.0, 90.0  # degrees of one ring: no doubt then which side is inside
_LONGEST = 30.0  # degrees of one edge: no doubt then which way round it goes
_CAP = 88.5  # degrees: from here to the pole, longitudes crowd and the sector is taken whole


def covering_rings(shape: BaseGeometry) -> list[Ring]:
    """Closed counter-clockwise rings whose great-circle polygons cover the shape.

    Parameters
    ----------
    shape : shapely geometry
        Polygons in longitude and latitude, degrees, within -180 to 180.

    Returns
    -------
    list of rings
        At most 30, with at most 600 corners; holes are filled.
    """
    import shapely

    grown = _capped(shape)
    margin = _MARGIN
    while margin < 16:
        grown = _grown(grown, margin)  # of the last step's, which has fewer corners
        sectors = _sectors(grown, margin)
        if len(sectors) <= _RINGS and shapely.get_num_coordinates(sectors).sum() <= _POINTS:
            rings = [_corners(sector, margin / 2) for sector in sectors]
            if sum(map(len, rings)) <= _POINTS:
                return rings
        margin *= 2
    whole = _grown(shapely.box(*grown.bounds), margin)
    return [_corners(sector, margin / 2) for sector in _sectors(whole, margin)]


def _capped(shape: BaseGeometry) -> BaseGeometry:
    """The shape with whole sectors around the poles where it comes near them."""
    import shapely

    parts = [shape]
    for west, south, east, north in shapely.bounds(shapely.get_parts(shape)).tolist():
        if north > _CAP:
            parts.append(shapely.box(west, _CAP, east, 90))
        if south < -_CAP:
            parts.append(shapely.box(west, -90, east, -_CAP))
    return shapely.union_all(parts)


def _grown(shape: BaseGeometry, margin: float) -> BaseGeometry:
    """The shape without holes, larger by three to four quarters of the margin everywhere."""
    import shapely

    filled = [shapely.Polygon(part.exterior) for part in _parts(shape)]
    grown = shapely.buffer(filled, margin, join_style="mitre")
    return shapely.union_all(shapely.simplify(grown, margin / 4))


def _parts(shape: BaseGeometry) -> list[Polygon]:
    import shapely

    parts = shapely.get_parts(shape).tolist()
    return [p for p in parts if isinstance(p, shapely.Polygon) and p.area > 0]


def _sectors(shape: BaseGeometry, margin: float) -> list[Polygon]:
    """The parts of the shape, divided where too large; pieces overlap by the margin."""
    import shapely

    world = shapely.box(-180 - margin, -90, 180 + margin, 90)
    parts = [shapely.Polygon(p.exterior) for p in _parts(shapely.intersection(shape, world))]
    return [
        sector
        for part in parts
        for window in _windows(part.bounds, margin)
        for sector in _parts(shapely.intersection(part, window))
    ]


def _windows(bounds: tuple[float, ...], margin: float) -> list[Polygon]:
    """Boxes, none too large, that together hold the bounds."""
    import shapely

    west, south, east, north = bounds
    across = np.linspace(west, east, math.ceil((east - west) / _WIDEST) + 1).tolist()
    along = np.linspace(south, north, math.ceil((north - south) / _TALLEST) + 1).tolist()
    return [
        shapely.box(left - margin, low - margin, right + margin, high + margin)
        for left, right in pairwise(across)
        for low, high in pairwise(along)
    ]


def _corners(sector: Polygon, tolerance: float) -> Ring:
    """A sector's corners, with more between them where great circles would stray."""
    from shapely.geometry.polygon import orient

    ring = np.asarray(orient(sector).exterior.coords)
    corners: list[tuple[float, float]] = []
    for start, stop in pairwise(ring):
        count = max(1, math.ceil(float(np.abs(stop - start).max()) / _LONGEST))
        while _strays(points := np.linspace(start, stop, count + 1)) > tolerance:
            count *= 2
        corners.extend((_wrapped(x), round(y, 6)) for x, y in points[:-1].tolist())
    distinct = [
        corner for before, corner in pairwise([corners[-1], *corners]) if not _same(before, corner)
    ]
    return (*distinct, distinct[0])


def _wrapped(lon: float) -> float:
    """A longitude within -180 to 180, to 0.1 m."""
    return round(lon - 360 if lon > 180 else lon + 360 if lon < -180 else lon, 6)


def _same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two corners are one place: at a pole, all longitudes are."""
    return one == other or (one[1] == other[1] and abs(one[1]) == 90)


def _strays(points: NDArray[np.float64]) -> float:
    """How far great circles leave the straight lines between points, at most, degrees."""
    start, stop = points[:-1], points[1:]
    if start[0, 0] == stop[0, 0] or (np.abs(points[:, 1]) == 90).all():
        return 0.0  # a meridian is a great circle; at the pole there is no way to stray
    share = np.array([0.25, 0.5, 0.75])[:, None, None]
    a, b = _vectors(start), _vectors(stop)
    angle = np.arccos(np.clip((a * b).sum(axis=-1, keepdims=True), -1, 1))
    angle = np.maximum(angle, 1e-12)
    on_arc = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    lat = np.rad2deg(np.arctan2(on_arc[..., 2], np.hypot(on_arc[..., 0], on_arc[..., 1])))
    lon = np.rad2deg(np.arctan2(on_arc[..., 1], on_arc[..., 0]))
    along = stop - start
    dx = (lon - start[:, 0] + 180) % 360 - 180
    dy = lat - start[:, 1]
    across = np.abs(dx * along[:, 1] - dy * along[:, 0]) / np.hypot(along[:, 0], along[:, 1])
    return float(across.max())


def _vectors(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors of (lon, lat) in degrees."""
    lon, lat = np.deg2rad(points).T
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
