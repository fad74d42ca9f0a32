"""From what was found to a Dataset: whole or cut, lazy or in chunks of dask."""

from __future__ import annotations

import math

import xarray as xr

from cryodata.caution import warn_user
from cryodata.chunks import chunk_rows
from cryodata.cutting.cut import cut_rows, given_classes, mask_rows, resolve_words
from cryodata.errors import SelectionError, UnknownVariableError, close_names
from cryodata.find import Found
from cryodata.granule import GranuleFile
from cryodata.gridded.grid import open_grid
from cryodata.groups import open_group
from cryodata.products import Product
from cryodata.query import Query
from cryodata.tracks.columns import Columns
from cryodata.tracks.ragged import ragged_dataset
from cryodata.tracks.request import as_words

__all__ = ["build_dataset"]


def build_dataset(found: Found, query: Query) -> xr.Dataset:
    """The Dataset of a query; raises and warns as `cryodata.open` says.

    Closing it gives the connections of the granules back.
    """
    if found.grid is not None:
        dataset = _open_grid(found, found.grid, query)
    elif query.group is not None:
        raise SelectionError(
            "group= chooses among the grids of a gridded product, and this is none",
            url=found.origin.files[0].url,
            fix=f"cryodata.open_tree(...)[{query.group!r}] opens a group of any file.",
        )
    elif found.columns is not None:
        dataset = _open_product(found.columns, found, query)
    else:
        dataset = _open_generic(found.origin.files[0], query)
    dataset.set_close(found.origin.close)
    return dataset


def _open_product(columns: Columns, found: Found, query: Query) -> xr.Dataset:
    """Tracks and columns of a product as one Dataset: cut, and in chunks for dask if so asked."""
    origin, classes, lazy = found.origin, found.classes, query.chunks is None
    selection = resolve_words(columns, query.selection, classes)
    if not selection:
        known = given_classes(columns, classes)
        dataset = ragged_dataset(columns, origin, cache=lazy, known=known)
    elif query.exact:
        columns, dataset = cut_rows(columns, selection, origin, cache=lazy, classes=classes)
    else:
        columns, dataset = mask_rows(columns, selection, origin, cache=lazy)
    if query.chunks is None:
        return dataset
    return chunk_rows(
        dataset,
        columns.product.rows,
        query.chunks,
        rows=dataset["rowSize"].values.tolist(),
        piece=math.lcm(*(column.piece for column in columns.all if not column.nested)),
        token=(
            [file.source for file in origin.files],
            [(track.file.url, track.beam, track.runs.tolist()) for track in columns.tracks],
            [(column.name, column.path, column.surface) for column in columns.all],
            (selection.region, repr(selection.time), str(selection.where)),
            {name: axis.values.tolist() for name, axis in columns.axes.items()},
        ),
    )


def _open_grid(found: Found, product: Product, query: Query) -> xr.Dataset:
    """The grid of a gridded product, its layers joined, cut to a window and a span of time."""
    if query.selection.where is not None or not query.exact:
        raise SelectionError(
            f"{product.short_name} is a grid: cells are not left out by where=",
            fix="ds.where(...) masks them after opening; region= and time= cut before.",
        )
    if query.request.beams != "all":
        raise SelectionError(
            f"{product.short_name} is a grid, and has no beams", fix="Leave beams out."
        )
    return open_grid(
        found.origin.files,
        product,
        region=query.selection.region,
        time=query.selection.time,
        variables=query.request.variables,
        group=query.group,
        chunks=query.chunks,
        skip=query.request.on_missing == "skip",
        given=query.request.product is not None,
    )


def _open_generic(file: GranuleFile, query: Query) -> xr.Dataset:
    """The root group, as ``xarray.open_dataset(..., engine="cryodata")`` gives it."""
    if query.selection:
        raise SelectionError(
            "This is no granule of a known product: which rows are where is not known",
            url=file.url,
            fix="Leave region, time and where out, and choose rows: ds.isel(...) reads what it"
            " keeps.",
        )
    if query.request.beams != "all":
        raise SelectionError(
            "This is no granule of a known product, so it has no beams",
            url=file.url,
            fix="Leave beams out; cryodata.open_tree shows what there is.",
        )
    dataset = open_group(file, "/", chunks=query.chunks)
    if not dataset.variables:
        warn_user(
            f"The root group of {file.url} has no variables; cryodata.open_tree shows the others"
        )
    names = as_words(query.request.variables)
    if set(names) & {"default", "all"}:
        return dataset
    if unknown := [name for name in names if name not in dataset.variables]:
        raise UnknownVariableError(
            f"The root group has no variable {unknown[0]!r}",
            url=file.url,
            fix=close_names(unknown[0], map(str, dataset.variables)),
        )
    return dataset[list(names)]
