"""Granules with small chunks, so that a few thousand rows make many of them."""

from __future__ import annotations

from pathlib import Path

import h5py

__all__ = ["rechunked"]


def rechunked(path: Path, folder: Path, rows: int, *groups: str) -> Path:
    """A copy under the same name of which chunks hold so many rows.

    Parameters
    ----------
    path : Path
    folder : Path
        Another than that of `path`.
    rows : int
    groups : str
        Only datasets below groups of these names, ``heights``; the others are copied as they are.
    """
    copy = folder / path.name
    with h5py.File(path) as source, h5py.File(copy, "w") as target:
        target.attrs.update(source.attrs)
        for name in source:
            source.copy(name, target)
        found: list[str] = []
        source.visititems(
            lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None
        )
        for name in found:
            dataset = source[name]
            inside = not groups or any(f"/{group}/" in f"/{name}" for group in groups)
            if dataset.chunks and dataset.shape[0] > rows and inside:
                attributes = {
                    k: v
                    for k, v in dataset.attrs.items()
                    if k not in {"DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME"}
                }
                del target[name]
                target.create_dataset(
                    name,
                    data=dataset[()],
                    chunks=(rows, *dataset.shape[1:]),
                    compression=1,
                    fillvalue=dataset.fillvalue,
                ).attrs.update(attributes)
    return copy
