"""VirtualiZarr: the file as zarr, with many more requests at once than zarr's default."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from obspec_utils.registry import ObjectStoreRegistry
from obstore.store import S3Store
from virtualizarr.manifests import ManifestGroup, ManifestStore
from virtualizarr.parsers import HDFParser

from benchmarks.box import inside, span
from benchmarks.peer import Peer, one_after_the_other, side_by_side
from benchmarks.place import Place, Target
from benchmarks.workload import Workload
from cryodata.sandbox.granules.template import load

__all__ = ["PEER"]

AT_ONCE = 128
"""Requests of zarr; its default of 10 is four times slower on small chunks."""
BEAMS_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualiZarr:
    """References of each beam's group, then coordinates, then the run of rows that is wanted.

    Only the variables that are wanted get references: it is told to drop all others of the
    group, which takes knowing their names. References are made one beam after the other,
    as h5py does not work side by side; beams are then read side by side. They are kept as
    pickles of its manifests.
    """

    title: str = f"VirtualiZarr, zarr at {AT_ONCE}"
    packages: tuple[str, ...] = ("virtualizarr", "zarr", "obspec-utils", "obstore", "xarray")
    keeps: str = "references"
    most: int = 5

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Make or find the references of all beams, then cut each."""
        zarr.config.set({"async.concurrency": AT_ONCE})
        store = S3Store(
            target.places[0].bucket,
            endpoint=target.places[0].endpoint,
            region="us-west-2",
            skip_signature=True,
            client_options={"allow_http": True},
        )
        registry = ObjectStoreRegistry({f"s3://{target.places[0].bucket}": store})
        groups = [
            _references(place, group, registry, workload)
            for place in target.places
            for group in workload.groups()
        ]
        cut = partial(_cut, registry=registry, target=target, workload=workload)
        parts = [part for part in side_by_side(cut, groups, BEAMS_AT_ONCE) if part is not None]
        return one_after_the_other(parts, workload)


def _references(
    place: Place, group: str, registry: ObjectStoreRegistry[Any], workload: Workload
) -> ManifestGroup:
    """The references of one beam, kept or new."""
    folder = Path(os.environ["CRYODATA_CACHE"])
    path = folder / f"{place.endpoint}/{place.key}/{group}".replace("/", "_")
    if path.exists():
        made: ManifestGroup = pickle.loads(path.read_bytes())
        return made
    parser = HDFParser(group=group, drop_variables=_unwanted(workload))
    made = parser(place.s3, registry)._group
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(made))
    return made


def _unwanted(workload: Workload) -> set[str]:
    """Names in the group of a beam, subgroups among them, that the job does without."""
    template = load(workload.product.lower())
    start = f"{workload.group}/"
    paths = [path for path in template.beam_datasets() if path.startswith(start)]
    kept = {*workload.variables, workload.longitude, workload.latitude}
    return {path.removeprefix(start).split("/")[0] for path in paths} - kept


def _cut(
    group: ManifestGroup, registry: ObjectStoreRegistry[Any], target: Target, workload: Workload
) -> dict[str, Any] | None:
    """The rows of one beam of one granule, None where there are none."""
    assert target.box is not None
    dataset = xr.open_dataset(
        ManifestStore(group, registry=registry),  # type: ignore[arg-type]  # xarray takes stores
        engine="zarr",
        consolidated=False,
        zarr_format=3,
        create_default_indexes=False,  # else all times are loaded when it is opened
    )
    latitude = dataset[workload.latitude]
    chosen = inside(dataset[workload.longitude].values, latitude.values, target.box)
    if not chosen.any():
        return None
    run = span(chosen)
    loaded = dataset[list(workload.variables)].isel({latitude.dims[0]: run}).load()
    return {name: np.asarray(loaded[name].values)[chosen[run]] for name in workload.variables}


PEER: Peer = VirtualiZarr()
