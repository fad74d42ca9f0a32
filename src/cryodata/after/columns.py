"""The columns of a table with one row per row of a Dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cryodata.after.rows import LABELS, TrackRows
from cryodata.errors import SelectionError, UnknownVariableError, close_names
from cryodata.products.registry import text
from cryodata.tracks.request import Words, as_words
from cryodata.types import AnyArray

__all__ = ["RESERVED", "TableColumn", "choose_columns"]

RESERVED = ("geometry", "bbox", *LABELS)
"""Names of columns that are not variables on the rows."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column.

    Attributes
    ----------
    name : str
        In the table.
    variable : str
        In the Dataset.
    index : tuple of int
        Place along the axes after the rows; empty for a variable of one axis.
    """

    name: str
    variable: str
    index: tuple[int, ...] = ()

    def values(self, dataset: xr.Dataset, dimension: str) -> AnyArray:
        """Of the rows of `dataset`, (row,)."""
        variable = dataset.variables[self.variable].transpose(dimension, ...)
        values: AnyArray = np.asarray(variable.values)
        for place in reversed(self.index):
            values = values[..., place]
        return values


def choose_columns(rows: TrackRows, variables: Words | None) -> list[TableColumn]:
    """Time and place of the rows, other coordinates of theirs, then the variables.

    Parameters
    ----------
    rows : TrackRows
    variables : str, list of str or None
        None for all that lie on the rows.

    Raises
    ------
    UnknownVariableError
        There is none of that name.
    SelectionError
        One does not lie on the rows, or two columns would have one name.
    """
    dataset = rows.dataset
    on_rows = [str(n) for n, v in dataset.variables.items() if rows.dimension in v.dims]
    coordinates = [name for name in on_rows if name in dataset.coords]
    if variables is None:
        wanted = [name for name in on_rows if name not in dataset.coords]
    else:
        wanted = [name for name in as_words(variables) if name not in coordinates]
    for name in wanted:
        if name not in dataset.variables:
            raise UnknownVariableError(
                f"The Dataset has no variable {name!r}",
                fix=close_names(name, map(str, dataset.data_vars)),
            )
        if name not in on_rows and rows.total:
            raise SelectionError(
                f"{name} does not lie along {rows.dimension}", fix="Leave it out of variables=."
            )
    first = [name for name in ("time", "latitude", "longitude") if name in coordinates]
    others = [name for name in coordinates if name not in first]
    names = [name for name in (*first, *others, *wanted) if name in on_rows]
    columns = [column for name in names for column in _columns_of(rows, name)]
    _check_names([column.name for column in columns])
    return columns


def _check_names(names: Sequence[str]) -> None:
    taken = set(RESERVED)
    for name in names:
        if name in taken:
            raise SelectionError(
                f"Two columns would be called {name}", fix="Rename one first: ds.rename(...)."
            )
        taken.add(name)


def _columns_of(rows: TrackRows, name: str) -> list[TableColumn]:
    """One column, or one per place along the axes after the rows."""
    variable = rows.dataset.variables[name]
    dims = [dim for dim in variable.dims if dim != rows.dimension]
    if not dims:
        return [TableColumn(name, name)]
    shape = tuple(rows.dataset.sizes[dim] for dim in dims)
    if len(shape) == 1 and (words := _words_of(rows, name, shape[0])):
        return [TableColumn(word, name, (i,)) for i, word in enumerate(words)]
    labels = [
        [str(label) for label in rows.dataset[dim].values]
        if rows.dataset.variables.get(dim) is not None and rows.dataset[dim].dims == (dim,)
        else [str(i) for i in range(size)]
        for dim, size in zip(dims, shape, strict=True)
    ]
    return [
        TableColumn("_".join([name, *(labels[axis][i] for axis, i in enumerate(at))]), name, at)
        for at in np.ndindex(shape)
    ]


def _words_of(rows: TrackRows, name: str, count: int) -> tuple[str, ...]:
    """Names of a flag's columns by the product's table; none where it does not say."""
    path = text(rows.dataset[name].attrs.get("hdf5_path"))
    product = rows.product
    flags = product.flags if product is not None else ()
    found = next((flag.columns for flag in flags if flag.variable == path), ())
    return found if len(found) == count else ()
