"""Records to publish without files, and an independent idea of what lies in a polygon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from cryodata.sandbox.earthdata.catalogue import Catalogue
from cryodata.sandbox.earthdata.corridor import Ring, corridor
from cryodata.sandbox.granules.track import Pass

FloatArray = NDArray[np.float64]
ORBIT = 40_030e3
"""Once around, m."""


def track(rgt: int, start: float, stop: float) -> tuple[FloatArray, FloatArray]:
    """Longitudes and latitudes of all three pairs of beams along part of an orbit.

    Parameters
    ----------
    rgt : int
        Reference ground track.
    start, stop : float
        From the ascending node, as parts of an orbit.
    """
    along = Pass(rgt=rgt, cycle=3, region=1, length=0.0, seed=0)
    x = np.linspace(start * ORBIT, stop * ORBIT, 400)
    pairs = [along.position(x, y) for y in (-3345.0, 0.0, 3345.0)]
    lat, lon = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return lon, lat


def umm_of(name: str, ring: Ring, day: str = "2019-06-01") -> dict[str, Any]:
    """A UMM-G record with a place, a day and a name."""
    points = [{"Longitude": lon, "Latitude": lat} for lon, lat in ring]
    return {
        "GranuleUR": name,
        "CollectionReference": {"EntryTitle": "any"},
        "TemporalExtent": {
            "RangeDateTime": {
                "BeginningDateTime": f"{day}T00:00:00.000Z",
                "EndingDateTime": f"{day}T00:05:00.000Z",
            }
        },
        "SpatialExtent": {
            "HorizontalSpatialDomain": {
                "Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}
            }
        },
        "RelatedUrls": [{"URL": f"https://data.example.org/{name}", "Type": "GET DATA"}],
    }


def fourteenths(rgts: Sequence[int]) -> dict[str, Ring]:
    """Footprints of all 14 parts of some orbits, by name: from pole to pole."""
    rings: dict[str, Ring] = {}
    for rgt in rgts:
        for part in range(14):
            name = f"ATL06_20190601000000_{rgt:04d}03{part + 1:02d}_006_01.h5"
            rings[name] = corridor(*track(rgt, part / 14, (part + 1) / 14))
    return rings


def whole_orbits(rgts: Sequence[int]) -> tuple[Catalogue, dict[str, Ring]]:
    """A catalogue of `fourteenths`, with the footprints."""
    catalogue, rings = Catalogue(), fourteenths(rgts)
    for name, ring in rings.items():
        catalogue.add_record(umm_of(name, ring), product="ATL06", version="006")
    return catalogue, rings


def inside(ring: Ring, lon: FloatArray, lat: FloatArray) -> NDArray[np.bool_]:
    """Which points lie in a polygon of great circles: PROJ's gnomonic projection."""
    middle = np.mean(
        [
            (np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y))
            for x, y in np.deg2rad(np.asarray(ring))
        ],
        axis=0,
    )
    place = {
        "lat_0": np.rad2deg(np.arcsin(middle[2] / np.linalg.norm(middle))),
        "lon_0": np.rad2deg(np.arctan2(middle[1], middle[0])),
    }
    plane = pyproj.Proj(proj="gnom", R=1.0, **place)
    polygon = shapely.Polygon(np.column_stack(plane(*np.asarray(ring).T)))
    assert polygon.is_valid
    x, y = plane(np.asarray(lon, float), np.asarray(lat, float))
    seen = np.isfinite(x) & np.isfinite(y)
    found = np.zeros(len(x), bool)
    found[seen] = shapely.intersects_xy(polygon, x[seen], y[seen])
    return found
