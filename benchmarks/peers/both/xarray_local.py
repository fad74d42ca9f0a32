"""xarray with h5netcdf on a local file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import xarray as xr

from benchmarks.by_group import read_groups
from benchmarks.peer import Peer
from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["PEER"]


@dataclass(frozen=True, slots=True, kw_only=True)
class XarrayLocal:
    """``xr.open_dataset(path, engine="h5netcdf", group=...)``, beam by beam."""

    title: str = "xarray + h5netcdf"
    packages: tuple[str, ...] = ("xarray", "h5netcdf", "h5py")
    keeps: str = ""
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """One beam after the other, as h5py does not work side by side."""
        openers = [
            partial(xr.open_dataset, place.path, engine="h5netcdf", group=group)
            for place in target.places
            for group in workload.groups()
        ]
        return read_groups(openers, target, workload, 1)


PEER: Peer = XarrayLocal()
