"""Whether what a reader returned is what h5py reads from the local file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["expected_values", "verdict"]


def expected_values(path: Path, wanted: Iterable[str], to: Path) -> None:
    """Read `wanted` from a local file with h5py into an ``.npz`` file.

    Each array is kept under its path, its fill value under ``fill:`` and its path where
    there is one.
    """
    kept: dict[str, Any] = {}
    with h5py.File(path) as file:
        for name in wanted:
            dataset = file[name]
            kept[name] = dataset[()]
            if "_FillValue" in dataset.attrs:
                kept[f"fill:{name}"] = np.asarray(dataset.attrs["_FillValue"]).reshape(())
    np.savez(to, allow_pickle=False, **kept)


def verdict(got: Mapping[str, Any], expected: Path) -> str:
    """``equal``, or ``WRONG`` with the first difference.

    Readers may leave fill values as stored or turn them into NaN, as xarray does.
    """
    with np.load(expected) as kept:
        names = [name for name in kept.files if not name.startswith("fill:")]
        for name in names:
            fill = kept[f"fill:{name}"] if f"fill:{name}" in kept.files else None
            if name not in got or got[name] is None:
                return f"WRONG: no {name}"
            problem = _difference(np.asarray(got[name]), kept[name], fill)
            if problem:
                return f"WRONG: {name} {problem}"
    return "equal"


def _difference(got: NDArray[Any], want: NDArray[Any], fill: NDArray[Any] | None) -> str:
    if got.shape != want.shape:
        return f"has shape {got.shape}, not {want.shape}"
    same = got == want
    if fill is not None and got.dtype.kind == "f":
        same |= np.isnan(got) & (want == fill)
    if want.dtype.kind == "f":
        same |= np.isnan(got.astype(want.dtype)) & np.isnan(want)
    if not same.all():
        return f"differs in {np.count_nonzero(~same)} of {same.size} values"
    if got.dtype.newbyteorder("=") != want.dtype.newbyteorder("="):
        return f"has dtype {got.dtype}, not {want.dtype}"
    return ""
