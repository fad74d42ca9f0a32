"""Where the cells of an open grid lie, and a lazy array of which are inside a region."""

from __future__ import annotations

from typing import Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from cryodata.errors import FormatError, SelectionError
from cryodata.gridded.slabs import Slab
from cryodata.grids.cells import Cells
from cryodata.grids.projection import is_degrees, known_projection, wkt_of
from cryodata.netcdf import NetcdfVariable
from cryodata.region.region import Region
from cryodata.rowwise.rows import OuterKey
from cryodata.types import AnyArray

__all__ = ["InRegion", "cells_of"]

EARTH = 6371.0
"""Radius, km."""

SAMPLES = 5
"""Rows, and columns, at which degrees in the file are compared with its projection."""


def cells_of(slab: Slab) -> Cells:
    """Where the cells of a grid lie.

    Where a file holds degrees of each cell beside axes and projection, some are compared.

    Raises
    ------
    SelectionError
        The file does not say, and neither does the product's table.
    FormatError
        The file contradicts itself by more than a cell.
    MissingDependencyError
        Without pyproj.
    """
    wkt = _wkt(slab)
    if "x" in slab.values and wkt:
        x, y = (np.asarray(slab.values[axis], "f8") for axis in ("x", "y"))
        cells = Cells(x, y, wkt)
        if slab.places is not None and not is_degrees(wkt):
            _compare(slab, cells, *slab.places)
        return cells
    if slab.places is not None:
        return Cells(*_places(slab, *slab.places)[::-1])
    raise SelectionError(
        "Neither the file nor the product's table says where its cells lie",
        url=slab.file.url,
        path=slab.group,
        fix="Leave region out, and cut by rows and columns: ds.isel(...) reads what it keeps.",
    )


def _wkt(slab: Slab) -> str:
    """The projection, empty where it is not known.

    Where pyproj was missing when the grid was opened, nobody has understood it yet.
    """
    known = slab.projection
    if "crs_wkt" in known:
        return str(known["crs_wkt"])
    if "epsg_code" in known:
        return known_projection(str(known["epsg_code"]))
    return wkt_of(known)


def _places(
    slab: Slab, latitude: NetcdfVariable, longitude: NetcdfVariable
) -> tuple[AnyArray, AnyArray]:
    """Degrees north and east, (row, column); of the first layer that knows each."""
    read = slab.file.read([(latitude.layout.path, None), (longitude.layout.path, None)])
    flat = [np.asarray(values, "f8").reshape(-1, *values.shape[-2:]) for values in read]
    north, east = flat[0][0].copy(), flat[1][0].copy()
    for other_north, other_east in zip(*flat, strict=True):
        unknown = ~_known(north, east)
        north[unknown], east[unknown] = other_north[unknown], other_east[unknown]
    unknown = ~_known(north, east)
    north[unknown] = east[unknown] = np.nan
    return north, east


def _known(north: AnyArray, east: AnyArray) -> AnyArray:
    known: AnyArray = (np.abs(north) <= 90) & (np.abs(east) <= 360)
    return known


def _compare(slab: Slab, cells: Cells, latitude: NetcdfVariable, longitude: NetcdfVariable) -> None:
    """Raise `FormatError` where degrees in the file and its projection are a cell apart."""
    rows, columns = cells.shape
    if latitude.layout.shape[-2:] != (rows, columns) or min(rows, columns) < 2:
        return
    ahead = tuple(slice(0, 1) for _ in latitude.layout.shape[:-2])
    picked = [
        (int(row), int(column))
        for row in np.unique(np.linspace(0, rows - 1, SAMPLES).astype(int))
        for column in np.unique(np.linspace(0, columns - 1, SAMPLES).astype(int))
    ]
    wanted = [
        (variable.layout.path, (*ahead, slice(row, row + 1), slice(column, column + 1)))
        for variable in (latitude, longitude)
        for row, column in picked
    ]
    read = np.array([np.ravel(block)[0] for block in slab.file.read(wanted)], "f8")
    north, east = read[: len(picked)], read[len(picked) :]
    told_east, told_north = cells.degrees(*map(np.array, zip(*picked, strict=True)))
    known = _known(north, east) & np.isfinite(told_north)
    apart = _kilometres(north, east, told_north, told_east)[known]
    cell = float(np.hypot(np.abs(np.diff(cells.x)).max(), np.abs(np.diff(cells.y)).max())) / 1000
    if len(apart) and apart.max() > max(cell, 1.0):
        raise FormatError(
            f"Its projection puts cells {apart.max():,.0f} km from its latitude and longitude",
            url=slab.file.url,
            path=latitude.layout.path,
            fix="Leave region out, and cut by x and y: ds.sel(x=slice(...), y=slice(...)).",
        )


def _kilometres(north: AnyArray, east: AnyArray, north_2: AnyArray, east_2: AnyArray) -> AnyArray:
    """Along great circles (haversine)."""
    a, b = np.radians(north), np.radians(north_2)
    half = np.sin((b - a) / 2) ** 2
    half += np.cos(a) * np.cos(b) * np.sin(np.radians(east_2 - east) / 2) ** 2
    distance: AnyArray = 2 * EARTH * np.arcsin(np.sqrt(np.clip(half, 0, 1)))
    return distance


class InRegion(BackendArray):
    """Which cells of a grid have their centre in a region; computed when touched.

    Parameters
    ----------
    cells : Cells
    region : Region
    """

    __slots__ = ("cells", "dtype", "region", "shape")

    def __init__(self, cells: Cells, region: Region) -> None:
        self.cells = cells
        self.region = region
        self.shape = cells.shape
        self.dtype = np.dtype(bool)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> AnyArray:
        values: AnyArray = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._inside
        )
        return values

    def _inside(self, key: OuterKey) -> AnyArray:
        rows, columns = (k if isinstance(k, slice) else np.atleast_1d(k) for k in key)
        found = self.cells.inside(self.region, rows, columns)
        single = tuple(not isinstance(k, slice | np.ndarray) for k in key)
        return found[tuple(0 if one else slice(None) for one in single)]

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return ("cryodata.InRegion", self.cells.x, self.cells.y, self.cells.wkt, self.region)
