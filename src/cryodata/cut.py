"""Rows of a ragged Dataset by place and time: exactly those inside, and no others."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from cryodata.errors import SelectionError
from cryodata.region import Region
from cryodata.timespan import TimeSpan
from cryodata.together import load_together

__all__ = ["cut_rows"]


def cut_rows(
    dataset: xr.Dataset, dimension: str, region: Region | None, time: TimeSpan | None
) -> xr.Dataset:
    """The rows inside a region and a span of time; tracks without any are left out.

    Time and place of all rows are read for it, together; what else the Dataset holds
    stays lazy.

    Parameters
    ----------
    dataset : xarray.Dataset
        As `ragged.ragged_dataset` makes it.
    dimension : str
        Of the rows.
    region, time : optional
        None keeps all.

    Raises
    ------
    SelectionError
        The rows have no time or place to be cut by.

    Warns
    -----
    UserWarning
        Nothing is inside.
    """
    needed = [*(["longitude", "latitude"] if region else []), *(["time"] if time else [])]
    if not needed:
        return dataset
    if dimension not in dataset.dims:  # none of the tracks has a row
        _warn_of_nothing()
        return dataset.isel(track=slice(0))
    if missing := [name for name in needed if name not in dataset.coords]:
        raise SelectionError(
            f"the rows have no {' and '.join(missing)}", fix="Open it without region= and time=."
        )
    others = set(dataset.variables) - set(needed)
    places = load_together(dataset.drop_vars(others))
    inside = np.ones(dataset.sizes[dimension], bool)
    if time is not None:
        inside &= time.contains(places["time"].values)
    if region is not None:
        inside &= region.contains(places["longitude"].values, places["latitude"].values)
    counts = dataset["rowSize"].values
    track = np.repeat(np.arange(len(counts)), counts)
    kept = np.bincount(track[inside], minlength=len(counts))
    if not kept.any():
        _warn_of_nothing()
    row_size = dataset["rowSize"].copy(data=kept)
    known = dataset.assign_coords({name: places[name] for name in needed})
    cut = known.assign_coords(rowSize=row_size).isel({dimension: _rows(inside)})
    cut = cut.isel(track=np.flatnonzero(kept))
    cut.encoding = dataset.encoding
    return cut


def _warn_of_nothing() -> None:
    warnings.warn(
        "Nothing is inside the region and time asked for; the Dataset has no rows",
        stacklevel=6,  # where cryodata.open was called
    )


def _rows(
    inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> slice | np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Rows as a slice where they are one run, which is cheaper to carry around."""
    rows = np.flatnonzero(inside)
    if len(rows) and len(rows) == rows[-1] - rows[0] + 1:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
