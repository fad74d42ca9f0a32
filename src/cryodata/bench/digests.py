"""What tells arrays apart: their bytes, shape and type, in a few characters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["difference", "digest"]


def digest(values: Any) -> str:
    """Of an array as stored: equal where shape, type and every bit are.

    Byte order does not count, nor does how texts of variable length are held.
    """
    array = np.asarray(values)
    sha = hashlib.sha256()
    if array.dtype.kind in "OSUT":
        sha.update(repr([_text(value) for value in array.ravel().tolist()]).encode())
        return f"text {array.shape} {sha.hexdigest()}"
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    sha.update(native.tobytes())
    return f"{native.dtype.str} {array.shape} {sha.hexdigest()}"


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("utf-8", "backslashreplace")
    return str(value)


def difference(expected: Mapping[str, str], got: Mapping[str, str]) -> str:
    """Which arrays differ, in words; empty where none does."""
    differing = [name for name, value in expected.items() if got.get(name) != value]
    if not differing:
        return ""
    more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
    return f"DIFFERENT: {differing[0]}{more}"
