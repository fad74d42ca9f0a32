"""``cryodata.open_tree``: a granule in its own layout."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import xarray as xr

from cryodata.argument_names import tells_names
from cryodata.find import product_of
from cryodata.granule import GranuleFile
from cryodata.gridded.grid import grid_product
from cryodata.gridded.tree import are_resolutions, grid_tree, grid_trees
from cryodata.groups import open_groups
from cryodata.locate import Wish, granules_of, one_granule
from cryodata.options import Options
from cryodata.products import Product, Rate, join_path, table_of
from cryodata.provenance import Provenance

__all__ = ["name_rows", "open_tree", "part_dimensions"]


@tells_names
def open_tree(
    what: Any,
    *,
    product: str | Product | None = None,
    group: str = "/",
    storage_options: Mapping[str, Any] | None = None,
    engine: str = "auto",
    options: Options | None = None,
) -> xr.DataTree:
    """Open a granule as a tree of its groups; nothing but its structure is read.

    Unlike ``xarray.open_datatree(engine="cryodata")`` this reads no labels at open, gives
    the rows of known products their names (``photon``, ``segment``), and opens files
    whose groups use one dimension name for different lengths.

    Parameters
    ----------
    what, product, storage_options, engine, options
        As for `cryodata.open`. One granule; or the files of one grid in several
        resolutions (ATL15), which become the branches ``01km``, ``10km``, ...
    group : str
        Only this group and what lies below it.

    Returns
    -------
    xarray.DataTree
        Lazy, CF-decoded, without indexes. Beams are siblings. Where a group uses the
        name of a dimension above it for another length, its own is called
        ``<group>_<dimension>``. Grids of gridded products come as `cryodata.open` gives
        them: with axes and their indexes, and with their projection.

    Raises
    ------
    UnknownVariableError
        There is no such group.
    ConfigurationError, NotFoundError, AuthError, FetchError, FormatError
        As for `cryodata.open`.
    """
    given = table_of(product)
    granules = granules_of(what, Wish(), storage_options)
    if not are_resolutions(granules):
        granules = [one_granule(granules, storage_options)]
    files = [
        GranuleFile(one, options=options, storage_options=storage_options, engine=engine)
        for one in granules
    ]
    path = "/" + group.strip("/")
    datasets = grid_trees(files, given) if len(files) > 1 else _groups(files[0], path, given)
    root = len(path.rstrip("/"))
    tree = xr.DataTree.from_dict({name[root:] or "/": ds for name, ds in datasets.items()})
    tree.set_close(Provenance(tuple(files)).close)
    return tree


def _groups(file: GranuleFile, path: str, given: Product | None) -> dict[str, xr.Dataset]:
    """A group and all below it: absolute path to Dataset, parents first."""
    gridded = grid_product(file) if given is None else product_of(file, given)
    if gridded is not None and gridded.grid is not None:
        return part_dimensions(grid_tree(file, gridded, path))
    datasets = open_groups(file, path)
    product = product_of(file, given)
    if product is not None:
        datasets = name_rows(datasets, product)
    return part_dimensions(datasets)


def name_rows(datasets: Mapping[str, xr.Dataset], product: Product) -> dict[str, xr.Dataset]:
    """Give the axes of a product's variables the names of its table.

    Parameters
    ----------
    datasets : mapping
        Absolute path of a group to its Dataset.
    """
    named = {}
    for path, dataset in datasets.items():
        below = _below_track(path, product)
        renames: dict[Hashable, str] = {}
        rate = None if below is None else product.rate_of(below)
        if below is not None and rate is not None:
            group = f"{path.removesuffix(below).rstrip('/')}/{rate.group}".rstrip("/") or "/"
            renames |= _row_dimension(datasets.get(group), dataset, rate)
        for name, variable in dataset.variables.items():
            names = product.dimensions.get(join_path(below or "", str(name)), ())
            made_up = [(d, n) for d, n in zip(variable.dims[1:], names, strict=False)]
            renames |= {d: n for d, n in made_up if str(d).startswith("phony_dim_")}
        free = {d: n for d, n in renames.items() if n not in dataset.dims and n not in dataset}
        named[path] = dataset.rename_dims(free)
    return named


def _below_track(path: str, product: Product) -> str | None:
    """Path of a group relative to its track; None where it is in no track."""
    first, _, below = path.removeprefix("/").partition("/")
    if first in product.tracks:
        return below
    return path.removeprefix("/") if "" in product.tracks else None


def _row_dimension(rows: xr.Dataset | None, dataset: xr.Dataset, rate: Rate) -> dict[Hashable, str]:
    """The dimension of a group that is the rows of a rate, and its name in the table."""
    if rows is None:
        return {}
    known = [rows[path] for path in rate.coordinates.values() if path in rows.variables]
    variable = next((variable for variable in known if variable.dims), None)
    if variable is None:
        return {}
    (dimension, *_), (count, *_) = variable.dims, variable.shape
    if dataset.sizes.get(dimension) == count:
        return {dimension: rate.dimension}
    made_up = [d for d, n in dataset.sizes.items() if n == count and "phony_dim_" in str(d)]
    return {made_up[0]: rate.dimension} if made_up else {}


def part_dimensions(datasets: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Rename dimensions whose length differs from one of the same name in a group above.

    Parameters
    ----------
    datasets : mapping
        Absolute path of a group to its Dataset, parents first.
    """
    parted: dict[str, xr.Dataset] = {}
    for path, dataset in datasets.items():
        above = [parted[p] for p in parted if path.startswith(p.rstrip("/") + "/") and p != path]
        lengths = {name: n for parent in above for name, n in parent.sizes.items()}
        renames = {}
        for name, length in dataset.sizes.items():
            if lengths.get(name, length) != length:
                renames[name] = _other_name(path, str(name), length, lengths)
        parted[path] = dataset.rename_dims(renames)
    return parted


def _other_name(path: str, name: str, length: int, lengths: Mapping[Hashable, int]) -> str:
    """``<group>_<dimension>`` of the nearest group on the path where that fits."""
    groups = [part for part in path.split("/") if part]
    candidates = [f"{group}_{name}" for group in reversed(groups)]
    known = [candidate for candidate in candidates if lengths.get(candidate) == length]
    free = [candidate for candidate in candidates if candidate not in lengths]
    return (known or free or [f"{'_'.join(groups)}_{name}"])[0]
