"""No granule is left out that has data in a region: outlines against points taken along them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cryodata.references.footprints import box_in_attributes, box_of, cap_of, is_near
from cryodata.region.region import Region

Ring = tuple[tuple[float, float], ...]


def unit(lon: float, lat: float) -> Any:
    a, b = math.radians(lon), math.radians(lat)
    return np.array([math.cos(b) * math.cos(a), math.cos(b) * math.sin(a), math.sin(b)])


def around(lon: float, lat: float, radius: float, corners: int, turn: float) -> Ring:
    """Corners of a polygon around a place, degrees; on the sphere, whatever lies inside."""
    centre = unit(lon, lat)
    east = np.cross([0.0, 0.0, 1.0], centre)
    east = east / np.linalg.norm(east)
    north = np.cross(centre, east)
    ring = []
    for number in range(corners):
        angle = turn + 2 * math.pi * number / corners
        away = math.cos(angle) * north + math.sin(angle) * east
        x, y, z = math.cos(radius) * centre + math.sin(radius) * away
        ring.append((math.degrees(math.atan2(y, x)), math.degrees(math.asin(z))))
    return (*ring, ring[0])


def points_of(ring: Ring) -> list[tuple[float, float]]:
    """Places on the arcs between the corners, and on the way to the middle."""
    corners = [unit(*corner) for corner in ring]
    middle = sum(corners[:-1])
    found = []
    for a, b in itertools.pairwise(corners):
        for part in np.linspace(0, 1, 12):
            edge = (1 - part) * a + part * b
            for depth in (0.0, 0.3, 0.7, 1.0):
                point = (1 - depth) * edge / np.linalg.norm(edge)
                point = point + depth * middle / np.linalg.norm(middle)
                x, y, z = point / np.linalg.norm(point)
                found.append((math.degrees(math.atan2(y, x)), math.degrees(math.asin(z))))
    return found


def is_inside(lon: float, lat: float, box: tuple[float, float, float, float]) -> bool:
    west, south, east, north = box
    across = west <= lon <= east if west <= east else (lon >= west or lon <= east)
    return across and south <= lat <= north


@settings(max_examples=400, deadline=None)
@given(
    lon=st.floats(-180, 180),
    lat=st.floats(-89.5, 89.5),
    radius=st.floats(0.01, 12.0),
    corners=st.integers(3, 9),
    turn=st.floats(0, 6),
    west=st.floats(-180, 179),
    width=st.floats(0.05, 60),
    south=st.floats(-90, 89),
    height=st.floats(0.05, 20),
    shift=st.booleans(),
)
def test_nothing_is_left_out(
    lon: float,
    lat: float,
    radius: float,
    corners: int,
    turn: float,
    west: float,
    width: float,
    south: float,
    height: float,
    shift: bool,
) -> None:
    """Also over the antimeridian, around the poles, and where one lies in the other."""
    if shift:  # near each other, which chance would seldom give
        west, south = max(-180.0, min(179.0, lon)), max(-90.0, min(89.0, lat))
    east = west + width if west + width <= 180 else west + width - 360
    box = (west, south, east, min(90.0, south + height))
    ring = around(lon, lat, math.radians(radius), corners, turn)
    hit = any(is_inside(*point, box) for point in points_of(ring))
    assume(hit)
    region = Region.bbox(*box, sure=True)
    found = box_of([ring])
    assert found is not None
    sides = [np.array([side]) for side in found]
    assert region.may_touch(*sides)[0]
    cap = cap_of(region)
    assert cap is None or is_near([ring], cap)


def test_far_ones_are_left_out() -> None:
    """Three in four of random outlines are far, and most of these are seen to be."""
    rng = np.random.default_rng(0)
    region = Region.bbox(-50.0, 69.0, -49.0, 69.5)
    cap = cap_of(region)
    assert cap is not None
    near = far = 0
    for _ in range(500):
        lon, lat = rng.uniform(-70, -30), rng.uniform(60, 80)
        ring = around(lon, lat, math.radians(1.0), 8, 0.0)
        distance = math.degrees(math.acos(unit(lon, lat) @ unit(-49.5, 69.25)))
        if distance > 2.0:
            far += 1
            near += is_near([ring], cap)
    assert far > 300
    assert near == 0


@pytest.mark.parametrize(
    "said, box",
    [
        ((-10, 60, 5, 70), (-10.05, 59.95, 5.05, 70.05)),
        ((170, 60, -170, 70), (-180, 59.95, 180, 70.05)),
        ((-55, 49, 119, 88), (-180, 48.95, 180, 88.05)),
        ((0, 0, 0, 0), None),
        ((-10, 70, 5, 60), None),
        ((-10, float("nan"), 5, 60), None),
        ((-10, "south", 5, 60), None),
        ((-200, 10, 5, 60), None),
    ],
)
def test_attributes(said: tuple[Any, ...], box: tuple[float, ...] | None) -> None:
    names = ("lon_min", "lat_min", "lon_max", "lat_max")
    attributes = {f"geospatial_{name}": value for name, value in zip(names, said, strict=True)}
    found = box_in_attributes(attributes)
    assert (found is None) is (box is None)
    assert found is None or found == pytest.approx(box)
    assert box_in_attributes({}) is None
