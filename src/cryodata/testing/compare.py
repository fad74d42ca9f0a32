"""A Dataset beside rows of h5py, and values that part rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from cryodata.products import Product
from cryodata.testing.rows import Rows, decoded, epoch_of, units_of
from cryodata.types import AnyArray

__all__ = ["between", "check_coordinate", "same_rows", "same_values"]

CLOCK = np.timedelta64(1, "us")
"""Times may differ by less: seconds since years ago are rounded."""


def same_rows(dataset: xr.Dataset, rows: Rows, product: Product, *, every: bool = False) -> None:
    """Assert that a Dataset has these rows, in this order, with these values and tracks.

    Parameters
    ----------
    dataset : xarray.Dataset
        As `cryodata.open` gives it.
    rows : Rows
    product : Product
        With the names of the granules' release.
    every : bool
        It must have every variable that `rows` has.
    """
    rate = product.rate
    beams = np.repeat(dataset["beam"].values, dataset["rowSize"].values)
    assert len(beams) == len(rows), f"{len(beams)} rows instead of {len(rows)}"
    assert beams.tolist() == rows.beams.tolist(), "rows are not under their tracks"
    seen = {}
    for name, variable in dataset.variables.items():
        path = str(variable.attrs.get("hdf5_path", ""))
        if path in rows.values:
            seen[path] = name
            assert variable.dims[0] == rate.dimension, f"{name} is along {variable.dims}"
            if name != "time":
                same_values(str(name), variable, rows.values[path])
    if every:
        assert set(seen) == set(rows.values), (
            f"opened without {sorted(set(rows.values) - set(seen))}"
        )
    for name in rate.coordinates:
        assert name in dataset.coords or not len(rows), f"rows have no {name}"
    if rows.time is not None and len(rows):
        _same_times(dataset["time"].values, rows.time)


def same_values(name: str, variable: xr.Variable, expected: AnyArray) -> None:
    """Assert equality, NaN beside NaN.

    Packed numbers may differ by 1 part in a million: xarray unpacks short ones to float32.
    """
    found = variable.values
    slack = 1e-6 if {"scale_factor", "add_offset"} & set(variable.encoding) else 0.0
    assert found.shape == expected.shape, f"{name}: {found.shape} instead of {expected.shape}"
    if found.dtype.kind in "mM" or expected.dtype.kind in "SOU" or found.dtype.kind in "SOU":
        texts = [[_text(one) for one in values.flat] for values in (found, expected)]
        assert texts[0] == texts[1], f"{name}: other values"
        return
    close = np.isclose(
        found.astype("f8"), expected.astype("f8"), rtol=slack, atol=0, equal_nan=True
    )
    assert close.all(), (
        f"{name}: {np.count_nonzero(~close)} of {close.size} values differ, "
        f"the first is {found[~close][0]} instead of {expected[~close][0]}"
    )


def check_coordinate(name: str, dataset: Any, epoch: np.datetime64 | None) -> None:
    """Assert that a variable of a file can be the time, latitude or longitude of rows.

    Parameters
    ----------
    name : {"time", "latitude", "longitude"}
    dataset : h5py.Dataset
    epoch : numpy.datetime64 or None
        At which times are zero.
    """
    if name == "time":
        said = epoch_of(dataset)
        assert said in {None, epoch}, f"{dataset.name} counts from {said}, the table from {epoch}"
        return
    most, other = (90, "degrees_east") if name == "latitude" else (360, "degrees_north")
    units = units_of(dataset)
    assert other not in units, f"{dataset.name} is in {units}, so it is no {name}"
    values = decoded(dataset)
    farthest = np.max(np.abs(values[np.isfinite(values)]), initial=0)
    assert farthest <= most, f"{dataset.name} holds {farthest} degrees, so it is no {name}"


def _text(one: Any) -> str:
    return one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)


def _same_times(found: AnyArray, expected: AnyArray) -> None:
    assert (np.isnat(found) == np.isnat(expected)).all(), "time: other rows have none"
    apart = np.abs(found - expected)[~np.isnat(expected)]
    assert (apart < CLOCK).all(), f"time: up to {apart.max()} off"


def between(values: AnyArray, share: float, gap: Any = None) -> Any:
    """A value between two neighbours, near the given share of all; None where all are equal.

    Parameters
    ----------
    values : (n,) array
    share : float
        0 to 1.
    gap : optional
        Neighbours are more than this apart.
    """
    known = np.unique(values[values == values])  # noqa: PLR0124 - NaN and NaT are not
    known = known.astype("f8") if known.dtype.kind in "iuf" else known
    apart = np.diff(known)
    wide = np.flatnonzero(apart > (apart.dtype.type(0) if gap is None else gap))
    if not len(wide):
        return None
    at = wide[np.argmin(np.abs(wide - share * len(known)))]
    return known[at] + apart[at] / 2
