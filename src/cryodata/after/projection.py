"""Place of the rows in a projection, as CF says it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from cryodata.after.rows import PLACE, TrackRows, track_rows
from cryodata.arrays.together import load_together
from cryodata.errors import ConfigurationError, MissingDependencyError, SelectionError
from cryodata.types import AnyArray

if TYPE_CHECKING:
    from pyproj import CRS, Transformer

__all__ = ["MAPPING", "project_rows"]

MAPPING = "spatial_ref"
"""Name of the variable that says which projection it is, as rioxarray calls it."""


def project_rows(dataset: xr.Dataset, crs: Any) -> xr.Dataset:
    """The Dataset with x and y; see `CryoAccessor.project`."""
    target = _projection(crs)
    rows = track_rows(dataset)
    rows.need(*PLACE)
    for name in ("x", "y", MAPPING):
        if name in dataset.variables and not _is_ours(dataset.variables[name]):
            raise SelectionError(
                f"The Dataset has a variable {name} already", fix="Rename it first: ds.rename(...)."
            )
    x, y = _projected(rows, target.to_wkt())
    axes = {axis.direction: axis for axis in target.axis_info}
    for name, variable, direction in (("x", x, "east"), ("y", y, "north")):
        # polar projections call both axes "north" or "south"
        axis = axes.get(direction, target.axis_info[0])
        variable.attrs = {
            "standard_name": f"projection_{name}_coordinate",
            "long_name": f"{name} in {target.name}",
            "units": "m" if axis.unit_conversion_factor == 1 else axis.unit_name,
        }
    mapping = xr.Variable((), np.int32(0), target.to_cf())
    projected = dataset.assign_coords({"x": x, "y": y, MAPPING: mapping})
    for column in projected.data_vars.values():
        if rows.dimension in column.dims:
            column.attrs["grid_mapping"] = MAPPING
    projected.encoding = dataset.encoding
    return projected


def _projection(crs: Any) -> CRS:
    """The projection a user means."""
    try:
        from pyproj import CRS
        from pyproj.exceptions import CRSError
    except ImportError as error:
        raise MissingDependencyError(
            "Projecting needs pyproj", fix='Install it: pip install "cryodata-earth[geo]"'
        ) from error
    try:
        found = CRS.from_user_input(crs)
    except CRSError as error:
        raise ConfigurationError(
            f"{str(crs)[:80]!r} is no projection",
            fix='Give "EPSG:3413" (Greenland), "EPSG:3031" (Antarctica) or another pyproj.CRS.',
        ) from error
    if not found.is_projected:
        raise ConfigurationError(
            f"{found.name} is not a projection: it has no x and y",
            fix="Longitude and latitude are there already.",
        )
    return found


def _is_ours(variable: xr.Variable) -> bool:
    """Whether an earlier call made it."""
    name = str(variable.attrs.get("standard_name", ""))
    return name.startswith("projection_") or "crs_wkt" in variable.attrs


def _projected(rows: TrackRows, wkt: str) -> tuple[xr.Variable, xr.Variable]:
    """Plane coordinates of the rows; dask arrays where their place is."""
    if not rows.total:
        empty = xr.Variable(rows.dimension, np.empty(0))
        return empty, empty.copy()
    dataset = rows.only(PLACE)
    if all(dataset[name].chunks is None for name in PLACE):
        dataset = load_together(dataset)
    longitude, latitude = (dataset.variables[name] for name in PLACE)
    x, y = xr.apply_ufunc(
        _transform,
        longitude,
        latitude,
        kwargs={"wkt": wkt},
        output_core_dims=[[], []],
        dask="parallelized",
        output_dtypes=[np.dtype("f8")] * 2,
    )
    return x, y


def _transform(longitude: AnyArray, latitude: AnyArray, *, wkt: str) -> tuple[AnyArray, AnyArray]:
    x, y = _transformer(wkt).transform(longitude.astype("f8"), latitude.astype("f8"))
    placed = np.isfinite(longitude) & np.isfinite(latitude)
    lost = int(np.count_nonzero(placed & ~(np.isfinite(x) & np.isfinite(y))))
    if lost:
        raise SelectionError(
            f"{lost} rows lie where the projection has no place for them",
            fix="Choose one that covers the region, or cut with cryodata.open(..., region=).",
        )
    return np.where(placed, x, np.nan), np.where(placed, y, np.nan)


@cache
def _transformer(wkt: str) -> Transformer:
    from pyproj import Transformer

    return Transformer.from_crs("EPSG:4326", wkt, always_xy=True)
