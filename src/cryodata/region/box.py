"""Four numbers as a box: checked, and told which box was meant where they are none."""

from __future__ import annotations

import math

from cryodata.errors import RegionError

__all__ = ["Box", "checked_box", "halves"]

Box = tuple[float, float, float, float]
"""West, south, east, north, degrees; west > east crosses the antimeridian."""

_WRITE = "Write (west, south, east, north) in degrees, such as (-50, 69, -48, 70)."


def checked_box(west: float, south: float, east: float, north: float, *, sure: bool) -> Box:
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
    if 0 < w - e < 10 and not sure:
        raise RegionError(
            f"bbox {said} goes from its west all round the Earth to its east",
            fix=f"{_did_you_mean((e, s, w, n))} If not: Region.bbox{said[:-1]}, sure=True).",
        )
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


def halves(box: Box) -> list[Box]:
    """The box, cut at the antimeridian where it crosses it."""
    west, south, east, north = box
    if west < east:
        return [box]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]
