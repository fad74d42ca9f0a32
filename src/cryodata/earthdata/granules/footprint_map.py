"""A small map of outlines as SVG: polar where they are, else longitude against latitude."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cryodata.earthdata.granule import Granule, Ring
from cryodata.region.coastline import coastline

__all__ = ["map_of"]

FloatArray = NDArray[np.float64]

_SIDE = 300.0  # of the drawing, in its own units
_MARGIN = 0.08  # around the outlines, share of their extent
_POLAR = 50.0  # degrees: where all outlines are beyond, the map is polar
_MOST = 400  # outlines drawn
_SEEN = 0.15  # shorter than this is not seen
_LETTER, _LINE = 5.6, 11.0  # width of a letter, height of a line, of labels of size 9
_NEAREST = (2.0, 0.02)  # half the side of the smallest map: degrees; units of the polar plane
_UP = {1: -45.0, -1: 0.0}  # meridian that points down in the north (as EPSG:3413), up in the south


@dataclass(frozen=True, slots=True)
class _Frame:
    """How the globe lies on the drawing.

    Attributes
    ----------
    flat : callable
        Longitude and latitude, degrees, (point, 2), to the plane, (point, 2), y downwards.
    polar : int
        1 north, -1 south, 0 plate carree.
    low, high : (2,) float64
        Corners of what is shown, in the plane.
    """

    flat: Callable[[FloatArray], FloatArray]
    polar: int
    low: FloatArray
    high: FloatArray

    def drawn(self, points: FloatArray) -> FloatArray:
        """Where points of the globe are on the drawing."""
        scaled: FloatArray = (self.flat(points) - self.low) / (self.high - self.low) * _SIDE
        return scaled


def map_of(granules: Iterable[Granule]) -> str:
    """An ``<svg>`` with the outlines over coasts and a graticule; empty where none is known."""
    every = [granule for granule in granules if granule.footprint]
    if not every:
        return ""
    shown = every if len(every) <= _MOST else every[:: math.ceil(len(every) / _MOST)]
    frame = _frame([ring for granule in shown for ring in granule.footprint])
    outlines = "".join(
        f'<path d="{path}"><title>{escape(granule.name)}</title></path>'
        for granule in shown
        if (path := "".join(_closed_path(frame, ring) for ring in granule.footprint))
    )
    part = "" if len(shown) == len(every) else f" ({len(shown)} of {len(every)} shown)"
    return (
        f'<svg viewBox="0 0 {_SIDE:g} {_SIDE:g}" role="img" xmlns="http://www.w3.org/2000/svg" '
        f'aria-label="Map of outlines{part}">'
        f'<rect width="{_SIDE:g}" height="{_SIDE:g}" fill="currentColor" fill-opacity=".04"/>'
        f'<g fill="none" stroke="currentColor" stroke-opacity=".22" stroke-width=".6">'
        f"{_graticule(frame)}</g>"
        '<g fill="none" stroke="currentColor" stroke-opacity=".55" stroke-width=".8" '
        f'stroke-linejoin="round">{_coast(frame)}</g>'
        '<g fill="#3b8fd6" fill-opacity=".22" stroke="#3b8fd6" stroke-width="1" '
        f'stroke-linejoin="round" fill-rule="evenodd">{outlines}</g>'
        f'<g fill="currentColor" fill-opacity=".6" font-size="9" '
        f'font-family="system-ui,sans-serif">{_labels(frame)}</g></svg>'
    )


def _frame(rings: Sequence[Ring]) -> _Frame:
    """The projection that fits the outlines, and the square around them."""
    points = np.array([point for ring in rings for point in ring], "f8")
    lat = points[:, 1]
    polar = 1 if lat.min() > _POLAR else -1 if lat.max() < -_POLAR else 0
    flat = (lambda p: _stereographic(p, polar)) if polar else _plate_carree(points[:, 0])
    placed = flat(points)
    low, high = placed.min(axis=0), placed.max(axis=0)
    middle, half = (low + high) / 2, max(float((high - low).max()) / 2 * (1 + 2 * _MARGIN), 1e-3)
    half = max(half, _NEAREST[polar != 0])
    return _Frame(flat, polar, middle - half, middle + half)


def _stereographic(points: FloatArray, pole: int) -> FloatArray:
    """Polar stereographic on the sphere; the unit is the radius of the equator."""
    lon, lat = points.T
    radius, angle = _radius(pole * lat), np.deg2rad(lon - _UP[pole])
    # north: its meridian points down; south: its meridian points up
    return np.column_stack([radius * np.sin(angle), pole * radius * np.cos(angle)])


def _radius(lat: FloatArray) -> FloatArray:
    radius: FloatArray = np.tan(np.deg2rad(90 - lat) / 2)
    return radius


def _plate_carree(lon: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Longitude to the right, latitude up, about the middle of where the outlines are."""
    ordered = np.sort(lon % 360)
    gaps = np.diff(np.append(ordered, ordered[0] + 360))
    widest = int(np.argmax(gaps))
    west = ordered[(widest + 1) % len(ordered)]
    middle = (west + (360 - gaps[widest]) / 2 + 180) % 360 - 180 if gaps[widest] > 60 else 0.0

    def flat(points: FloatArray) -> FloatArray:
        x = (points[:, 0] - middle + 180) % 360 - 180
        return np.column_stack([x + middle, -points[:, 1]])

    return flat


def _closed_path(frame: _Frame, ring: Ring) -> str:
    """The outline as an SVG path; cut where plate carree would draw it across the map."""
    points = _dense(np.array(ring, "f8"))
    drawn = frame.drawn(points)
    if frame.polar:
        return _path(drawn, close=True)
    width = 180.0 / float((frame.high - frame.low)[0]) * _SIDE
    breaks = np.flatnonzero(np.abs(np.diff(drawn[:, 0])) > width) + 1
    pieces = np.split(drawn, breaks)
    return "".join(_path(piece, close=len(breaks) == 0) for piece in pieces if len(piece) > 1)


def _dense(ring: FloatArray) -> FloatArray:
    """A line with a point at least every 4 degrees, over the antimeridian the short way."""
    pieces = []
    for start, stop in pairwise(ring):
        way = stop - start
        stop = start + np.array([(way[0] + 180) % 360 - 180, way[1]])
        count = max(1, math.ceil(float(np.abs(stop - start).max()) / 4))
        pieces.append(np.linspace(start, stop, count, endpoint=False))
    return np.vstack([*pieces, ring[-1:]])


def _path(points: FloatArray, *, close: bool) -> str:
    """Points as ``M x y x y``, to a tenth of a unit, without those nobody would miss."""
    words = " ".join(f"{x:g} {y:g}" for x, y in np.round(_thinned(points), 1))
    return f"M{words}{'Z' if close else ''}"


def _thinned(points: FloatArray) -> FloatArray:
    """A line with fewer points, nowhere further from it than can be seen (Douglas-Peucker)."""
    first, last = points[0], points[-1]
    way = last - first
    length = float(np.hypot(*way))
    off = points - first
    beside = np.abs(off[:, 0] * way[1] - off[:, 1] * way[0])
    away = beside / length if length else np.hypot(*off.T)
    turn = int(np.argmax(away))
    if away[turn] <= _SEEN:
        return points[[0, -1]]
    return np.vstack([_thinned(points[: turn + 1])[:-1], _thinned(points[turn:])])


def _steps(frame: _Frame) -> tuple[float, float]:
    """Degrees between meridians and between parallels: a handful of each."""
    extent = float((frame.high - frame.low)[0])
    if not frame.polar:
        step = next(s for s in (0.5, 1, 2, 5, 10, 15, 30, 60) if extent / s <= 7)
        return step, step
    degrees = math.degrees(extent)  # of latitude, near the pole twice the radius
    step = next((s for s in (0.5, 1, 2, 5, 10) if degrees * 2 / s <= 10), 10.0)
    near = min(np.hypot(*corner) for corner in _edges(frame))
    inside = bool((frame.low < 0).all() and (frame.high > 0).all())
    return (30.0 if inside or near < extent / 2 else 10.0 if near < 2 * extent else 5.0), step


def _edges(frame: _Frame) -> FloatArray:
    """Points along the sides of the drawing, in the plane."""
    share = np.linspace(0, 1, 25)
    (x0, y0), (x1, y1) = frame.low, frame.high
    xs, ys = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
    ends = np.ones_like(share)
    return np.vstack(
        [
            np.column_stack(side)
            for side in ((xs, y0 * ends), (xs, y1 * ends), (x0 * ends, ys), (x1 * ends, ys))
        ]
    )


def _lines(frame: _Frame) -> list[tuple[str, FloatArray]]:
    """Name and points of each meridian and parallel."""
    across, along = _steps(frame)
    lowest, sign = (30.0, frame.polar) if frame.polar else (-90.0, 1)
    lats = np.arange(lowest, 90.01, 0.5) * sign
    lons = np.arange(-180, 180.01, 1.0)
    meridians = np.arange(-180, 180, across)
    parallels = np.arange(math.ceil(lowest / along) * along, 90, along) * sign
    return [
        *((_meridian(x), np.column_stack([np.full_like(lats, x), lats])) for x in meridians),
        *((_parallel(y), np.column_stack([lons, np.full_like(lons, y)])) for y in parallels),
    ]


def _inside(drawn: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(((drawn >= 0) & (drawn <= _SIDE)).all(axis=1))


def _graticule(frame: _Frame) -> str:
    paths = "".join(_seen_path(frame, points) for _, points in _lines(frame))
    return f'<path d="{paths}"/>'


def _coast(frame: _Frame) -> str:
    points, ends = coastline()
    starts = np.zeros(len(points), bool)
    starts[ends[:-1]] = True
    return f'<path d="{_seen_path(frame, points, starts)}"/>'


def _seen_path(frame: _Frame, points: FloatArray, starts: NDArray[np.bool_] | None = None) -> str:
    """What is inside of the drawing; `starts` says where further lines begin."""
    drawn = frame.drawn(points)
    inside = _inside(drawn)
    near = inside | np.append(inside[1:], False) | np.append(False, inside[:-1])
    cuts = np.append(True, np.abs(np.diff(drawn, axis=0)).max(axis=1) > _SIDE)
    if starts is not None:
        cuts |= starts
    begins = np.flatnonzero(np.append(True, np.diff(near.astype(int)) != 0) | cuts)
    pieces = zip(np.split(drawn, begins[1:]), near[begins], strict=True)
    return "".join(
        _path(np.clip(piece, 0, _SIDE), close=False)
        for piece, seen in pieces
        if seen and len(piece) > 1
    )


def _labels(frame: _Frame) -> str:
    """The name of each line, where it enters the drawing; none over another or cut off."""
    texts = []
    taken: list[tuple[float, float, float]] = []
    for name, points in _lines(frame):
        drawn = frame.drawn(points)
        x, y = drawn.T
        seen = drawn[(x >= 4) & (x <= _SIDE - 4) & (y >= 12) & (y <= _SIDE - 4)]
        if not len(seen):
            continue
        border = np.minimum(seen, _SIDE - seen).min(axis=1)
        left, base = map(float, seen[int(np.argmin(border))])
        width = _LETTER * len(name)
        at_end = left > _SIDE - 4 - width
        start = left - width if at_end else left
        if any(start < b and a < start + width and abs(base - c) < _LINE for a, b, c in taken):
            continue
        taken.append((start, start + width, base))
        anchor = "end" if at_end else "start"
        texts.append(
            f'<text x="{left:.0f}" y="{base:.0f}" dx="{-2 if at_end else 2}" dy="-2" '
            f'text-anchor="{anchor}">{name}</text>'
        )
    return "".join(texts)


def _meridian(lon: float) -> str:
    lon = (lon + 180) % 360 - 180
    return f"{abs(lon):g}°" + ("" if lon in (0, -180) else "E" if lon > 0 else "W")


def _parallel(lat: float) -> str:
    return f"{abs(lat):g}°" + ("" if lat == 0 else "N" if lat > 0 else "S")
