"""Arrays in the words of Zarr version 2: ``.zarray``, ``.zattrs``, and keys of chunks.

Source: "Zarr storage specification version 2" of zarr-specs; the codecs are those of numcodecs,
the dimensions as xarray writes them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numcodecs
import numpy as np

from cryodata.errors import UnsupportedError
from cryodata.formats.zarr_arrays import ZarrArray, masked_value, plain_attributes
from cryodata.layout import Filter
from cryodata.types import AnyArray, IntArray

__all__ = ["array_metadata", "attributes_of", "chunk_keys", "codec", "fit_for_masks"]

DIMENSIONS = "_ARRAY_DIMENSIONS"
"""Attribute with the names of the axes, which version 2 itself has no place for."""
MOST_WRITTEN_OUT = 10_000
"""Chunks that were never written and have to be written out, at most."""


def array_metadata(array: ZarrArray) -> dict[str, Any]:
    """What ``.zarray`` says.

    Parameters
    ----------
    array : ZarrArray
        One that is `fit_for_masks`.
    """
    dtype = array.dtype
    texts = dtype.hasobject
    filters = [{"id": "vlen-utf8"}] if texts else [codec(step) for step in array.filters]
    return {
        "zarr_format": 2,
        "shape": list(array.shape),
        "chunks": list(array.chunks),
        "dtype": "|O" if texts else _dtype(dtype),
        "fill_value": _fill(array.fill, dtype),
        "order": "C",
        "filters": filters or None,
        "compressor": None,
        "dimension_separator": ".",
    }


def attributes_of(array: ZarrArray) -> dict[str, Any]:
    """What ``.zattrs`` says; ``_FillValue`` is in ``.zarray`` where that has one."""
    plain = plain_attributes(array.attributes)
    if array.fill is not None:
        plain.pop("_FillValue", None)
    return {**plain, DIMENSIONS: list(array.dims)}


def chunk_keys(array: ZarrArray, numbers: IntArray | list[int]) -> list[str]:
    """Keys of chunks below that of their array: ``"0.12"``, and ``"0"`` for a scalar."""
    if not array.grid:
        return ["0"] * len(numbers)
    places = np.unravel_index(np.asarray(numbers, np.int64), array.grid)
    columns = [axis.tolist() for axis in places]
    return [".".join(map(str, place)) for place in zip(*columns, strict=True)]


def fit_for_masks(array: ZarrArray) -> ZarrArray:
    """The array with ``_FillValue`` as its fill value, or with none, and equal values.

    Readers of version 2 take the fill value of an array for the value that is masked. Where the
    two differ, chunks that were never written are written out.

    Raises
    ------
    UnsupportedError
        They would be more than `MOST_WRITTEN_OUT`.
    """
    masked = masked_value(array)
    if masked is not None and masked.tobytes() == np.asarray(array.fill, array.dtype).tobytes():
        return array
    if array.unwritten > MOST_WRITTEN_OUT:
        raise UnsupportedError(
            f"{array.unwritten} of its chunks were never written, and what they hold differs from"
            " _FillValue, which a reader of Zarr version 2 would give for them",
            fix="Write it as Zarr version 3.",
        )
    return replace(array, fill=masked, inline={**array.inline, **_written_out(array)})


def _written_out(array: ZarrArray) -> dict[int, bytes]:
    """The chunks that were never written; all of them are the same bytes."""
    if not array.unwritten:
        return {}
    full: AnyArray = np.empty(array.chunks, array.dtype)
    full[...] = array.fill
    data = _encoded(full.tobytes(), array.filters)
    there = np.zeros(int(np.prod(array.grid)), bool)
    there[array.numbers] = True
    there[list(array.inline)] = True
    return dict.fromkeys(np.flatnonzero(~there).tolist(), data)


def _encoded(data: bytes, filters: tuple[Filter, ...]) -> bytes:
    """Bytes as the filters would store them."""
    for step in filters:
        data = bytes(numcodecs.get_codec(codec(step)).encode(data))
    return data


def codec(step: Filter) -> dict[str, Any]:
    """Configuration of the codec of numcodecs that does what a filter of HDF5 does."""
    name, configuration = _CODECS[step.id]
    return {"id": name, **configuration(step.values)}


def _level(default: int) -> Callable[[tuple[int, ...]], dict[str, Any]]:
    return lambda values: {"level": values[0] if values else default}


def _blosc(values: tuple[int, ...]) -> dict[str, Any]:
    """Its values: versions of the filter and of Blosc, width, bytes, level, shuffle, codec."""
    _, _, _, _, level, shuffle, code = (*values, *(2, 2, 1, 0, 5, 1, 0)[len(values) :])
    names = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
    return {"cname": names[code], "clevel": level, "shuffle": shuffle, "blocksize": 0}


_CODECS: Mapping[int, tuple[str, Callable[[tuple[int, ...]], dict[str, Any]]]] = {
    1: ("zlib", _level(4)),
    2: ("shuffle", lambda values: {"elementsize": values[0] if values else 1}),
    3: ("fletcher32", lambda values: {}),
    307: ("bz2", _level(9)),
    32001: ("blosc", _blosc),
    32015: ("zstd", _level(3)),
}


def _dtype(dtype: np.dtype[Any]) -> Any:
    if dtype.names is None:
        return dtype.str
    return [[name, dtype[name].str] for name in dtype.names]


def _fill(fill: Any, dtype: np.dtype[Any]) -> Any:
    """The fill value as JSON: numbers JSON has none for by name, bytes in base64."""
    if fill is None or dtype.hasobject:
        return None
    value = np.asarray(fill, dtype)[()]
    if dtype.kind in "SV":
        return base64.b64encode(np.asarray(value, dtype).tobytes()).decode("ascii")
    if dtype.kind == "c":
        return [_number(float(value.real)), _number(float(value.imag))]
    return _number(value.item())


def _number(value: Any) -> Any:
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
