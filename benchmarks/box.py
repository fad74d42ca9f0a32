"""The box of a job that cuts, and which rows are in it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.place import Box
from benchmarks.workload import Workload

__all__ = ["inside", "middle_box", "span"]

DEGREE = 111.2
"""Length of a degree of latitude, km."""
SHARE = 1 / 3
"""A box reaches over no more than this share of the granule, so that there is something to cut."""


def middle_box(path: Path, workload: Workload) -> Box:
    """The box of a job, around the middle of a granule.

    Its edges are as long as the job says, but no longer than a third of the granule's
    extent in latitude: small granules, for practice and for tests, are cut as well.

    Parameters
    ----------
    path : Path
        A local file; the middle row of its middle beam is the middle of the box.
    workload : Workload
        Which beams, and how large a box.

    Returns
    -------
    west, south, east, north : float
        Degrees.
    """
    group = workload.groups()[len(workload.beams) // 2]
    with h5py.File(path) as file:
        longitude, latitude = file[group][workload.longitude], file[group][workload.latitude]
        lon, lat = float(longitude[len(longitude) // 2]), float(latitude[len(latitude) // 2])
        reach = abs(float(latitude[-1]) - float(latitude[0]))
    high = min(workload.box / DEGREE, reach * SHARE) / 2
    wide = high / math.cos(math.radians(lat))
    return lon - wide, lat - high, lon + wide, lat + high


def inside(longitude: Any, latitude: Any, box: Box) -> NDArray[np.bool_]:
    """Which rows are in the box or on its edge; it does not cross the antimeridian."""
    west, south, east, north = box
    x, y = np.asarray(longitude), np.asarray(latitude)
    return np.asarray((west <= x) & (x <= east) & (south <= y) & (y <= north), bool)


def span(chosen: NDArray[np.bool_]) -> slice:
    """The narrowest run of rows that has all chosen ones; empty where there are none."""
    rows = np.flatnonzero(chosen)
    return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)
