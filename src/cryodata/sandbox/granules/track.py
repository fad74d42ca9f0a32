"""Where and when a beam looks, and how high the ground is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import SelectionError, close_names
from cryodata.products.tracks import BACKWARD, FORWARD, TRANSITION

__all__ = [
    "BEAMS",
    "EPOCH",
    "ICESAT2",
    "REGIONS",
    "SEGMENT",
    "Beam",
    "FloatArray",
    "Mission",
    "Pass",
    "beams_of",
    "rgt_near",
]

FloatArray = NDArray[np.float64]

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
EPOCH = datetime(2018, 1, 1, tzinfo=UTC)
"""Zero of the times of ICESat-2. There was no leap second since, so differences are exact."""
SEGMENT = 20.006
"""Along-track length of an ATL03 segment, m."""

_EARTH = 6_371_000.0
_INCLINATION = np.deg2rad(92.0)
_REVOLUTION = timedelta(days=91) / 1387
_TURN = -360.0 * 91 / 1387
"""Degrees of longitude from one track to the next: all 1387 of them close in 91 days."""
_YEAR = 365.25 * 86400.0
_PAIRS_APART = 3300.0
_BEAMS_APART = 90.0
_BOUNDS = {  # latitude at which each region begins, and whether the spacecraft goes north there
    1: (0.0, True),
    2: (27.0, True),
    3: (59.5, True),
    4: (80.0, True),
    5: (80.0, False),
    6: (59.5, False),
    7: (27.0, False),
    8: (0.0, False),
    9: (-27.0, False),
    10: (-50.0, False),
    11: (-79.0, False),
    12: (-79.0, True),
    13: (-50.0, True),
    14: (-27.0, True),
}
REGIONS = tuple(_BOUNDS)
"""Numbers of the orbit regions."""
_SPEECH = {BACKWARD: "Backward", FORWARD: "Forward", TRANSITION: "Transition"}


@dataclass(frozen=True, slots=True)
class Beam:
    """One of the six beams; or a pair of them, a profile, the only track of a product.

    Attributes
    ----------
    name : str
        ``gt1l`` ... ``gt3r``, ``pt1`` ... ``pt3``, ``profile_1`` ... ``profile_3``, or
        empty for the only one.
    orientation : int
        How the spacecraft flies: 0 backward, 1 forward, 2 in transition.
    """

    name: str
    orientation: int = FORWARD

    @property
    def pair(self) -> int:
        """0-2 from left to right; the only track lies where the middle pair does."""
        found = re.search(r"[123]", self.name)
        return int(found.group()) - 1 if found else 1

    @property
    def single(self) -> bool:
        """A beam, not a pair or a profile."""
        return self.name in BEAMS

    @property
    def number(self) -> int:
        """0-5 from left to right; of a pair or a profile that of its strong beam."""
        if self.single:
            return BEAMS.index(self.name)
        return 2 * self.pair + (self.orientation != BACKWARD)

    @property
    def spot(self) -> int:
        """ATLAS spot; forward, the leftmost beam is spot 6; backward, spot 1."""
        return self.number + 1 if self.orientation == BACKWARD else 6 - self.number

    @property
    def strong(self) -> bool:
        """Odd spots are strong. In transition as if the spacecraft flew forward."""
        return self.spot % 2 == 1

    @property
    def offset(self) -> float:
        """Distance across track from the reference track, m, left negative."""
        middle = (self.pair - 1) * _PAIRS_APART
        if not self.single:
            return middle
        return middle + (_BEAMS_APART / 2 if self.number % 2 else -_BEAMS_APART / 2)

    def attributes(self) -> Mapping[str, Any]:
        """Attributes of the beam's group."""
        return {
            "atlas_beam_type": "strong" if self.strong else "weak",
            "atlas_pce": f"pce{(self.spot + 1) // 2}",
            "atlas_spot_number": str(self.spot),
            "atmosphere_profile": f"profile_{self.pair + 1}",
            "groundtrack_id": self.name,
            "sc_orientation": _SPEECH[self.orientation],
        }


def beams_of(
    names: tuple[str, ...], *, among: tuple[str, ...] = BEAMS, orientation: int = FORWARD
) -> tuple[Beam, ...]:
    """Beams by name.

    Raises
    ------
    SelectionError
        If there is no such beam.
    """
    for name in names:
        if name not in among:
            raise SelectionError(f"no beam is called {name!r}", fix=close_names(name, among))
    return tuple(Beam(name, orientation) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mission:
    """Who flew, when, and how fast.

    Attributes
    ----------
    first : datetime
        When reference ground track 234 of cycle 1 crossed the equator northward, UTC.
    speed : float
        Of the footprint over ground, m/s.
    """

    first: datetime = datetime(2018, 10, 13, 22, 29, 30, tzinfo=UTC)
    speed: float = 2 * np.pi * _EARTH / _REVOLUTION.total_seconds()


ICESAT2 = Mission()
"""Its first crossing is the start of region 01 in the name of the ATL09 granule of that track."""


@dataclass(frozen=True)
class Pass:
    """One pass over one region.

    Attributes
    ----------
    rgt, cycle, region : int
        Reference ground track 1-1387, repeat cycle from 1, region 1-14.
    length : float
        How far the granule reaches, m.
    seed : int
        Makes the terrain.
    mission : Mission
    epoch : datetime
        Zero of the product's times, UTC. Leap seconds since are not counted.
    change : float
        Of the height of the ground, m a year, in the middle of the granule; none at its ends.
    """

    rgt: int
    cycle: int
    region: int
    length: float
    seed: int
    mission: Mission = ICESAT2
    epoch: datetime = EPOCH
    change: float = 0.0

    @property
    def orbit(self) -> int:
        """Orbit number."""
        return (self.cycle - 1) * 1387 + self.rgt + 201

    @cached_property
    def equator(self) -> datetime:
        """When the track crosses the equator northward, UTC."""
        return self.mission.first + ((self.cycle - 1) * 1387 + self.rgt - 234) * _REVOLUTION

    @property
    def begin(self) -> float:
        """Distance along track from the equator to the first point, m."""
        latitude, north = _BOUNDS[self.region]
        u = np.arcsin(np.sin(np.deg2rad(latitude)) / np.sin(_INCLINATION))
        return float(_EARTH * ((u if north else np.pi - u) % (2 * np.pi)))

    @property
    def speed(self) -> float:
        """Of the footprint over ground, m/s."""
        return self.mission.speed

    @property
    def lan(self) -> float:
        """Longitude of the ascending node, degrees east."""
        return (self.rgt * _TURN + 180.0) % 360.0 - 180.0

    def delta_time(self, x: FloatArray | float) -> Any:
        """Seconds since the epoch at `x` m along track from the equator."""
        since = self.equator - self.epoch
        return since.total_seconds() + np.asarray(x) / self.speed

    def utc(self, x: float) -> datetime:
        """When `x` m along track from the equator is passed."""
        return self.epoch + timedelta(seconds=float(self.delta_time(x)))

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
        """Ground, m above the ellipsoid: hills of all sizes from 300 km to 100 m.

        It is that of cycle 1, and what has changed since.
        """
        rng = np.random.default_rng([self.seed, 77])
        sizes = np.geomspace(3e5, 1e2, 14)
        height = np.full(np.shape(x), 1500.0)
        for size, phase, slant in zip(
            sizes, rng.uniform(0, 2 * np.pi, 14), rng.uniform(-1, 1, 14), strict=True
        ):
            height += 0.12 * size**0.72 * np.sin(2 * np.pi * (x + slant * y) / size + phase)
        since = self.equator - replace(self, cycle=1).equator
        return height + self.changed(x, since.total_seconds())

    def changed(self, x: FloatArray, seconds: FloatArray | float) -> FloatArray:
        """By how much the ground rises at `x` m along track in so many seconds, m."""
        middle = np.sin(np.pi * np.clip((x - self.begin) / max(self.length, 1.0), 0.0, 1.0)) ** 2
        risen: FloatArray = self.change * middle * np.asarray(seconds) / _YEAR
        return risen


def rgt_near(longitude: float, region: int) -> int:
    """The reference ground track that enters a region nearest to a longitude, degrees east.

    ``rgt_near(179.9, 3)`` is one whose granule of region 3 soon crosses the antimeridian.
    """

    def away(rgt: int) -> float:
        start = Pass(rgt=rgt, cycle=1, region=region, length=0.0, seed=0)
        _, found = start.position(np.array([start.begin]), 0.0)
        return abs((float(found[0]) - longitude + 180.0) % 360.0 - 180.0)

    return min(range(1, 1388), key=away)
