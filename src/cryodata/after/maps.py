"""A plane for the map of tracks, without any library of maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryodata.types import AnyArray

__all__ = ["POLAR", "Plane", "graticule", "plane_for", "steps_for"]

POLAR = 55.0
"""Degrees: where all points are beyond, the map is polar."""

_RADIUS = 6371.0
"""Of the Earth, km."""
_DOWN = {1: -45.0, -1: 180.0}
"""Meridian that points down: in the north as in EPSG:3413, in the south as in EPSG:3031."""
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 45.0, 90.0)


@dataclass(frozen=True, slots=True)
class Plane:
    """A polar stereographic plane of a sphere, km; or longitude and latitude, degrees.

    Attributes
    ----------
    pole : int
        1 north, -1 south, 0 plate carree.
    centre : float
        Longitude in the middle of a plate carree; others are counted from it.
    """

    pole: int
    centre: float

    def flat(self, longitude: AnyArray, latitude: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Degrees to the plane.

        Notes
        -----
        r = 2 R tan((90 - |lat|) / 2), Snyder, Map Projections (1987), eq. 21-4 with k0 = 1.
        """
        if not self.pole:
            return self.turned(longitude), latitude
        radius = 2 * _RADIUS * np.tan(np.radians(90.0 - self.pole * latitude) / 2)
        angle = self.pole * np.radians(longitude - _DOWN[self.pole])
        return radius * np.sin(angle), -radius * np.cos(angle)

    def globe(self, x: AnyArray, y: AnyArray) -> tuple[AnyArray, AnyArray]:
        """The plane to degrees."""
        if not self.pole:
            return x, y
        latitude = self.pole * (90.0 - 2 * np.degrees(np.arctan(np.hypot(x, y) / 2 / _RADIUS)))
        angle = np.degrees(np.arctan2(x, -y))
        return (self.pole * angle + _DOWN[self.pole] + 180.0) % 360.0 - 180.0, latitude

    def turned(self, longitude: AnyArray) -> AnyArray:
        """Longitudes as they follow each other around `centre`, without a jump near it."""
        turned: AnyArray = (longitude - self.centre + 180.0) % 360.0 - 180.0 + self.centre
        return turned


def plane_for(longitude: AnyArray, latitude: AnyArray) -> Plane:
    """The plane that shows points well; without any, the whole world."""
    placed = np.isfinite(longitude) & np.isfinite(latitude)
    if not placed.any():
        return Plane(0, 0.0)
    longitude, latitude = longitude[placed], latitude[placed]
    directions = np.exp(1j * np.radians(longitude)).mean()
    centre = round(float(np.degrees(np.angle(directions))))
    for pole in (1, -1):
        if (pole * latitude > POLAR).all():
            return Plane(pole, centre)
    return Plane(0, centre)


def steps_for(span: float, most: int) -> float:
    """A round distance of lines, degrees, so that about `most` cross a span."""
    return next((step for step in _STEPS if span / step <= most), _STEPS[-1])


def graticule(plane: Plane, x: AnyArray, y: AnyArray) -> list[tuple[AnyArray, AnyArray, str]]:
    """Meridians and parallels of a polar plane.

    Parameters
    ----------
    plane : Plane
    x, y : (row, column) float array
        Points of what is shown, km.

    Returns
    -------
    list of (values, levels, letters)
        For parallels, then meridians: degrees at the points, masked where no line is to be
        drawn; the degrees to draw at; and the letters of the two directions.
    """
    longitude, latitude = plane.globe(x, y)
    up = steps_for(float(np.ptp(latitude)), 5)
    # the pole itself is no line
    levels = [level for level in _levels(latitude, up) if abs(level) < 90.0]
    lines = [(latitude, np.array(levels), "NS")]
    middle = float(plane.globe(x.mean(), y.mean())[0])
    turned = (longitude - middle + 180.0) % 360.0 - 180.0 + middle
    step = steps_for(float(np.ptp(turned)), 5)
    if x.min() < 0 < x.max() and y.min() < 0 < y.max():  # the pole is in sight
        step = 30.0
        near = np.hypot(x, y) < 0.05 * np.ptp(y)
        seam = np.abs(turned - middle) > 180.0 - step / 4
        turned = np.ma.masked_where(near | seam, turned)
    lines.append((turned, _levels(turned, step), "EW"))
    return [line for line in lines if len(line[1])]


def _levels(values: AnyArray, step: float) -> AnyArray:
    low, high = float(values.min()), float(values.max())
    levels: AnyArray = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return levels
