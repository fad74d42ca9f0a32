"""Attribute and fill values as JSON, exactly, without pickle.

::

    "metres"                                            str
    null                                                None
    {"string": "metres"}                                numpy.bytes_, a fixed string
    {"bytes": "metres"}                                 bytes
    {"dtype": "<f8", "value": 0.5}                      numpy scalar
    {"dtype": ">i4", "shape": [2], "value": [1, 2]}     array, in C order
    {"dtype": "<f4", "base64": "AADAfw=="}              what JSON has no number for
    {"empty": "<f8"}                                    Empty
    {"unreadable": "..."}                               Unreadable

Bytes are written as UTF-8 text, in which Python's ``surrogateescape`` stands for bytes
that are none: every byte comes back.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cryodata.formats.dtype_json import dtype_from_json, dtype_to_json
from cryodata.layout import Empty, Unreadable
from cryodata.types import AnyArray

__all__ = ["dump_json", "load_json", "value_from_json", "value_to_json"]

NUMBERS = "biuf"


def dump_json(document: Any) -> str:
    """Compact JSON text, in ASCII."""
    return _ENCODER.encode(document)


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def load_json(text: str) -> Any:
    """The document; raises `ValueError` also for ``NaN`` and its like."""
    return _DECODER.decode(text)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)  # making one costs more than using it


def value_to_json(value: Any) -> Any:
    """What `value_from_json` makes an equal value of.

    Raises
    ------
    TypeError
        If it is of a type that the walker does not give.
    """
    if value is None or type(value) is str:
        return value
    if type(value) is bytes:
        return {"bytes": _to_text(value)}
    if type(value) is np.bytes_:
        return {"string": _to_text(value)}
    if isinstance(value, Empty):
        return {"empty": dtype_to_json(value.dtype)}
    if isinstance(value, Unreadable):
        return {"unreadable": value.reason}
    if isinstance(value, np.ndarray):
        flat = value.reshape(-1)
        return {
            "dtype": dtype_to_json(value.dtype),
            "shape": list(value.shape),
            **_content(flat, flat.tolist),
        }
    if isinstance(value, np.generic):
        return {"dtype": dtype_to_json(value.dtype), **_content(value, value.item)}
    raise TypeError(f"a {type(value).__name__} cannot be written")


def _content(values: AnyArray | np.generic, plain: Callable[[], Any]) -> dict[str, Any]:
    """As people read it where that is exact, else the bytes.

    `plain` is not asked where bytes are kept: not every datetime64 has a plain value.
    """
    kind = values.dtype.kind
    if kind == "O":
        return {"value": [value_to_json(v) for v in plain()]}
    if kind == "S":
        return {"value": [_to_text(v) for v in plain()]}
    if kind in NUMBERS and (kind != "f" or bool(np.isfinite(values).all())):
        return {"value": plain()}
    return {"base64": base64.b64encode(values.tobytes()).decode("ascii")}


def value_from_json(document: Any) -> Any:
    """The value that `value_to_json` wrote; nobody can write to an array of it.

    Raises
    ------
    TypeError, ValueError, KeyError, AttributeError
        If `document` is anything else.
    """
    if document is None or type(document) is str:
        return document
    if "dtype" in document:
        return _typed(**document)
    ((tag, content),) = document.items()
    return _TAGGED[tag](content)


def _typed(
    *,
    dtype: Any,
    shape: list[int] | None = None,
    value: Any = None,
    base64: str | None = None,
) -> Any:
    """A scalar where there is no `shape`, else an array."""
    kept = dtype_from_json(dtype)
    if shape is not None and not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"a value of shape {shape}")
    count = 1 if shape is None else math.prod(shape)
    if base64 is not None:
        flat = _from_bytes(kept, count, base64)
    else:
        flat = _from_plain(kept, [value] if shape is None else value)
    if len(flat) != count:
        raise ValueError(f"{len(flat)} values for a shape of {shape}")
    flat.setflags(write=False)
    return flat[0] if shape is None else flat.reshape(shape)


def _from_bytes(dtype: np.dtype[Any], count: int, text: str) -> AnyArray:
    data = base64.b64decode(text, validate=True)
    if dtype.hasobject or len(data) != count * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes for {count} values of {dtype}")
    return np.ndarray((count,), dtype, bytearray(data))


def _from_plain(dtype: np.dtype[Any], plain: list[Any]) -> AnyArray:
    if dtype.kind == "O":
        objects = np.empty(len(plain), object)
        for i, document in enumerate(plain):
            objects[i] = value_from_json(document)
        return objects
    if dtype.kind == "S":
        plain = [_to_bytes(text) for text in plain]
    elif dtype.kind not in NUMBERS:
        raise ValueError(f"values of {dtype} are written as bytes")
    values = np.array(plain, dtype)
    if values.ndim != 1 or values.tolist() != plain:  # cut, rounded or converted
        raise ValueError(f"values are no {dtype}")
    return values


def _to_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _unreadable(reason: Any) -> Unreadable:
    if type(reason) is not str:
        raise TypeError(f"a reason is no {type(reason).__name__}")
    return Unreadable(reason)


_TAGGED: Mapping[str, Any] = {
    "string": lambda text: np.bytes_(_to_bytes(text)),
    "bytes": _to_bytes,
    "empty": lambda dtype: Empty(dtype_from_json(dtype)),
    "unreadable": _unreadable,
}
