"""Rows as a GeoDataFrame of points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from cryodata.after.columns import choose_columns
from cryodata.after.rows import LABELS, PLACE, TrackRows, track_rows, westward
from cryodata.arrays.together import load_together
from cryodata.errors import MissingDependencyError
from cryodata.tracks.request import Words
from cryodata.types import AnyArray

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["frame_of_points"]


def frame_of_points(dataset: xr.Dataset, variables: Words | None) -> GeoDataFrame:
    """One point per row; see `CryoAccessor.to_geodataframe`."""
    try:
        import geopandas
        import shapely
    except ImportError as error:
        raise MissingDependencyError(
            "A table of points needs geopandas",
            fix='Install it: pip install "cryodata-earth[geo]"',
        ) from error
    rows = track_rows(dataset)
    rows.need(*PLACE)
    columns = choose_columns(rows, variables)
    loaded = load_together(rows.only({column.variable for column in columns}))
    rows.check_order(loaded, [(i, rows.of_track(i)) for i in range(len(rows.counts))])
    table: dict[str, Any] = {c.name: c.values(loaded, rows.dimension) for c in columns}
    table |= {name: _label(rows, name) for name in LABELS}
    shapes: AnyArray = np.empty(rows.total, object)  # of None: no geometry
    if rows.total:
        longitude, latitude = westward(table["longitude"]), table["latitude"]
        placed = np.isfinite(longitude) & np.isfinite(latitude)
        shapes[placed] = shapely.points(longitude[placed], latitude[placed])
    return geopandas.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326")


def _label(rows: TrackRows, name: str) -> Any:
    """What is said of the track of each row; names as categories, numbers as they are."""
    values = rows.label(name)
    if values.dtype.kind not in "UO":
        return rows.repeated(values)
    words, codes = np.unique(values.astype(str), return_inverse=True)
    return pd.Categorical.from_codes(rows.repeated(codes), pd.Index(words))
