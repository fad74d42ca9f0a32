"""Shapes on the sphere and whether they meet, as the catalogue sees them: edges are great circles.

Points are unit vectors, ``(point, 3)``. Only rectangles have edges along parallels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = [
    "EARTH_RADIUS",
    "Box",
    "Circle",
    "Line",
    "Polygon",
    "Shape",
    "ShapeError",
    "lonlat",
    "meet",
    "vectors",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

EARTH_RADIUS = 6_371_008.8
"""Mean radius, m (IUGG)."""
STEP = 0.5
"""A parallel is followed by great circles this long, degrees: never more than 30 m off."""
CLOSE = 1e-9
"""Points nearer than this are one point, radians (6 mm)."""


class ShapeError(ValueError):
    """No shape: the message is what the catalogue says of it."""


class Shape(Protocol):
    """Part of the sphere.

    Attributes
    ----------
    vertices : (point, 3) float64
        Points of it, at least one on each piece of its boundary.
    arcs : (arc, 2, 3) float64
        Its boundary: both ends of great-circle arcs.
    """

    vertices: FloatArray
    arcs: FloatArray

    def contains(self, points: FloatArray) -> BoolArray:
        """Which of the points, (point, 3), are inside: True = inside."""
        ...


def vectors(lon: FloatArray, lat: FloatArray) -> FloatArray:
    """Unit vectors (point, 3) of longitudes and latitudes, degrees."""
    x, y = np.deg2rad(lon), np.deg2rad(lat)
    return np.stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)], axis=-1)


def lonlat(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Longitudes and latitudes, degrees, of vectors (point, 3) of any length."""
    lon = np.rad2deg(np.arctan2(points[..., 1], points[..., 0]))
    lat = np.rad2deg(np.arctan2(points[..., 2], np.hypot(points[..., 0], points[..., 1])))
    return lon, lat


def meet(one: Shape, other: Shape) -> bool:
    """Whether two shapes have a point in common."""
    return bool(
        one.contains(other.vertices).any()
        or other.contains(one.vertices).any()
        or _cross(one.arcs, other.arcs)
    )


class Polygon:
    """A polygon smaller than a hemisphere.

    Parameters
    ----------
    corners : sequence of (lon, lat)
        Degrees, counter-clockwise seen from above, the last equal to the first.

    Raises
    ------
    ShapeError
        If it is open, clockwise, crosses itself, repeats a corner or is too large.
    """

    def __init__(self, corners: Sequence[tuple[float, float]]) -> None:
        if len(corners) < 4 or corners[0] != corners[-1]:
            raise ShapeError(
                "Polygon boundary was not closed. The last point must be equal to the first point."
            )
        lon, lat = np.asarray(corners[:-1], float).T
        self.vertices = vectors(lon, lat)
        _no_twins(self.vertices)
        self.arcs = np.stack([self.vertices, np.roll(self.vertices, -1, axis=0)], axis=1)
        self._axes = _axes(self.vertices)
        flat, in_front = self._flat(self.vertices)
        if not in_front.all():
            raise ShapeError("The polygon is not smaller than a hemisphere.")
        outline = shapely.Polygon(flat)
        if not outline.is_valid:
            raise ShapeError(
                "The polygon boundary intersected itself at the following points:"
                f" {self._bad_place(outline)}"
            )
        if not outline.exterior.is_ccw:
            raise ShapeError(
                "The polygon boundary points are listed in the wrong order."
                " Points must be provided in counter-clockwise order."
            )
        shapely.prepare(outline)
        self._outline = outline

    def contains(self, points: FloatArray) -> BoolArray:
        """See `Shape.contains`."""
        flat, in_front = self._flat(points)
        return in_front & shapely.intersects_xy(self._outline, flat)

    def _flat(self, points: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Gnomonic projection about the middle, (point, 2), and which points have one.

        Great circles become straight lines; the other hemisphere has no place in the plane.
        """
        x, y, depth = self._axes @ points.T
        in_front = depth > CLOSE
        safe = np.where(in_front, depth, 1.0)
        return np.stack([x / safe, y / safe], axis=-1), in_front

    def _bad_place(self, outline: shapely.Polygon) -> str:
        """Where the outline crosses itself, in the catalogue's words."""
        place = shapely.is_valid_reason(outline).rpartition("[")[2].rstrip("]")
        x, y = (float(number) for number in place.split())
        lon, lat = lonlat(np.array([x, y, 1.0]) @ self._axes)
        return f"[lon={lon:.6g} lat={lat:.6g}]"


class Box:
    """Between two meridians and two parallels.

    Parameters
    ----------
    west, south, east, north : float
        Degrees; `west` greater than `east` crosses the antimeridian.
    """

    def __init__(self, west: float, south: float, east: float, north: float) -> None:
        if north < south:
            raise ShapeError(
                f"The bounding rectangle north value [{north}] was less than the south"
                f" value [{south}]"
            )
        self._west, self._south, self._north = west, south, north
        self._width = east - west if west <= east else east - west + 360.0
        across = west + _steps(0.0, self._width)
        upward = _steps(south, north)
        sides = [
            vectors(across, np.full_like(across, south)),
            vectors(np.full_like(upward, east), upward),
            vectors(across[::-1], np.full_like(across, north)),
            vectors(np.full_like(upward, west), upward[::-1]),
        ]
        self.vertices = np.concatenate(sides)
        self.arcs = np.concatenate([np.stack([side[:-1], side[1:]], axis=1) for side in sides])

    def contains(self, points: FloatArray) -> BoolArray:
        """See `Shape.contains`."""
        lon, lat = lonlat(points)
        eastward = (lon - self._west) % 360.0
        pole = np.hypot(points[..., 0], points[..., 1]) < CLOSE  # it has every longitude
        inside = (eastward <= self._width) | (eastward >= 360.0 - 1e-9) | pole
        return inside & (lat >= self._south - 1e-9) & (lat <= self._north + 1e-9)


class Circle:
    """All that is no further than `radius` m from a point, `lon` and `lat` in degrees."""

    def __init__(self, lon: float, lat: float, radius: float) -> None:
        centre = vectors(np.array(lon), np.array(lat))
        self._centre, self._reach = centre, np.cos(radius / EARTH_RADIUS)
        east = np.array([-np.sin(np.deg2rad(lon)), np.cos(np.deg2rad(lon)), 0.0])
        turn = np.deg2rad(np.arange(0.0, 360.0))[:, None]
        rim = np.cos(turn) * east + np.sin(turn) * np.cross(centre, east)
        angle = radius / EARTH_RADIUS
        around = np.cos(angle) * centre + np.sin(angle) * rim
        self.vertices = np.concatenate([centre[None], around])
        self.arcs = np.stack([around, np.roll(around, -1, axis=0)], axis=1)

    def contains(self, points: FloatArray) -> BoolArray:
        """See `Shape.contains`."""
        return np.asarray(points @ self._centre >= self._reach)


class Line:
    """Great-circle arcs one after the other, or a single point: nothing is inside.

    Parameters
    ----------
    points : sequence of (lon, lat)
        Degrees.
    """

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        lon, lat = np.asarray(points, float).T
        self.vertices = vectors(lon, lat)
        _no_twins(self.vertices)
        self.arcs = np.stack([self.vertices[:-1], self.vertices[1:]], axis=1)

    def contains(self, points: FloatArray) -> BoolArray:
        """See `Shape.contains`."""
        return np.zeros(len(points), bool)


def _axes(points: FloatArray) -> FloatArray:
    """Right-handed axes (3, 3): the last points at the middle of the points."""
    depth = points.mean(axis=0)
    depth /= max(float(np.linalg.norm(depth)), CLOSE)
    across = np.cross(depth, np.eye(3)[np.argmin(np.abs(depth))])
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(depth, across), depth])


def _no_twins(points: FloatArray) -> None:
    """Refuse corners that are the same place: both ends of a pole's parallel, for one.

    Raises
    ------
    ShapeError
        If there are such.
    """
    seen: dict[tuple[float, ...], int] = {}
    for number, point in enumerate(points):
        place = tuple(np.round(point, 9) + 0.0)
        if place in seen:
            both = [_named(points, seen[place]), _named(points, number)]
            raise ShapeError(
                "The shape contained duplicate points."
                f" Points {both[0]} and {both[1]} were considered equivalent or very close."
            )
        seen[place] = number


def _named(points: FloatArray, number: int) -> str:
    lon, lat = lonlat(points[number])
    return f"{number + 1} [lon={lon:.6g} lat={lat:.6g}]"


def _steps(first: float, last: float) -> FloatArray:
    return np.linspace(first, last, 2 + int((last - first) / STEP))


def _cross(one: FloatArray, other: FloatArray) -> bool:
    """Whether any arc of one set, (arc, 2, 3), crosses any of the other.

    Notes
    -----
    Arcs ab and cd cross where c and d lie on either side of ab, a and b on either side of
    cd, and all four triangles turn the same way; without the last the arcs' *continuations*
    might cross on the far side of the sphere.
    """
    a, b = one[:, 0], one[:, 1]
    c, d = other[:, 0], other[:, 1]
    ab, cd = np.cross(a, b), np.cross(c, d)
    acb, bda = -(ab @ c.T), ab @ d.T
    cbd, dac = -(b @ cd.T), a @ cd.T
    return bool(((acb * bda > 0) & (acb * cbd > 0) & (acb * dac > 0)).any())
