"""numpy dtypes as JSON, exactly, without pickle.

::

    "<f8"                                                    any simple type
    {"base": "|i1", "enum": {"land": 0, "ocean": 1}}         HDF5 enum, kept as metadata
    {"base": "<f4", "shape": [3]}                            array member of a compound
    {"names": [...], "formats": [...], "offsets": [...], "itemsize": 12}       compound
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["dtype_from_json", "dtype_to_json"]

# numpy would also take "int", "f4,f8" or "object"; a file says it in one way only
SIMPLE = re.compile(r"[<>|](?:[biufcSVmM][1-9][0-9]{0,9}(?:\[[0-9]{0,9}[A-Za-z]{1,2}\])?|O)")


def dtype_to_json(dtype: np.dtype[Any]) -> str | dict[str, Any]:
    """What `dtype_from_json` makes an equal dtype of, metadata included.

    Raises
    ------
    TypeError
        If it is a type that HDF5 values do not have.
    """
    if dtype.metadata:
        return _enum_to_json(dtype)
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return {"base": dtype_to_json(base), "shape": list(shape)}
    if dtype.names is not None:
        return _compound_to_json(dtype)
    if not SIMPLE.fullmatch(dtype.str):
        raise TypeError(f"dtype {dtype!r} cannot be written")
    return dtype.str


def _enum_to_json(dtype: np.dtype[Any]) -> dict[str, Any]:
    metadata = dict(dtype.metadata or {})
    members = metadata.pop("enum", None)
    if metadata or members is None or dtype.kind not in "iu":
        raise TypeError(f"dtype {dtype!r} with metadata {dtype.metadata} cannot be written")
    return {"base": dtype.str, "enum": {str(name): int(v) for name, v in members.items()}}


def _compound_to_json(dtype: np.dtype[Any]) -> dict[str, Any]:
    names, known = dtype.names or (), dict(dtype.fields or {})
    fields = [known[name] for name in names]
    if dtype.hasobject or dtype.isalignedstruct or any(len(field) > 2 for field in fields):
        raise TypeError(f"compound {dtype!r} cannot be written")
    return {
        "names": list(names),
        "formats": [dtype_to_json(field[0]) for field in fields],
        "offsets": [field[1] for field in fields],
        "itemsize": dtype.itemsize,
    }


def dtype_from_json(document: Any) -> np.dtype[Any]:
    """The dtype that `dtype_to_json` wrote.

    Raises
    ------
    TypeError, ValueError, KeyError
        If `document` is anything else.
    """
    if isinstance(document, str):
        return _simple(document)
    match sorted(document):
        case ["base", "enum"]:
            return _enum_from_json(document["base"], document["enum"])
        case ["base", "shape"]:
            shape = tuple(document["shape"])
            if not shape or not all(type(n) is int and n > 0 for n in shape):
                raise ValueError(f"an array type of shape {shape}")
            return np.dtype((dtype_from_json(document["base"]), shape))
        case ["formats", "itemsize", "names", "offsets"]:
            return _compound_from_json(document)
    raise ValueError(f"no dtype: {document}")


@lru_cache(maxsize=256)  # a granule has a thousand datasets and a dozen types
def _simple(text: str) -> np.dtype[Any]:
    if not SIMPLE.fullmatch(text) or np.dtype(text).str != text:
        raise ValueError(f"no dtype: {text!r}")
    return np.dtype(text)


def _enum_from_json(base: Any, members: Any) -> np.dtype[Any]:
    dtype = _simple(base)
    if dtype.kind not in "iu":
        raise ValueError(f"an enum of {base}")
    bounds = np.iinfo(dtype)
    for value in members.values():
        if type(value) is not int or not bounds.min <= value <= bounds.max:
            raise ValueError(f"{value!r} is no {base}")
    return np.dtype(dtype, metadata={"enum": dict(members)})


def _compound_from_json(document: dict[str, Any]) -> np.dtype[Any]:
    whole = {**document, "formats": [dtype_from_json(f) for f in document["formats"]]}
    dtype = np.dtype(whole)  # type: ignore[call-overload]  # made at run time
    if dtype.hasobject or not dtype.itemsize:
        raise ValueError("a compound of objects, or of nothing")
    return dtype  # type: ignore[no-any-return]  # as above
