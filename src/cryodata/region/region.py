"""A region of the Earth: made from a box or from shapes, checked, and asked what is in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cryodata.errors import RegionError
from cryodata.region.cover import covering_rings
from cryodata.region.rings import Polygon, flat_polygons, needs_shapely

if TYPE_CHECKING:
    from shapely import MultiPolygon
    from shapely.geometry.base import BaseGeometry

__all__ = ["Box", "Region"]

Box = tuple[float, float, float, float]
"""West, south, east, north, degrees; west > east crosses the antimeridian."""

_WRITE = "Write (west, south, east, north) in degrees, such as (-50, 69, -48, 70)."


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
        box = _checked(west, south, east, north, sure=sure)
        return cls(tuple(_rectangle(*half) for half in _halves(box)), box)

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
            for west, _, east, _ in _halves(self.box):
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


def _checked(west: float, south: float, east: float, north: float, *, sure: bool) -> Box:
    """The box with longitudes within -180 to 180, or why it is none."""
    try:
        w, s, e, n = (float(value) for value in (west, south, east, north))
    except (TypeError, ValueError):
        given = (west, south, east, north)
        raise RegionError(f"bbox is 4 numbers; got {given!r}", fix=_WRITE) from None
    said = f"({w:g}, {s:g}, {e:g}, {n:g})"
    if not all(math.isfinite(value) for value in (w, s, e, n)):
        raise RegionError(f"bbox {said} holds a value that is no number", fix=_WRITE)
    _refuse_swapped((w, s, e, n), said, sure=sure)
    if max(abs(s), abs(n)) > 90:
        worst = max(s, n, key=abs)
        raise RegionError(
            f"bbox {said} has latitude {worst:g}, beyond the pole",
            fix=_did_you_mean(_from_wesn((w, s, e, n))),
        )
    if max(abs(w), abs(e)) > 360:
        raise RegionError(f"bbox {said} has longitudes that are no degrees", fix=_WRITE)
    if s > n:
        raise RegionError(
            f"bbox is (W, S, E, N); {said} has its south {s:g} north of its north {n:g}",
            fix=_did_you_mean((w, n, e, s), _from_wesn((w, s, e, n))),
        )
    if s == n or (e - w < 360 and (e - w) % 360 == 0):
        raise RegionError(f"bbox {said} has no area", fix=f"Give it an extent. {_WRITE}")
    if e - w >= 360:
        return -180.0, s, 180.0, n
    return _wrapped(w, end=False), s, _wrapped(e, end=True), n


def _refuse_swapped(box: Box, said: str, *, sure: bool) -> None:
    """Stop where the numbers must be in another order, or most likely are.

    (lat, lon) for (lon, lat): south and north beyond a pole leave no doubt. Numbers that fit
    both ways are refused in one case only: as they stand they lie in the ocean between 20 and
    60 degrees south and 59 to 84 degrees east, and the other way round in Greenland or the
    Arctic of America. (W, E, S, N) for (W, S, E, N): as it stands the box is a large part of
    the Earth, and otherwise small.
    """
    w, s, e, n = box
    fits = max(abs(w), abs(e)) <= 90 and max(abs(s), abs(n)) <= 180 and w <= e
    must = fits and max(abs(s), abs(n)) > 90
    likely = 59 <= w <= e <= 84 and -60 < s <= n < -20
    if must or (likely and not sure):
        raise RegionError(
            f"bbox is (W, S, E, N); {said} looks like (lat, lon)",
            fix=f"Did you mean ({s:g}, {w:g}, {n:g}, {e:g})?"
            + ("" if must else f" If not: Region.bbox{said[:-1]}, sure=True)."),
        )
    other = _from_wesn(box)
    if other is not None and not sure and min(e - w, n - s) > 90 and _extent(other) < 400:
        raise RegionError(
            f"bbox is (W, S, E, N); {said} looks like (W, E, S, N)",
            fix=f"{_did_you_mean(other)} If not: Region.bbox{said[:-1]}, sure=True).",
        )


def _from_wesn(box: Box) -> Box | None:
    """The box that four numbers are as west, east, south, north; None where they are none."""
    w, e, s, n = box
    return (w, s, e, n) if w < e <= 360 and -90 <= s < n <= 90 else None


def _extent(box: Box) -> float:
    """Square degrees."""
    w, s, e, n = box
    return (e - w) % 360 * (n - s)


def _did_you_mean(*others: Box | None) -> str:
    """The smallest of the boxes that may have been meant; how one is written, if there is none."""
    meant = min((box for box in others if box is not None), key=_extent, default=None)
    if meant is None:
        return _WRITE
    return "Did you mean ({:g}, {:g}, {:g}, {:g})?".format(*meant)


def _wrapped(lon: float, *, end: bool) -> float:
    """A longitude within -180 to 180; the antimeridian as 180 where a box ends there."""
    lon = lon - 360 if lon > 180 else lon + 360 if lon < -180 else lon
    if abs(lon) == 180:
        return 180.0 if end else -180.0
    return lon


def _halves(box: Box) -> list[Box]:
    """The box, cut at the antimeridian where it crosses it."""
    west, south, east, north = box
    if west < east:
        return [box]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


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
