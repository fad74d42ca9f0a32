"""What readers of Zarr give for a granule, beside what h5py gives for the same file."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr

from tests.snapshot.form import canonical

__all__ = ["datasets", "unequal"]

MOST_CHUNKS = 100_000 if os.environ.get("CRYODATA_SOAK") else 1_000
"""Chunks of an array that is read whole, at most: Zarr takes its time for each. All of them where
``CRYODATA_SOAK`` is set."""
FEW = 20
"""Of a larger one, so many of the first chunks that were written, and of the last."""


def datasets(path: Path) -> set[str]:
    """Paths of all datasets that h5py can open, without a slash in front, under every name."""
    found: set[str] = set()

    def look(group: h5py.Group, below: str, above: tuple[Any, ...]) -> None:
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                continue
            try:
                thing = group[name]
            except (
                KeyError,
                OSError,
                RuntimeError,
                TypeError,
            ):  # no such thing, or none h5py opens
                continue
            if isinstance(thing, h5py.Dataset) and not _is_dimension_only(thing):
                found.add(f"{below}{name}")
            elif isinstance(thing, h5py.Group) and thing.id not in above:
                look(thing, f"{below}{name}/", (*above, thing.id))

    with h5py.File(path) as file:
        look(file["/"], "", (file["/"].id,))
    return found


def _is_dimension_only(dataset: h5py.Dataset) -> bool:
    """Whether netCDF-4 takes it for the length of a dimension without values."""
    try:
        name = dataset.attrs.get("NAME", b"")
    except (OSError, TypeError):
        return False
    return np.asarray(name).tobytes().startswith(b"This is a netCDF dimension but not a netCDF")


def unequal(root: zarr.Group, path: Path, names: Iterable[str]) -> list[str]:
    """Names of the arrays whose values differ in any bit from what h5py reads."""
    with h5py.File(path) as file:
        return [
            name
            for name in names
            for part in _parts(file[name])
            if not _equal(root[name][part], file[name], part)
        ]


def _parts(dataset: h5py.Dataset) -> list[Any]:
    """The whole; of an array of very many chunks, some that were written, and what is beside."""
    grid = [-(-n // c) for n, c in zip(dataset.shape, dataset.chunks or (), strict=False)]
    if math.prod(grid) <= MOST_CHUNKS:
        return [()]
    count = dataset.id.get_num_chunks()
    some = sorted({*range(min(FEW, count)), *range(max(0, count - FEW), count)})
    corners = [dataset.id.get_chunk_info(i).chunk_offset for i in some]
    return [
        tuple(slice(max(0, a - n), a + 2 * n) for a, n in zip(at, dataset.chunks, strict=True))
        for at in corners
    ]


def _equal(found: Any, dataset: h5py.Dataset, part: Any) -> bool:
    expected = dataset[part]
    if h5py.check_string_dtype(dataset.dtype) is not None and dataset.dtype.hasobject:
        texts = [text.decode("utf-8") for text in np.asarray(expected, object).ravel().tolist()]
        return bool(np.shape(found) == np.shape(expected) and np.ravel(found).tolist() == texts)
    return bool(canonical(np.asarray(found)) == canonical(np.asarray(expected)))
