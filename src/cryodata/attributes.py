"""Attributes and storage of HDF5 objects in the words of netCDF and xarray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cryodata.layout import Empty, Filter, Unreadable

__all__ = ["HIDDEN", "decode_attributes", "filter_encoding"]

HIDDEN = frozenset(
    {
        "CLASS",
        "DIMENSION_LIST",
        "NAME",
        "REFERENCE_LIST",
        "_NCProperties",
        "_Netcdf4Coordinates",
        "_Netcdf4Dimid",
        "_nc3_strict",
    }
)
"""Attributes that belong to the format, not to the data."""


def decode_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as netCDF users expect them, without those of the format itself.

    Fixed strings become text (except ``_FillValue`` and ``missing_value``, and arrays of
    single characters), arrays of strings become lists, arrays of one element become that
    element, an attribute without value becomes an empty array. Text that is not UTF-8
    keeps its odd bytes as surrogates.
    """
    return {
        name: _decode(value, keep_bytes=name in {"_FillValue", "missing_value"})
        for name, value in attributes.items()
        if name not in HIDDEN and not isinstance(value, Unreadable)
    }


def _decode(value: Any, *, keep_bytes: bool) -> Any:
    if isinstance(value, Empty):
        if value.dtype == np.dtype("S1"):
            return b"" if keep_bytes else ""
        return np.array([], value.dtype)
    if isinstance(value, np.ndarray):
        return _decode_array(value, keep_bytes=keep_bytes)
    if isinstance(value, bytes) and (len(value) > 1 or not keep_bytes):
        return _text(value)
    return value


def _decode_array(value: np.ndarray[Any, Any], *, keep_bytes: bool) -> Any:
    decoded: Any = value
    if value.dtype.kind == "S" and value.dtype.itemsize > 1:
        decoded = [_text(item) for item in value.flat]
    elif value.dtype.kind == "S" or all(isinstance(item, str) for item in value.flat):
        decoded = value.tolist()
    if len(decoded) != 1:
        return decoded.copy() if decoded is value else decoded  # the user's own, to change
    first = decoded[0]
    return _text(first) if isinstance(first, bytes) and not keep_bytes else first


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def filter_encoding(filters: tuple[Filter, ...]) -> dict[str, Any]:
    """Filters of a dataset in the words of xarray's netCDF encodings."""
    values = {step.id: step.values for step in filters}
    encoding: dict[str, Any] = {name: number in values for number, name in _FILTER_NAMES.items()}
    level = next((values[n] for n in _LEVELLED if values.get(n)), None)
    return encoding if level is None else encoding | {"complevel": level[0]}


_FILTER_NAMES = {
    1: "zlib",
    2: "shuffle",
    3: "fletcher32",
    4: "szip",
    307: "bzip2",
    32001: "blosc",
    32015: "zstd",
}
"""Registered HDF5 filter number to the name of the netCDF encoding."""

_LEVELLED = (1, 307, 32015)
"""Filters whose first value is a compression level."""
