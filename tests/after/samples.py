"""Granules and what h5py reads of them, for the tests of what follows the read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

import cryodata as cd
from cryodata.sandbox.granules import BEAMS, atl03, atl06
from cryodata.types import AnyArray
from tests.real import DATA

__all__ = ["EPOCH", "REAL", "WAYS", "beams_of", "column", "photons", "several", "times"]

EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")
REAL = DATA / "processed_ATL06_20191106230008_06270503_006_01.h5"


def several(folder: Path) -> list[Path]:
    """Three ATL06, one without a beam, one with an empty one."""
    return [
        atl06(folder, segments=900, seed=1, rgt=50, cycle=4),
        atl06(folder, segments=1100, seed=2, rgt=50, cycle=5, beams=BEAMS[:4] + BEAMS[5:]),
        atl06(folder, segments=500, seed=3, rgt=51, cycle=4, empty=("gt1r",)),
    ]


def photons(folder: Path) -> Path:
    """A small ATL03."""
    return atl03(folder, photons=4_000, seed=5)


def beams_of(paths: Sequence[Path], group: str) -> Iterator[tuple[Path, str, h5py.Group | None]]:
    """Every beam that is there, in the order of the granules; None where it has no rows."""
    for path in paths:
        with h5py.File(path) as file:
            for beam in BEAMS:
                if beam in file:
                    rows = file[beam].get(group)
                    yield path, beam, rows if rows is not None and "delta_time" in rows else None


def column(paths: Sequence[Path], name: str, group: str = "land_ice_segments") -> AnyArray:
    """A dataset of all beams of all granules, fill as NaN."""
    found = []
    for _, _, rows in beams_of(paths, group):
        if rows is None:
            continue
        dataset = rows[name]
        values = dataset[()].astype("f8")
        if "_FillValue" in dataset.attrs:
            values[dataset[()] == np.ravel(dataset.attrs["_FillValue"])[0]] = np.nan
        found.append(values)
    return np.concatenate(found)


def times(paths: Sequence[Path], group: str = "land_ice_segments") -> AnyArray:
    """UTC, from the seconds that the file counts."""
    return EPOCH + np.round(column(paths, "delta_time", group) * 1e9).astype("m8[ns]")


def _lazy(paths: Sequence[Path], **options: Any) -> xr.Dataset:
    return cd.open(list(paths), **options)


def _loaded(paths: Sequence[Path], **options: Any) -> xr.Dataset:
    return cd.open(list(paths), **options).load()


def _chunked(paths: Sequence[Path], **options: Any) -> xr.Dataset:
    return cd.open(list(paths), chunks=300, **options)


WAYS: dict[str, Callable[..., xr.Dataset]] = {
    "lazy": _lazy,
    "loaded": _loaded,
    "chunked": _chunked,
}
"""Ways to have a Dataset."""
