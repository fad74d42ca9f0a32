"""Gridded files as trees: a node per grid, a branch per resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray as xr

from cryodata.earthdata.granule import Granule
from cryodata.errors import ConfigurationError
from cryodata.granule import GranuleFile
from cryodata.gridded.grid import grid_product
from cryodata.gridded.groups import find_slabs, groups_of
from cryodata.gridded.store import grid_dataset
from cryodata.groups import decode_group, open_groups
from cryodata.products import Product, read_name, recognise
from cryodata.provenance import Provenance

__all__ = ["are_resolutions", "grid_tree", "grid_trees"]


def are_resolutions(granules: Sequence[Any]) -> bool:
    """Whether the names of several files say which resolution of a grid each is."""
    names = [one.name if isinstance(one, Granule) else str(one) for one in granules]
    return len(names) > 1 and all(map(_resolution, names))


def _resolution(name: str) -> str:
    product = recognise(name, {}, {})
    found = read_name(product, name) if product is not None else None
    return found.resolution if found is not None else ""


def grid_tree(file: GranuleFile, product: Product, group: str = "/") -> dict[str, xr.Dataset]:
    """All groups of a gridded file: absolute path to Dataset, parents first.

    Its grids come as `cryodata.open` gives them, with all their variables; what else there
    is comes as the file has it.

    Parameters
    ----------
    file : GranuleFile
    product : Product
        With a grid.
    group : str
        Only this group and what lies below it.
    """
    grids = groups_of(file, product)
    below = "/" + group.strip("/")
    taken = {path for paths in grids.values() for path in paths}
    found: dict[str, xr.Dataset] = {}
    for name in grids:
        slabs = find_slabs(file, product, name)
        found["/" + name] = grid_dataset(slabs, product, Provenance((file,)), variables="all")
    index = file.walk([], shallow=["/"])
    links = index.groups[index.resolve("/")].links
    index = file.walk([], shallow=[f"/{name}" for name in links], missing_ok=True)
    if "/" not in found:
        found["/"] = decode_group(file, "/", {"drop_variables": None})
    for name in links:
        path = f"/{name}"
        if index.resolve(path) not in index.groups or path in found:
            continue
        if any(one.startswith(path + "/") for one in taken):
            continue  # holds grids only
        found |= open_groups(file, path)
    kept = {
        path: dataset
        for path, dataset in found.items()
        if below in {"/", path} or path.startswith(below + "/")
    }
    return dict(sorted(kept.items()))


def grid_trees(files: Sequence[GranuleFile], given: Product | None = None) -> dict[str, xr.Dataset]:
    """Files of one product and one region in several resolutions, a branch for each.

    Parameters
    ----------
    files : sequence of GranuleFile
    given : Product, optional
        As for `grid_product`.

    Raises
    ------
    ConfigurationError
        They are not that.
    """
    found: dict[str, xr.Dataset] = {}
    kinds = set()
    for file in files:
        product = grid_product(file, given)
        name = read_name(product, file.url) if product is not None else None
        parts = dict(name.parts) if name is not None else {}
        branch = parts.pop("resolution", "")
        kinds.add((name and (name.product, name.release), *sorted(parts.items())))
        if product is None or not branch or f"/{branch}" in found or len(kinds) > 1:
            raise ConfigurationError(
                "These are not the resolutions of one grid, each once",
                url=file.url,
                fix="Leave out what differs in product, region, cycles or release.",
            )
        for path, dataset in grid_tree(file, product).items():
            found[f"/{branch}{path}".rstrip("/")] = dataset
    return found
