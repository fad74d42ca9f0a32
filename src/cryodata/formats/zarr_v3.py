"""Arrays in the words of Zarr version 3: ``zarr.json``, and keys of chunks.

Source: "Zarr core specification, version 3.0" of zarr-specs. Types that it does not name, strings
and records, are called as zarr-python calls them; filters of HDF5 are codecs of numcodecs.
"""

from __future__ import annotations

import base64
import struct
import warnings
from typing import Any

import numpy as np

from cryodata.errors import UnsupportedError
from cryodata.formats.zarr_arrays import ZarrArray, masked_value, plain_attributes
from cryodata.formats.zarr_v2 import codec
from cryodata.layout import Filter

__all__ = ["array_metadata", "chunk_key", "chunk_number", "group_metadata"]

CHUNKS = "c"
"""First part of the key of every chunk."""


def group_metadata(attributes: dict[str, Any]) -> dict[str, Any]:
    """What ``zarr.json`` says of a group with these attributes, as JSON has them."""
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}


def array_metadata(array: ZarrArray) -> dict[str, Any]:
    """What ``zarr.json`` says of an array.

    Raises
    ------
    UnsupportedError
        Version 3 has no type for its elements.
    """
    kind, fill = _type_and_fill(array)
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(array.shape),
        "data_type": kind,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(array.chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": [_to_bytes(array.dtype), *(_codec(step) for step in array.filters)],
        "attributes": _attributes(array),
        "dimension_names": list(array.dims),
        "storage_transformers": [],
    }


def chunk_key(array: ZarrArray, number: int) -> str:
    """The key of a chunk below that of its array: ``"c/0/12"``, and ``"c"`` for a scalar."""
    return "/".join([CHUNKS, *map(str, array.position(number))])


def chunk_number(array: ZarrArray, key: str) -> int | None:
    """The number of the chunk that has this key; None where none has."""
    first, *parts = key.split("/")
    if first != CHUNKS or len(parts) != len(array.grid):
        return None
    if not all(part.isascii() and part.isdigit() for part in parts):
        return None
    place = tuple(map(int, parts))
    if any(i >= n for i, n in zip(place, array.grid, strict=True)):
        return None
    return int(np.ravel_multi_index(place, array.grid)) if place else 0


def _type_and_fill(array: ZarrArray) -> tuple[Any, Any]:
    from zarr.dtype import VariableLengthUTF8, parse_dtype

    dtype = array.dtype
    orders = {dtype[name].byteorder for name in dtype.names or ()}
    if ">" in orders:
        raise UnsupportedError(
            "It cannot be written as Zarr: records of version 3 have no byte order",
            fix="Write it as references of kerchunk, which are version 2.",
        )
    with warnings.catch_warnings():  # that others may not know a type: this is a view
        warnings.simplefilter("ignore")
        try:
            kind = VariableLengthUTF8() if dtype.hasobject else parse_dtype(dtype, zarr_format=3)
        except (TypeError, ValueError) as error:
            raise UnsupportedError(
                f"It cannot be written as Zarr: version 3 has no type for {dtype}"
            ) from error
        fill = _fill(array.fill, dtype)
        return kind.to_json(zarr_format=3), kind.to_json_scalar(fill, zarr_format=3)


def _fill(fill: Any, dtype: np.dtype[Any]) -> Any:
    if dtype.hasobject:
        return ""
    return np.zeros((), dtype)[()] if fill is None else np.asarray(fill, dtype)[()]


def _to_bytes(dtype: np.dtype[Any]) -> dict[str, Any]:
    if dtype.hasobject:
        return {"name": "vlen-utf8"}
    if dtype.names is None and (dtype.kind in "SVb" or dtype.itemsize == 1):
        return {"name": "bytes"}
    order = "big" if dtype.byteorder == ">" else "little"  # of records too: see _type_and_fill
    return {"name": "bytes", "configuration": {"endian": order}}


def _codec(step: Filter) -> dict[str, Any]:
    configuration = codec(step)
    name = configuration.pop("id")
    return {"name": f"numcodecs.{name}", "configuration": configuration}


def _attributes(array: ZarrArray) -> dict[str, Any]:
    """Attributes; ``_FillValue`` in the form in which xarray looks for it."""
    plain = plain_attributes(array.attributes)
    masked = masked_value(array)
    if masked is not None:
        plain["_FillValue"] = _for_xarray(masked)
    elif array.dtype.names is None and not array.dtype.hasobject:
        plain.pop("_FillValue", None)  # xarray would cast it, and mask what it becomes
    return plain


def _for_xarray(value: Any) -> Any:
    """Floats in base64, little-endian of 64 bits.

    Source: ``FillValueCoder`` of xarray's Zarr backend.
    """
    kind = np.asarray(value).dtype.kind
    if kind == "f":
        return base64.b64encode(struct.pack("<d", float(value))).decode("ascii")
    if kind == "c":
        return [_for_xarray(np.float64(value.real)), _for_xarray(np.float64(value.imag))]
    if kind in "SV":
        return base64.b64encode(bytes(value)).decode("ascii")
    return value.item()
