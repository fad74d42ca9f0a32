"""VirtualiZarr: the file as zarr, with many more requests at once than zarr's default."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import xarray as xr
import zarr
from obspec_utils.registry import ObjectStoreRegistry
from virtualizarr.manifests import ManifestGroup, ManifestStore
from virtualizarr.parsers import HDFParser

from benchmarks.by_group import read_groups
from benchmarks.download import store_of
from benchmarks.kept import kept_file
from benchmarks.peer import Peer
from benchmarks.place import Place, Target
from benchmarks.workload import Workload
from cryodata.sandbox.granules.template import load

__all__ = ["PEER", "Registry", "VirtualiZarr", "registry_of", "unwanted"]

Registry = ObjectStoreRegistry[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualiZarr:
    """References of each beam's group, then the arrays, or what of them is in the box.

    Only the variables that are wanted get references: it is told to drop all others of the
    group, which takes knowing their names. References are made one beam after the other,
    as h5py does not work side by side; beams are then read side by side. They are kept as
    pickles of its manifests.

    Attributes
    ----------
    at_once : int
        Requests of zarr; its default of 10 is four times slower on small chunks.
    """

    at_once: int
    packages: tuple[str, ...] = ("virtualizarr", "zarr", "obspec-utils", "obstore", "xarray")
    keeps: str = "references"
    most: int = 5

    @property
    def title(self) -> str:
        """With the setting that matters."""
        return f"VirtualiZarr, zarr at {self.at_once}"

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Make or find the references of all beams, then read each."""
        zarr.config.set({"async.concurrency": self.at_once})
        registry = registry_of(target)
        made = [
            _references(place, group, registry, workload)
            for place in target.places
            for group in workload.groups()
        ]
        return read_groups([partial(_opened, one, registry) for one in made], target, workload)


def registry_of(target: Target) -> Registry:
    """The bucket on the wire."""
    place = target.places[0]
    return ObjectStoreRegistry({f"s3://{place.bucket}": store_of(place)})


def unwanted(workload: Workload) -> set[str]:
    """Names in the group of a beam, subgroups among them, that the job does without."""
    template = load(workload.product.lower())
    start = f"{workload.group}/"
    paths = [path for path in template.beam_datasets() if path.startswith(start)]
    wanted = {*workload.variables, workload.longitude, workload.latitude}
    return {path.removeprefix(start).split("/")[0] for path in paths} - wanted


def _references(place: Place, group: str, registry: Registry, workload: Workload) -> ManifestGroup:
    """The references of one beam, kept or new."""
    path = kept_file(place, group)
    if path.exists():
        made: ManifestGroup = pickle.loads(path.read_bytes())
        return made
    made = HDFParser(group=group, drop_variables=unwanted(workload))(place.s3, registry)._group
    path.write_bytes(pickle.dumps(made))
    return made


def _opened(group: ManifestGroup, registry: Registry) -> xr.Dataset:
    return xr.open_dataset(
        ManifestStore(group, registry=registry),  # type: ignore[arg-type]  # xarray takes stores
        engine="zarr",
        consolidated=False,
        zarr_format=3,
        create_default_indexes=False,  # else all times are loaded when it is opened
    )


PEER: Peer = VirtualiZarr(at_once=128)
