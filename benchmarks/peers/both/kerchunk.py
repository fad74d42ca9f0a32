"""kerchunk: references of the whole file as JSON, which xarray reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import xarray as xr
import zarr
from kerchunk.hdf import SingleHdf5ToZarr

from benchmarks.by_group import read_groups
from benchmarks.kept import kept_file
from benchmarks.peer import Peer
from benchmarks.place import Place, Target
from benchmarks.workload import Workload

__all__ = ["PEER"]

AT_ONCE = 128
"""Requests of zarr, as of VirtualiZarr at its best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kerchunk:
    """``SingleHdf5ToZarr``, then ``xr.open_dataset(json, engine="kerchunk")`` for each beam.

    It is made on a file with blocks of 1 MiB: with the cache "first" of its documentation it
    takes minutes. It has no way to leave out groups. zarr 3.1 finds no arrays in groups of
    groups of such references, so that they are cut: the JSON of each beam's group is kept.
    """

    title: str = f"kerchunk, zarr at {AT_ONCE}"
    packages: tuple[str, ...] = ("kerchunk", "zarr", "fsspec", "s3fs", "xarray", "h5py")
    keeps: str = "references"
    most: int = 1

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Make or find the references of all granules, one after the other, then read."""
        zarr.config.set({"async.concurrency": AT_ONCE})
        openers = [
            partial(_opened, path, place)
            for place in target.places
            for path in _references(place, workload.groups())
        ]
        return read_groups(openers, target, workload)


def _references(place: Place, groups: Sequence[str]) -> list[Path]:
    """One JSON for each group, kept or new."""
    paths = [kept_file(place, f"{group}.json") for group in groups]
    if all(path.exists() for path in paths):
        return paths
    filesystem = fsspec.filesystem("s3", **place.storage_options)
    with filesystem.open(place.s3, "rb", cache_type="blockcache", block_size=1 << 20) as file:
        made = SingleHdf5ToZarr(file, place.s3, inline_threshold=0).translate()["refs"]
    for group, path in zip(groups, paths, strict=True):
        start = f"{group}/"
        own = {key.removeprefix(start): made[key] for key in made if key.startswith(start)}
        path.write_text(json.dumps({"version": 1, "refs": own}), "utf-8")
    return paths


def _opened(path: Path, place: Place) -> xr.Dataset:
    return xr.open_dataset(
        str(path),
        engine="kerchunk",
        storage_options={"remote_protocol": "s3", "remote_options": place.storage_options},
        open_dataset_options={
            "create_default_indexes": False,
            "chunks": None,
            "mask_and_scale": False,  # else 0, the best quality, becomes NaN
        },
    )


PEER: Peer = Kerchunk()
