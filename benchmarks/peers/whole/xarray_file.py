"""xarray with h5netcdf on a file object of fsspec, as notebooks have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import fsspec
import xarray as xr

from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["XarrayFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class XarrayFile:
    """``xr.open_dataset(file, engine="h5netcdf", group=...)``, beam by beam."""

    title: str
    protocol: str
    """``http`` or ``s3``: which filesystem of fsspec opens the file."""
    open_options: Mapping[str, Any] = field(default_factory=dict)
    """Block size and cache of the file; empty takes the filesystem's defaults."""
    packages: tuple[str, ...] = ("xarray", "h5netcdf", "h5py", "fsspec", "s3fs", "aiohttp")
    keeps: str = ""
    most: int = 0

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Open the file once and load the variables of one group after the other."""
        (place,) = target.places
        if self.protocol == "s3":
            filesystem, path = fsspec.filesystem("s3", **place.storage_options), place.s3
        else:
            filesystem, path = fsspec.filesystem("http"), place.http
        arrays: dict[str, Any] = {}
        with filesystem.open(path, **self.open_options) as file:
            for group in workload.groups():
                with xr.open_dataset(file, engine="h5netcdf", group=group) as dataset:
                    loaded = dataset[list(workload.variables)].load()
                arrays |= {f"{group}/{name}": loaded[name].values for name in workload.variables}
        return arrays
