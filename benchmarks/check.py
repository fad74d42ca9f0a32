"""Whether what a reader returned is what h5py reads from the local file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.box import inside
from benchmarks.place import Box
from benchmarks.workload import Workload

__all__ = ["expected_rows", "expected_values", "verdict"]

EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")
"""Zero of ``delta_time`` of ICESat-2, UTC."""


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


def expected_rows(paths: Sequence[Path], workload: Workload, box: Box, to: Path) -> None:
    """Read the rows inside `box` of all granules and beams with h5py into an ``.npz`` file.

    All rows are read and then chosen; each variable becomes one array under its name.
    """
    rows: dict[str, list[NDArray[Any]]] = {name: [] for name in workload.variables}
    kept: dict[str, Any] = {}
    for path in paths:
        with h5py.File(path) as file:
            for group in map(file.get, workload.groups()):
                chosen = inside(group[workload.longitude][()], group[workload.latitude][()], box)
                for name, arrays in rows.items():
                    arrays.append(group[name][()][chosen])
                    if "_FillValue" in group[name].attrs:
                        fill = np.asarray(group[name].attrs["_FillValue"]).reshape(())
                        kept[f"fill:{name}"] = fill
    kept |= {name: np.concatenate(arrays) for name, arrays in rows.items()}
    np.savez(to, allow_pickle=False, **kept)


def verdict(got: Mapping[str, Any], expected: Path) -> str:
    """``equal``, or ``WRONG`` with the first difference.

    Readers may leave fill values as stored or turn them into NaN, as xarray does, and may
    turn ``delta_time`` into UTC.
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
    if got.dtype.kind == "M":
        return _time_difference(got, want)
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


def _time_difference(got: NDArray[Any], want: NDArray[Any]) -> str:
    """UTC against seconds since the epoch: equal within the step of the stored numbers.

    xarray multiplies in floating point, and so is off by up to 4 ns of the 7 that
    ``delta_time`` resolves. The whole seconds and the rest are exact here, each for itself.
    """
    whole = np.floor(want)
    exact = whole.astype("i8") * 1_000_000_000 + np.round((want - whole) * 1e9).astype("i8")
    off = np.abs((got.astype("M8[ns]") - EPOCH).astype("i8") - exact)
    wrong = np.count_nonzero(off > np.spacing(want) * 1e9)
    return f"differs in {wrong} of {want.size} times, by up to {off.max()} ns" if wrong else ""
