"""Icechunk: a repository of virtual chunks, made by VirtualiZarr, read by xarray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import icechunk
import xarray as xr
import zarr
from virtualizarr import open_virtual_dataset
from virtualizarr.parsers import HDFParser

from benchmarks.by_group import read_groups
from benchmarks.kept import kept_file
from benchmarks.peer import Peer
from benchmarks.peers.both.virtualizarr import registry_of, unwanted
from benchmarks.place import Target
from benchmarks.workload import Workload

__all__ = ["PEER"]

AT_ONCE = 128
"""Requests of zarr, as of VirtualiZarr at its best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Icechunk:
    """A repository on the local disk, with a group for each beam of each granule.

    As with VirtualiZarr only the variables that are wanted get references. Making them and
    the commit are part of the cold time; the repository is kept.
    """

    title: str = f"Icechunk, zarr at {AT_ONCE}"
    packages: tuple[str, ...] = ("icechunk", "virtualizarr", "zarr", "xarray")
    keeps: str = "repository"
    most: int = 5

    def read(self, target: Target, workload: Workload) -> Mapping[str, Any]:
        """Make or open the repository, then read all beams side by side."""
        zarr.config.set({"async.concurrency": AT_ONCE})
        bucket = target.places[0].bucket
        where = kept_file(target.places[0], f"{len(target.places)}.icechunk")
        existed = where.exists()
        repository = icechunk.Repository.open_or_create(
            icechunk.local_filesystem_storage(str(where)),
            config=_config(target),
            authorize_virtual_chunk_access=icechunk.containers_credentials(
                {f"s3://{bucket}/": icechunk.s3_credentials(anonymous=True)}
            ),
        )
        if not existed:
            _fill(repository, target, workload)
        store = repository.readonly_session("main").store
        openers = [
            partial(_opened, store, f"{place.key}/{group}")
            for place in target.places
            for group in workload.groups()
        ]
        return read_groups(openers, target, workload)


def _config(target: Target) -> Any:
    place = target.places[0]
    store = icechunk.s3_store(
        region="us-west-2",
        endpoint_url=place.endpoint,
        anonymous=True,
        allow_http=True,
        force_path_style=True,
    )
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(
        icechunk.VirtualChunkContainer(f"s3://{place.bucket}/", store)
    )
    return config


def _fill(repository: Any, target: Target, workload: Workload) -> None:
    session = repository.writable_session("main")
    registry = registry_of(target)
    for place in target.places:
        for group in workload.groups():
            parser = HDFParser(group=group, drop_variables=unwanted(workload))
            with open_virtual_dataset(place.s3, registry, parser, loadable_variables=[]) as virtual:
                virtual.vz.to_icechunk(session.store, group=f"{place.key}/{group}")
    session.commit("references")


def _opened(store: Any, group: str) -> xr.Dataset:
    return xr.open_dataset(
        store,
        engine="zarr",
        group=group,
        consolidated=False,
        zarr_format=3,
        create_default_indexes=False,
    )


PEER: Peer = Icechunk()
