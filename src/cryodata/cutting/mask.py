"""Which rows are wanted, found out when somebody looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from cryodata.arrays.lazy import NotedError, only_noting
from cryodata.arrays.together import load_together, reads_of
from cryodata.rowwise.rows import OuterKey
from cryodata.selection import Selection

__all__ = ["SELECTED", "selected_rows"]

SELECTED = "selected"
"""Name of the mask in a Dataset."""


def selected_rows(deciding: xr.Dataset, dimension: str, selection: Selection) -> xr.Variable:
    """A mask over rows that reads what decides when it is touched.

    Parameters
    ----------
    deciding : xarray.Dataset
        Lazy, with each of the selection's names as a variable along the rows.
    dimension : str
        Of the rows.
    selection : Selection
        With its words resolved.

    Returns
    -------
    xarray.Variable
        (row,) bool; True = the row fulfils all conditions.
    """
    array = _MaskArray(deciding, dimension, selection)
    attributes = {"long_name": "the row fulfils region, time and where", "comment": "True = keep"}
    return xr.Variable(dimension, indexing.LazilyIndexedArray(array), attributes)


class _MaskArray(BackendArray):
    """A selection, asked of the rows that are indexed."""

    __slots__ = ("deciding", "dimension", "dtype", "selection", "shape")

    def __init__(self, deciding: xr.Dataset, dimension: str, selection: Selection) -> None:
        self.deciding = deciding
        self.dimension = dimension
        self.selection = selection
        self.shape = (deciding.sizes[dimension],)
        self.dtype = np.dtype(bool)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        arrays = [self.deciding.variables[name]._data for name in self.selection.names]
        selection = self.selection
        return (
            "cryodata.selected",
            tuple(arrays),
            (selection.region, repr(selection.time), str(selection.where)),
        )

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[np.bool_]:
        values: NDArray[np.bool_] = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return values

    def _read(self, key: OuterKey) -> Any:
        rows = key[0]
        one = not isinstance(rows, slice | np.ndarray)
        if not isinstance(rows, slice | np.ndarray):
            rows = slice(int(rows), int(rows) + 1)
        part = self.deciding.isel({self.dimension: rows})
        notes = only_noting()
        if notes is not None:
            notes += reads_of(part)
            raise NotedError
        loaded = load_together(part)
        kept = self.selection.holds({name: loaded[name].values for name in self.selection.names})
        return kept[0] if one else kept
