"""A region of the Earth: made from a box or from shapes, checked, and asked what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryodata.errors import RegionError
from cryodata.region.box import Box, checked_box, halves
from cryodata.region.cover import covering_rings
from cryodata.region.rings import Polygon, flat_polygons, needs_shapely

if TYPE_CHECKING:
    from shapely import MultiPolygon
    from shapely.geometry.base import BaseGeometry

__all__ = ["Region"]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the Earth's surface; prints, pickles, compares and hashes.

    Make it with `Region.bbox` or `Region.of`. Its edges are straight in longitude and
    latitude, as on a map in plate carree: that is what `contains` goes by.

    Attributes
    ----------
    polygons : tuple of polygons
        Each a tuple of closed rings: the exterior, counter-clockwise, then its holes,
        clockwise. Corners are (longitude, latitude) in degrees, longitudes within -180 to
        180: what crosses the antimeridian is cut there.
    box : tuple of float or None
        West, south, east, north where the region is a plain box; west > east where it
        crosses the antimeridian.
    """

    polygons: tuple[Polygon, ...]
    box: Box | None = None

    def __post_init__(self) -> None:
        if not self.polygons:
            raise RegionError("The region is empty", fix="Give it at least one polygon.")

    @classmethod
    def bbox(
        cls, west: float, south: float, east: float, north: float, *, sure: bool = False
    ) -> Self:
        """The box between two meridians and two parallels.

        Parameters
        ----------
        west, east : float
            Degrees, -180 to 180 or 0 to 360. ``west > east`` crosses the antimeridian.
        south, north : float
            Degrees, -90 to 90.
        sure : bool
            Take the numbers as they are, also where latitude and longitude seem swapped.

        Raises
        ------
        RegionError
            If a number is none, latitudes are impossible, reversed or look like longitudes,
            or nothing is inside.
        """
        box = checked_box(west, south, east, north, sure=sure)
        return cls(tuple(_rectangle(*half) for half in halves(box)), box)

    @classmethod
    def of(cls, geometry: BaseGeometry) -> Self:
        """The polygons of a shapely geometry in longitude and latitude.

        Winding does not matter. An edge that spans more than 180 degrees is taken to cross
        the antimeridian, and a ring that goes all the way round to hold the nearer pole.

        Raises
        ------
        RegionError
            If there are no polygons, no area, or numbers that are no degrees.
        MissingDependencyError
            If shapely is not installed.

        Warns
        -----
        UserWarning
            If a polygon crosses itself, and was mended; if a rectangle could be meant both
            ways round.
        """
        polygons = flat_polygons(geometry)
        box = _as_box(polygons)
        return cls(polygons if box is None else (_rectangle(*box),), box)

    @property
    def bounds(self) -> Box:
        """West, south, east, north of the smallest box around it, degrees.

        ``west > east`` where that box crosses the antimeridian.
        """
        if self.box is not None:
            return self.box
        south = min(lat for exterior, *_ in self.polygons for _, lat in exterior)
        north = max(lat for exterior, *_ in self.polygons for _, lat in exterior)
        spans = sorted(
            (min(lon for lon, _ in exterior), max(lon for lon, _ in exterior))
            for exterior, *_ in self.polygons
        )
        west, east = _around(spans)
        return west, south, east, north

    def contains(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
        """Which points are inside or on the edge.

        Parameters
        ----------
        lon, lat : array_like
            Degrees, of shapes that broadcast; longitudes -180 to 180 or 0 to 360.

        Returns
        -------
        ndarray of bool
            True = inside. False for NaN.
        """
        x, y = np.broadcast_arrays(np.asarray(lon, "f8"), np.asarray(lat, "f8"))
        x = np.where(x > 180, x - 360, np.where(x < -180, x + 360, x))  # exact in floats
        seam = np.abs(x) == 180
        found = self._holds(x, y)
        if seam.any():  # the antimeridian has two names
            found = found | (seam & self._holds(-x, y))
        return found

    def may_touch(
        self, west: ArrayLike, south: ArrayLike, east: ArrayLike, north: ArrayLike
    ) -> NDArray[np.bool_]:
        """Which boxes may hold points that are inside: never False for one that does.

        Parameters
        ----------
        west, south, east, north : (n,) array_like
            Degrees, ``west <= east``, also beyond 180 where longitudes are 0 to 360. NaN
            where a side is not known.

        Returns
        -------
        (n,) ndarray of bool
        """
        sides = [np.asarray(side, "f8") for side in (west, south, east, north)]
        w, s, e, n = (
            np.where(np.isnan(side), limit, side)
            for side, limit in zip(sides, (-np.inf, -90.0, np.inf, 90.0), strict=True)
        )
        touched = np.zeros(w.shape, bool)
        for shift in (-360.0, 0.0, 360.0):  # the same meridian by its other names
            touched |= self._meets(w + shift, s, e + shift, n)
        return touched

    def _meets(
        self,
        w: NDArray[np.float64],
        s: NDArray[np.float64],
        e: NDArray[np.float64],
        n: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """`may_touch` for longitudes by the names of the region's own."""
        if self.box is not None:
            _, south, _, north = self.box
            beside = np.zeros(w.shape, bool)
            for west, _, east, _ in halves(self.box):
                beside |= (w <= east) & (e >= west)
            return np.asarray(beside & (s <= north) & (n >= south), bool)
        with needs_shapely():
            import shapely
        wide = np.maximum(w, -720.0), s, np.minimum(e, 720.0), n
        return np.asarray(shapely.intersects(_shape(self.polygons), shapely.box(*wide)), bool)

    def cmr_parameters(self) -> dict[str, str | list[str]]:
        """What asks NASA's catalogue for granules that touch the region.

        The catalogue joins corners by great circles, and knows no holes: its polygons are a
        little larger than the region, never smaller.

        Returns
        -------
        dict
            ``bounding_box`` for a box; else ``polygon`` with closed, counter-clockwise
            rings, and the option that any of them will do.
        """
        if self.box is not None:
            return {"bounding_box": ",".join(_number(value) for value in self.box)}
        rings = covering_rings(_shape(self.polygons))
        texts = [",".join(f"{_number(x)},{_number(y)}" for x, y in ring) for ring in rings]
        if len(texts) == 1:
            return {"polygon": texts[0]}
        return {"polygon": texts, "options[polygon][or]": "true"}

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """As GeoJSON geometry, for shapely, geopandas and their friends."""
        return {"type": "MultiPolygon", "coordinates": self.polygons}

    def __repr__(self) -> str:
        box = ", ".join(f"{value:g}" for value in self.bounds)
        if self.box is not None:
            return f"Region.bbox({box})"
        corners = sum(len(ring) - 1 for polygon in self.polygons for ring in polygon)
        return f"<Region of {len(self.polygons)} polygon(s), {corners} corners, within ({box})>"

    def __str__(self) -> str:
        """For a sentence: ``the box (-50, 69, -48, 70)``."""
        box = ", ".join(f"{value:g}" for value in self.bounds)
        return f"the {'box' if self.box is not None else 'region within'} ({box})"

    def _holds(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """`contains` for longitudes within -180 to 180, each meridian by its own name."""
        if self.box is None:
            with needs_shapely():
                import shapely
            return np.asarray(shapely.intersects_xy(_shape(self.polygons), x, y), bool)
        west, south, east, north = self.box
        beside = (west <= x) & (x <= east) if west <= east else (west <= x) | (x <= east)
        return np.asarray(beside & (south <= y) & (y <= north), bool)


@lru_cache(maxsize=16)
def _shape(polygons: tuple[Polygon, ...]) -> MultiPolygon:
    """The polygons for shapely, prepared for many questions."""
    with needs_shapely():
        import shapely

    shape = shapely.MultiPolygon([(exterior, holes) for exterior, *holes in polygons])
    shapely.prepare(shape)
    return shape


def _rectangle(west: float, south: float, east: float, north: float) -> Polygon:
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return (corners,)


def _as_box(polygons: tuple[Polygon, ...]) -> Box | None:
    """The box that one rectangle is, so that no shapes are needed to work with it."""
    if len(polygons) > 1 or len(polygons[0]) > 1 or len(polygons[0][0]) != 5:
        return None
    corners = set(polygons[0][0])
    west, south = min(corners)
    east, north = max(corners)
    whole = {(west, south), (east, south), (east, north), (west, north)}
    return (west, south, east, north) if corners == whole else None


def _around(spans: list[tuple[float, float]]) -> tuple[float, float]:
    """West and east of the narrowest span that holds all, on the circle; `spans` sorted."""
    merged = [spans[0]]
    for west, east in spans[1:]:
        if west <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], east))
        else:
            merged.append((west, east))
    gaps = [
        ((merged[(i + 1) % len(merged)][0] - merged[i][1]) % 360.0, i) for i in range(len(merged))
    ]
    widest, last = max(gaps)
    if widest == 0 and merged[0][0] == -180.0 and merged[-1][1] == 180.0:
        return -180.0, 180.0
    return merged[(last + 1) % len(merged)][0], merged[last][1]


def _number(value: float) -> str:
    """The shortest text that reads back as the same number, without an exponent."""
    return np.format_float_positional(value, trim="-")
