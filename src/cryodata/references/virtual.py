"""A group of a granule as a virtual dataset of VirtualiZarr: where chunks are, without values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cryodata.errors import (
    CryodataError,
    MissingDependencyError,
    UnknownVariableError,
    UnsupportedError,
    close_names,
)
from cryodata.formats import zarr_v3
from cryodata.formats.zarr_arrays import ZarrArray
from cryodata.formats.zarr_tree import zarr_tree
from cryodata.granule import GranuleFile
from cryodata.types import AnyArray

__all__ = ["virtual_dataset"]

MOST_CHUNKS = 50_000_000
"""Of an array, there or not: VirtualiZarr keeps a row for each."""


def virtual_dataset(
    granule: GranuleFile, group: str = "/", *, on_unsupported: str = "raise"
) -> xr.Dataset:
    """A group as VirtualiZarr's own parsers give it: to be joined with others, and written.

    Parameters
    ----------
    granule : GranuleFile
    group : str
        Path, ``/gt1l/land_ice_segments``.
    on_unsupported : {"raise", "skip"}
        What becomes of variables that cannot be held: the first raises, or they are left out.

    Returns
    -------
    xarray.Dataset
        Of ``ManifestArray``; what stands nowhere as Zarr reads it, strings and data inside of
        object headers, is loaded, and so are single values. Neither is masked or scaled, and
        there are no indexes.

    Raises
    ------
    UnsupportedError
        A variable cannot be held.
    UnknownVariableError
        There is no such group.
    MissingDependencyError
        virtualizarr is not installed.

    Notes
    -----
    What is written of it does not know the version of the granule; `write_icechunk` does.
    """
    _require()
    index = granule.walk()
    tree = zarr_tree(index, lambda paths: granule.read([(path, None) for path in paths]))
    name = group.strip("/")
    if name not in tree.groups:
        raise UnknownVariableError(
            f"There is no group {group!r}", fix=close_names(name, tree.groups), url=tree.url
        )
    below = f"{name}/" if name else ""
    here = {path[len(below) :]: path for path in tree.arrays if _is_child(path, below)}
    refused = [e for path, e in tree.refused.items() if _is_child(path, below)]
    variables: dict[str, xr.Variable] = {}
    loaded = [key for key, path in here.items() if _has_to_be_loaded(tree.arrays[path])]
    values = granule.read([(f"/{here[key]}", None) for key in loaded]) if loaded else []
    known = dict(zip(loaded, values, strict=True))
    for key, path in here.items():
        try:
            variables[key] = _variable(tree.arrays[path], tree.url, known.get(key))
        except CryodataError as error:
            error.locate(url=tree.url, path=f"/{path}")
            refused.append(error)
    if refused and on_unsupported != "skip":
        raise refused[0]
    return _dataset(variables, tree.groups[name])


def _require() -> None:
    try:
        import virtualizarr  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "virtualizarr is not installed", fix='pip install "cryodata-earth[virtual]"'
        ) from error


def _is_child(path: str, below: str) -> bool:
    return path.startswith(below) and "/" not in path[len(below) :]


def _has_to_be_loaded(array: ZarrArray) -> bool:
    """Whether it has no place; or no axis, which VirtualiZarr writes under a name nobody reads."""
    return bool(array.inline) or not math.prod(array.shape) or not array.shape


def _variable(array: ZarrArray, url: str, values: AnyArray | None) -> xr.Variable:
    metadata = zarr_v3.array_metadata(array)
    attributes = metadata.pop("attributes")
    if values is not None:
        return xr.Variable(array.dims, _as_text(values), attributes)
    return xr.Variable(array.dims, _manifest_array(array, url, metadata), attributes)


def _as_text(values: AnyArray) -> AnyArray:
    """Strings of any length as str; those that are no UTF-8 were refused before."""
    if values.dtype != object:
        return values
    texts = np.empty(values.shape, object)
    texts.reshape(-1)[:] = [value.decode("utf-8") for value in values.flat]
    return texts


def _manifest_array(array: ZarrArray, url: str, metadata: Mapping[str, Any]) -> Any:
    from virtualizarr.manifests import ChunkManifest, ManifestArray
    from zarr.core.metadata.v3 import ArrayV3Metadata

    count = math.prod(array.grid)
    if count > MOST_CHUNKS:
        raise UnsupportedError(
            f"{count} chunks, most of which were never written, are too many for VirtualiZarr",
            fix="cryodata itself reads it; the other variables are not affected.",
        )
    paths = np.full(count, "", np.dtypes.StringDType())  # empty: never written
    offsets, nbytes = np.zeros(count, np.uint64), np.zeros(count, np.uint64)
    paths[array.numbers] = Path(url).as_uri() if url.startswith("/") else url
    offsets[array.numbers] = array.offsets
    nbytes[array.numbers] = array.nbytes
    manifest = ChunkManifest.from_arrays(
        paths=paths.reshape(array.grid),
        offsets=offsets.reshape(array.grid),
        lengths=nbytes.reshape(array.grid),
        validate_paths=False,
    )
    return ManifestArray(ArrayV3Metadata.from_dict({**metadata, "attributes": {}}), manifest)


def _dataset(variables: Mapping[str, xr.Variable], attributes: dict[str, Any]) -> xr.Dataset:
    """Coordinates are those of a dimension, and those that others name; none becomes an index.

    An index would read values.
    """
    named = {name for v in variables.values() for name in _words(v.attrs.get("coordinates"))}
    named |= set(_words(attributes.get("coordinates")))
    coordinates = {k: v for k, v in variables.items() if k in v.dims or k in named}
    rest = {k: v for k, v in variables.items() if k not in coordinates}
    return xr.Dataset(rest, xr.Coordinates(coordinates, indexes={}), attributes)


def _words(value: Any) -> Sequence[str]:
    return value.split() if isinstance(value, str) else ()
