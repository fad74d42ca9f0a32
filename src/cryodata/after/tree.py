"""Tracks as nodes of a tree, each with its own rows."""

from __future__ import annotations

import xarray as xr

from cryodata.after.rows import LABELS, track_rows
from cryodata.errors import SelectionError

__all__ = ["tree_of_tracks"]


def tree_of_tracks(dataset: xr.Dataset) -> xr.DataTree:
    """One node per track; see `CryoAccessor.to_tree`."""
    rows = track_rows(dataset)
    granules = [str(name) for name in rows.label("granule")]
    single = len(set(granules)) <= 1
    root = xr.Dataset(attrs=dataset.attrs)
    root.encoding = dataset.encoding
    nodes = {"/": root}
    # labels as they are: with chunks= they are dask arrays, too
    labels = {
        name: ("track", rows.label(name), dataset[name].attrs)
        for name in LABELS
        if name in dataset.variables and dataset[name].dims == ("track",)
    }
    without_sizes = dataset.drop_vars("rowSize").assign_coords(labels).drop_attrs(deep=False)
    for track, (granule, beam) in enumerate(zip(granules, rows.label("beam"), strict=True)):
        parts = [beam or granule] if single else [granule, beam]  # a lone track has no name
        name = "/" + "/".join(part for part in parts if part)
        if name in nodes:
            raise SelectionError(
                f"Two tracks are called {name}",
                fix="Granules of one name have one node only: open them by themselves.",
            )
        chosen: dict[str, int | slice] = {"track": track}
        if rows.dimension in dataset.dims:
            chosen[rows.dimension] = rows.of_track(track)
        node = without_sizes.isel(chosen)
        node.encoding = dataset.encoding
        nodes[name] = node
    return xr.DataTree.from_dict(nodes)
