"""The notebook way: files as earthaccess opens them, xarray per beam and granule, concat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import s3fs
import xarray as xr

from benchmarks.box import inside, span
from benchmarks.peer import Peer, side_by_side
from benchmarks.place import Place, Target
from benchmarks.workload import Workload

__all__ = ["PEER"]

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """``xr.open_dataset(file, engine="h5netcdf", group=...)`` in a loop, then ``xr.concat``.

    The files have the cache that earthaccess 0.17 gives them: blocks of 4 to 16 MiB, by
    size of the file, with the next one fetched in the background. Of the variables other
    than coordinates only the run of rows that is wanted is loaded, which many notebooks
    do not think of.
    """

    title: str = "notebook: earthaccess files + xarray"
    packages: tuple[str, ...] = ("xarray", "h5netcdf", "h5py", "fsspec", "s3fs", "aiohttp")
    keeps: str = ""
    most: int = 5

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Open all files side by side, as earthaccess does; cut one beam after the other."""
        filesystem = s3fs.S3FileSystem(**target.storage_options)
        files = side_by_side(partial(_open, filesystem), target.places)
        parts: list[xr.Dataset] = []
        for file in files:
            for group in workload.groups():
                parts += _cut(file, group, target, workload)
            file.close()
        joined = xr.concat(parts, dim=parts[0][workload.latitude].dims[0])
        return {name: joined[name].values for name in workload.variables}


def _open(filesystem: Any, place: Place) -> Any:
    """A file as earthaccess opens it."""
    size = filesystem.info(place.s3)["size"]
    block = 4 * MIB if size < 100 * MIB else 8 * MIB if size < 1024 * MIB else 16 * MIB
    return filesystem.open(place.s3, cache_type="background", block_size=block)


def _cut(file: Any, group: str, target: Target, workload: Workload) -> list[xr.Dataset]:
    """The rows of one beam of one granule; empty where there are none."""
    assert target.box is not None
    with xr.open_dataset(file, engine="h5netcdf", group=group) as dataset:
        wanted = dataset[list(workload.variables)]
        longitude, latitude = wanted[workload.longitude], wanted[workload.latitude]
        chosen = inside(longitude.values, latitude.values, target.box)
        (rows,) = latitude.dims
        if not chosen.any():
            return []
        run = span(chosen)
        return [wanted.isel({rows: run}).load().isel({rows: chosen[run]})]


PEER: Peer = Notebook()
