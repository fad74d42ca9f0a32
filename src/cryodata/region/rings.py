"""Polygons of any writer, laid flat: within -180 to 180, cut at the antimeridian, oriented.

A ring on the sphere becomes a ring in the plane of longitude and latitude by following it:
a step of more than 180 degrees goes the short way, over the antimeridian. A ring that ends
360 degrees from where it began has gone round a pole, and is closed along that pole.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import MissingDependencyError, RegionError

if TYPE_CHECKING:
    import shapely
    from shapely.geometry.base import BaseGeometry

__all__ = ["Polygon", "Ring", "flat_polygons", "flat_shape", "needs_shapely"]

Ring = tuple[tuple[float, float], ...]
Polygon = tuple[Ring, ...]

_SAME = 1e-9  # degrees: 0.1 mm


@contextmanager
def needs_shapely() -> Iterator[None]:
    """Say what to install where shapely is missing."""
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            "Regions that are no plain box need shapely",
            fix='Install it: pip install "cryodata-earth[geo]"',
        ) from error


def flat_polygons(geometry: BaseGeometry) -> tuple[Polygon, ...]:
    """The polygons of a geometry as rings, exteriors counter-clockwise.

    Raises
    ------
    RegionError
        If there is nothing to lay flat, or the numbers are no degrees.
    """
    with needs_shapely():
        import shapely
        from shapely.geometry.polygon import orient

    _check(geometry)
    parts = [flat_shape(polygon) for polygon in _polygons(geometry)]
    shape = parts[0] if len(parts) == 1 else shapely.union_all(parts)
    # one order of parts and corners, so that equal regions compare equal
    flat = [orient(polygon) for polygon in _polygons(shape.normalize()) if polygon.area > 0]
    if not flat:
        raise RegionError(
            f"A {geometry.geom_type} has no area, and so no granules in it",
            fix="Give it one: geometry.buffer(0.1) is 0.1 degrees around it.",
        )
    return tuple(
        tuple(_ring(ring) for ring in (polygon.exterior, *polygon.interiors)) for polygon in flat
    )


def flat_shape(polygon: shapely.Polygon) -> BaseGeometry:
    """One polygon on the sphere as polygons in the plane, within -180 to 180 degrees."""
    import shapely

    rings = [np.asarray(ring.coords) for ring in (polygon.exterior, *polygon.interiors)]
    followed = [_followed(ring) for ring in rings]
    if all(turns == 0 and plain for _, turns, plain in followed):
        return _valid(shapely.Polygon(rings[0], rings[1:]))
    _warn_of_rectangle(rings[0])
    exterior, *holes = (
        _restored(_cut(_valid(shapely.Polygon(_closed(ring, turns)))), original)
        for (ring, turns, _), original in zip(followed, rings, strict=True)
    )
    return shapely.difference(exterior, shapely.union_all(holes)) if holes else exterior


def _ring(ring: Any) -> Ring:
    return tuple((float(x), float(y)) for x, y in ring.coords)


def _polygons(geometry: BaseGeometry) -> list[shapely.Polygon]:
    """The polygons of a geometry, wherever they are nested; no points, no lines."""
    import shapely

    flat = shapely.get_parts(shapely.get_parts(shapely.force_2d(geometry))).tolist()
    polygons: list[BaseGeometry] = []
    for part in flat:
        nested = part.geom_type in {"MultiPolygon", "GeometryCollection"}
        polygons.extend(_polygons(part) if nested else [part])
    return [part for part in polygons if isinstance(part, shapely.Polygon) and not part.is_empty]


def _check(geometry: BaseGeometry) -> None:
    """Stop at what is no shape on the Earth."""
    import shapely

    if geometry.is_empty:
        raise RegionError("The region is empty", fix="Give it at least one polygon.")
    points = shapely.get_coordinates(geometry)
    if not np.isfinite(points).all():
        raise RegionError("The region has a corner that is no number", fix="Remove NaN and inf.")
    if not _polygons(geometry):
        raise RegionError(
            f"A {geometry.geom_type} has no area, and so no granules in it",
            fix="Give it one: geometry.buffer(0.1) is 0.1 degrees around it.",
        )
    lon, lat = np.abs(points).max(axis=0)
    if lon > 360 or lat > 360:
        raise RegionError(
            f"Coordinates up to {max(lon, lat):,.0f} are no degrees",
            fix="Give a GeoDataFrame with its CRS, or project to longitude and latitude first.",
        )
    if lat > 90:
        w, s, e, n = geometry.bounds
        swapped = lon <= 90 and lat <= 180
        raise RegionError(
            f"The region has latitude {lat:g}, beyond the pole"
            + ("; its corners look like (lat, lon)" if swapped else ""),
            fix="Corners are (lon, lat)."
            + (f" Swapped, it lies within ({s:g}, {w:g}, {n:g}, {e:g})." if swapped else ""),
        )


def _followed(ring: NDArray[np.float64]) -> tuple[NDArray[np.float64], int, bool]:
    """A closed ring with longitudes that never jump.

    Returns
    -------
    ring : (corner, 2) float64
        Longitude, latitude, degrees; longitudes may leave -180 to 180.
    turns : int
        How often it went round the Earth eastwards: 0, 1 or -1.
    plain : bool
        Whether nothing had to be changed.
    """
    lon, lat = ring.T
    step = np.diff(lon)
    at_pole = np.abs(lat) > 90 - _SAME
    full = np.abs(np.abs(step) - 360) < _SAME
    # (-180, y) to (180, y) is the edge of a map, unless it only closes a ring round a pole
    closes = full.sum() == 1 and not at_pole.any()
    jump = (np.abs(step) > 180) & (closes | ~full) & ~(at_pole[:-1] & at_pole[1:])
    shift = np.concatenate([[0.0], np.cumsum(np.where(jump, -np.sign(step), 0.0))])
    followed = np.column_stack([lon + 360 * shift, lat])
    turns = round(float(shift[-1]))
    if abs(turns) > 1 or np.ptp(followed[:, 0]) > 360 + _SAME:
        raise RegionError(
            "The region goes round the Earth more than once",
            fix="Give its parts as separate polygons.",
        )
    plain = not jump.any() and bool((np.abs(lon) <= 180).all())
    return followed, turns, plain


def _closed(ring: NDArray[np.float64], turns: int) -> NDArray[np.float64]:
    """The ring; closed along the nearer pole where it went round it."""
    if turns == 0:
        return ring
    lon, lat = ring.T
    height = float(np.sum(np.diff(lon) * np.sin(np.deg2rad((lat[1:] + lat[:-1]) / 2)))) * turns
    pole = math.copysign(90.0, height)
    return np.vstack([ring, [lon[-1], pole], [lon[0], pole], ring[:1]])


def _valid(polygon: shapely.Polygon) -> BaseGeometry:
    """The polygon; mended, and said so, where it crosses itself."""
    import shapely

    if polygon.is_valid:
        return polygon
    why = shapely.is_valid_reason(polygon)
    mended = shapely.make_valid(polygon)
    if mended.area > 0:
        warnings.warn(
            f"A polygon of the region is not simple ({why}): it was mended by "
            "shapely.make_valid, and may hold more or less than was meant",
            UserWarning,
            stacklevel=2,
        )
    return shapely.union_all(_polygons(mended))


def _cut(shape: BaseGeometry) -> BaseGeometry:
    """A shape of any longitudes, cut at the antimeridian and moved within -180 to 180."""
    import shapely
    from shapely.affinity import translate

    west, _, east, _ = shape.bounds
    first, last = math.floor((west + 180) / 360), math.ceil((east + 180) / 360)
    pieces = [
        translate(
            shapely.intersection(shape, shapely.box(-180 + 360 * k, -90, 180 + 360 * k, 90)),
            -360 * k,
        )
        for k in range(first, max(last, first + 1))
    ]
    return shapely.union_all([p for piece in pieces for p in _polygons(piece)])


def _restored(shape: BaseGeometry, corners: NDArray[np.float64]) -> BaseGeometry:
    """The shape with its corners as they were given: moving by 360 degrees costs last digits."""
    import shapely

    lon = np.where(corners[:, 0] > 180, corners[:, 0] - 360, corners[:, 0])
    lon = np.where(lon < -180, lon + 360, lon)
    known = {
        (round(x, 9), round(y, 9)): (x, y)
        for x, y in zip(lon.tolist(), corners[:, 1].tolist(), strict=True)
    }

    def given(points: NDArray[np.float64]) -> NDArray[np.float64]:
        exact = [known.get((round(x, 9), round(y, 9)), (x, y)) for x, y in points.tolist()]
        return np.asarray(exact, "f8").reshape(-1, 2)

    restored: BaseGeometry = shapely.transform(shape, given)
    return restored


def _warn_of_rectangle(ring: NDArray[np.float64]) -> None:
    """Say how a rectangle is read that a box function would have made the other way round."""
    lon, lat = ring.T
    if len(ring) != 5 or len(set(lon)) != 2 or len(set(lat)) != 2 or np.ptp(lon) <= 180:
        return
    if float(np.sum(lon[:-1] * lat[1:] - lon[1:] * lat[:-1])) > 0:  # counter-clockwise
        w, s, e, n = lon.min(), lat.min(), lon.max(), lat.max()
        warnings.warn(
            f"A rectangle from {w:g} to {e:g} degrees is taken to cross the antimeridian. "
            f"If the wide one is meant, give the box ({w:g}, {s:g}, {e:g}, {n:g}) as 4 numbers",
            UserWarning,
            stacklevel=2,
        )
