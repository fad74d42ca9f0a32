"""Where and when a beam looks, and how high the ground is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import SelectionError, close_names

__all__ = ["BEAMS", "EPOCH", "SEGMENT", "Beam", "Pass", "beams_of"]

FloatArray = NDArray[np.float64]

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
EPOCH = datetime(2018, 1, 1, tzinfo=UTC)
"""Zero of ``delta_time``. There was no leap second since, so the difference is exact."""
SEGMENT = 20.006
"""Along-track length of an ATL03 segment, m."""

_EARTH = 6_371_000.0
_INCLINATION = np.deg2rad(92.0)
_REVOLUTION = timedelta(days=91) / 1387
_TRACK_234 = datetime(2018, 10, 13, 22, 29, 30, tzinfo=UTC)
"""When reference ground track 234 of cycle 1 crossed the equator: start of region 01, from
the name of the ATL09 granule of that track."""
_TURN = -23.62
"""Degrees of longitude from one track to the next."""
_REGION_LATITUDE = (0.0, 27.0, 59.5, 80.0)
"""Where regions 01-04 begin, degrees north, ascending."""


@dataclass(frozen=True, slots=True)
class Beam:
    """One of the six beams, with the spacecraft flying forward.

    Attributes
    ----------
    name : str
        ``gt1l`` ... ``gt3r``.
    """

    name: str

    @property
    def number(self) -> int:
        """0-5 from left to right."""
        return BEAMS.index(self.name)

    @property
    def spot(self) -> int:
        """ATLAS spot; forward, the leftmost beam is spot 6."""
        return 6 - self.number

    @property
    def strong(self) -> bool:
        """Odd spots are strong."""
        return self.spot % 2 == 1

    @property
    def offset(self) -> float:
        """Distance across track from the reference track, m, left negative."""
        pair = self.number // 2 - 1
        return pair * 3300.0 + (45.0 if self.number % 2 else -45.0)

    def attributes(self) -> Mapping[str, Any]:
        """Attributes of the beam's group."""
        return {
            "atlas_beam_type": "strong" if self.strong else "weak",
            "atlas_pce": f"pce{(self.spot + 1) // 2}",
            "atlas_spot_number": str(self.spot),
            "atmosphere_profile": f"profile_{self.number // 2 + 1}",
            "groundtrack_id": self.name,
            "sc_orientation": "Forward",
        }


def beams_of(names: tuple[str, ...]) -> tuple[Beam, ...]:
    """Beams by name.

    Raises
    ------
    SelectionError
        If there is no such beam.
    """
    for name in names:
        if name not in BEAMS:
            raise SelectionError(f"no beam is called {name!r}", fix=close_names(name, BEAMS))
    return tuple(Beam(name) for name in names)


@dataclass(frozen=True)
class Pass:
    """One pass over one region.

    Attributes
    ----------
    rgt, cycle, region : int
        Reference ground track 1-1387, repeat cycle from 1, region 1-4.
    length : float
        How far the granule reaches, m.
    seed : int
        Makes the terrain.
    """

    rgt: int
    cycle: int
    region: int
    length: float
    seed: int

    @property
    def orbit(self) -> int:
        """Orbit number."""
        return (self.cycle - 1) * 1387 + self.rgt + 201

    @cached_property
    def equator(self) -> datetime:
        """When the track crosses the equator northward, UTC."""
        return _TRACK_234 + ((self.cycle - 1) * 1387 + self.rgt - 234) * _REVOLUTION

    @property
    def begin(self) -> float:
        """Distance along track from the equator to the first point, m."""
        latitude = np.deg2rad(_REGION_LATITUDE[self.region - 1])
        return float(_EARTH * np.arcsin(np.sin(latitude) / np.sin(_INCLINATION)))

    @property
    def speed(self) -> float:
        """Of the footprint over ground, m/s."""
        return float(2 * np.pi * _EARTH / _REVOLUTION.total_seconds())

    @property
    def lan(self) -> float:
        """Longitude of the ascending node, degrees east."""
        return (self.rgt * _TURN + 180.0) % 360.0 - 180.0

    def delta_time(self, x: FloatArray | float) -> Any:
        """Seconds since `EPOCH` at `x` m along track from the equator."""
        return (self.equator - EPOCH).total_seconds() + np.asarray(x) / self.speed

    def utc(self, x: float) -> datetime:
        """When `x` m along track from the equator is passed."""
        return EPOCH + timedelta(seconds=float(self.delta_time(x)))

    def position(self, x: FloatArray, y: FloatArray | float) -> tuple[FloatArray, FloatArray]:
        """Latitude and longitude, degrees, at `x` m along and `y` m right of the track.

        A circular orbit over a sphere that turns: good to a few kilometres.
        """
        u = x / _EARTH
        latitude = np.arcsin(np.sin(_INCLINATION) * np.sin(u))
        node = np.arctan2(np.cos(_INCLINATION) * np.sin(u), np.cos(u))
        turned = np.deg2rad(_TURN) * u / (2 * np.pi)
        longitude = np.deg2rad(self.lan) + node + turned
        # to the right of a northbound track is east, of a southbound one west
        heading = np.arctan2(np.cos(_INCLINATION), np.cos(u) * np.sin(_INCLINATION))
        latitude = latitude - np.sin(heading) * y / _EARTH
        longitude = longitude + np.cos(heading) * y / _EARTH / np.cos(latitude)
        degrees = np.rad2deg(longitude)
        return np.rad2deg(latitude), (degrees + 180.0) % 360.0 - 180.0

    def height(self, x: FloatArray, y: FloatArray | float) -> FloatArray:
        """Ground, m above the ellipsoid: hills of all sizes from 300 km to 100 m."""
        rng = np.random.default_rng([self.seed, 77])
        sizes = np.geomspace(3e5, 1e2, 14)
        height = np.full(np.shape(x), 1500.0)
        for size, phase, slant in zip(
            sizes, rng.uniform(0, 2 * np.pi, 14), rng.uniform(-1, 1, 14), strict=True
        ):
            height += 0.12 * size**0.72 * np.sin(2 * np.pi * (x + slant * y) / size + phase)
        return height
