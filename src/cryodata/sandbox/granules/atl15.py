"""ATL15, gridded height change: a round ice cap that sinks in its middle.

Groups, names and units are those of the product's dictionary; no granule was at hand.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["QUARTER", "atl15"]

FloatArray = NDArray[np.floating[Any]]

QUARTER = 365.25 / 4
"""Days from one layer to the next."""
LAYERS = 13
FIRST, REFERENCE = 365.0, 730.0
"""Day of the first layer, and of the one that heights are compared with, since 2018-01-01."""
SEASON = 0.5
"""Height of the ice in winter above its mean, m."""
FILL = np.float32(np.finfo(np.float32).max)
_PROJECTION = {
    "standard_name": np.bytes_("Polar_Stereographic"),
    "grid_mapping_name": np.bytes_("polar_stereographic"),
    "straight_vertical_longitude_from_pole": -45.0,
    "latitude_of_projection_origin": 90.0,
    "standard_parallel": 70.0,
    "scale_factor_at_projection_origin": 1.0,
    "false_easting": 0.0,
    "false_northing": 0.0,
    "semi_major_axis": 6378.137,  # in km, as its writer has them
    "semi_minor_axis": 6356.752,
    "inverse_flattening": 298.257223563,
    "spatial_epsg": np.bytes_("3413"),
}


def atl15(
    folder: str | os.PathLike[str],
    *,
    center: tuple[float, float],
    width: float = 120e3,
    resolution: int = 1,
    region: str = "AK",
    release: str = "004",
    change: float = -3.0,
) -> Path:
    """A granule of ATL15 with the groups ``delta_h``, ``dhdt_lag1`` and ``dhdt_lag4``.

    Parameters
    ----------
    folder : path
        Where granules are kept; one of the same name is replaced.
    center : (x, y)
        Middle of the ice cap in EPSG:3413, m.
    width : float
        Of the grid, m; the ice reaches over nine tenths of it.
    resolution : int
        Width of a cell, km.
    region, release : str
        In the name: ``AK`` is Alaska.
    change : float
        Of the height in the middle, m a year.

    Returns
    -------
    Path
        Of the file, which is named as NASA names granules.
    """
    path = Path(folder) / f"ATL15_{region}_0314_{resolution:02d}km_{release}_01.nc"
    cell = resolution * 1000.0
    half = cell * (np.arange(round(width / cell)) - (round(width / cell) - 1) / 2)
    x, y = center[0] + half, center[1] + half
    away = np.hypot(half[:, None], half[None, :]) / (0.45 * width)
    days = FIRST + QUARTER * np.arange(LAYERS)
    height = _heights(days, away, change)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with h5py.File(unfinished, "w", libver=("earliest", "v110"), track_order=True) as file:
            file.attrs.update(
                Conventions=np.bytes_("CF-1.6"), short_name=np.bytes_("ATL15"), synthetic=np.int8(1)
            )
            _group(file, "delta_h", "delta_h", height, (days, y, x), away)
            for lag in (1, 4):
                years = lag * QUARTER / 365.25
                rate = (height[lag:] - height[:-lag]) / years
                middle = (days[lag:] + days[:-lag]) / 2
                _group(file, f"dhdt_lag{lag}", "dhdt", rate, (middle, y, x), away)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _heights(days: FloatArray, away: FloatArray, change: float) -> FloatArray:
    """Height since the reference day, m, (time, y, x): a trend, and more of it in summer."""
    years = (days - REFERENCE) / 365.25
    season = SEASON * (np.cos(2 * np.pi * years) - 1.0)  # the reference is in winter
    shape = np.cos(np.pi / 2 * np.clip(away, 0.0, 1.0)) ** 2
    height: FloatArray = (change * years + season)[:, None, None] * shape
    return height


def _group(
    file: h5py.File,
    name: str,
    variable: str,
    values: FloatArray,
    axes: tuple[FloatArray, FloatArray, FloatArray],
    away: FloatArray,
) -> None:
    """One group: axes, projection, the variable, its error, and the area of ice."""
    group = file.create_group(name, track_order=True)
    days, y, x = axes
    units = {"time": "days since 2018-01-01", "y": "meters", "x": "meters"}
    for axis, places in zip(("time", "y", "x"), (days, y, x), strict=True):
        made = group.create_dataset(axis, data=places)
        made.make_scale(axis)
        made.attrs["units"] = np.bytes_(units[axis])
    group.create_dataset("Polar_Stereographic", data=np.int8(0)).attrs.update(_PROJECTION)
    ice = away <= 1.0
    area = np.broadcast_to(np.where(ice, (x[1] - x[0]) ** 2, 0.0), values.shape)
    sigma = np.broadcast_to(0.05 + 0.1 * away, values.shape)
    unit = "meters" if variable == "delta_h" else "meters years^-1"
    columns = {
        variable: (values, unit),
        f"{variable}_sigma": (sigma, unit),
        "ice_area": (area, "meters^2"),
    }
    for column, (numbers, said) in columns.items():
        made = group.create_dataset(
            column,
            data=np.where(ice | (column == "ice_area"), numbers, FILL).astype("f4"),
            chunks=(1, *values.shape[1:]),
            compression="gzip",
            shuffle=True,
            fillvalue=FILL,
        )
        for number, axis in enumerate(("time", "y", "x")):
            made.dims[number].attach_scale(group[axis])
        made.attrs.update(
            _FillValue=FILL, units=np.bytes_(said), grid_mapping=np.bytes_("Polar_Stereographic")
        )
