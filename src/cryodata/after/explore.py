"""Rows on a map that moves, drawn by the graphics card: hundreds of thousands of points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from cryodata.after.geodataframe import frame_of_points
from cryodata.after.quicklook import height_of
from cryodata.after.rows import track_rows
from cryodata.errors import MissingDependencyError
from cryodata.types import AnyArray

if TYPE_CHECKING:
    from lonboard import Map

__all__ = ["GREY", "colours", "explore_points"]

GREY = (160, 160, 160, 255)
"""Of rows without a number."""
OUTLIERS = (2.0, 98.0)
"""Percentiles between which the colours run."""


def explore_points(dataset: xr.Dataset, variable: str | None) -> Map:
    """See `CryoAccessor.explore`."""
    try:
        import lonboard
    except ImportError as error:
        raise MissingDependencyError(
            "A map of points needs lonboard",
            fix='Install it: pip install "cryodata-earth[explore]"',
        ) from error
    name = height_of(track_rows(dataset), variable)
    frame = frame_of_points(dataset, [name])
    shown = frame[frame.geometry.notna()]
    layer = lonboard.ScatterplotLayer.from_geopandas(
        shown[[name, "beam", "granule", "geometry"]],
        get_fill_color=colours(shown[name].to_numpy(np.float64)),
        radius_min_pixels=1.5,
    )
    return lonboard.Map(layer)


def colours(values: AnyArray) -> AnyArray:
    """Red, green, blue and opacity of each value, (n, 4) uint8, of viridis; grey where NaN."""
    from matplotlib import colormaps

    found: AnyArray = np.full((len(values), 4), GREY, np.uint8)
    known = np.isfinite(values)
    if known.any():
        low, high = np.percentile(values[known], OUTLIERS)
        share = (values[known] - low) / max(high - low, 1e-9)
        found[known] = colormaps["viridis"](np.clip(share, 0, 1), bytes=True)
    return found
