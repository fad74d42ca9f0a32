"""The coastline that maps are drawn with."""

from __future__ import annotations

import numpy as np
import pytest

from cryodata.region.coastline import coastline

RADIUS = 6371.0


def distance(longitude: float, latitude: float) -> float:
    """From a place to the nearest point of a coast, km."""
    points = np.radians(coastline().points)
    lon, lat = np.radians([longitude, latitude])
    half = np.sin((points[:, 1] - lat) / 2) ** 2
    half += np.cos(points[:, 1]) * np.cos(lat) * np.sin((points[:, 0] - lon) / 2) ** 2
    return float(2 * RADIUS * np.arcsin(np.sqrt(half.min())))


@pytest.mark.parametrize(
    "place, longitude, latitude",
    [
        ("Cape Farewell", -43.91, 59.77),
        ("Nuuk", -51.74, 64.17),
        ("North Cape", 25.78, 71.17),
        ("Cape of Good Hope", 18.48, -34.36),
        ("Cape Adare", 170.23, -71.28),
        ("Ushuaia", -68.30, -54.81),
        ("Big Diomede's neighbour, Cape Dezhnev", -169.65, 66.08),
    ],
)
def test_places_at_the_sea(place: str, longitude: float, latitude: float) -> None:
    """As an atlas has them, to the width of a line on a map of a continent."""
    assert distance(longitude, latitude) < 20.0


@pytest.mark.parametrize(
    "place, longitude, latitude, least",
    [
        ("Summit Station", -38.46, 72.58, 250.0),
        ("South Pole", 0.0, -90.0, 300.0),
        ("Point Nemo", -123.39, -48.88, 2500.0),
    ],
)
def test_places_far_from_it(place: str, longitude: float, latitude: float, least: float) -> None:
    assert distance(longitude, latitude) > least


def test_lines_are_lines() -> None:
    """On the globe, none empty, and none where polygons were cut: antimeridian and pole."""
    points, ends = coastline()
    assert np.abs(points[:, 0]).max() <= 180.0
    assert np.abs(points[:, 1]).max() < 89.0
    assert (np.diff(ends, prepend=0) > 1).all()
    assert ends[-1] == len(points)
    steps = np.diff(points, axis=0)
    steps = np.delete(steps, ends[:-1] - 1, axis=0)
    assert np.abs(steps[:, 1]).max() < 2.0, "no coast is as straight as that"
    at_edge = np.abs(points[:, 0]) == 180.0
    assert not (at_edge[1:] & at_edge[:-1] & (np.abs(np.diff(points[:, 1])) > 0.5)).any()


def test_nobody_draws_into_it() -> None:
    with pytest.raises(ValueError, match="read-only"):
        coastline().points[0] = 0.0
