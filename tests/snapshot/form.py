"""The form of a snapshot, and the comparison of two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import h5py
import numpy as np

from cryodata.errors import CryodataError
from cryodata.layout import Empty

MOST = 4_000_000
"""Elements read of one dataset; of a larger one the first corner is read."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An error in place of an object or a value."""

    error: str
    what: str
    typed: bool
    """It is a `CryodataError`; for h5py, whatever it raised."""


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """A group: its links by name, as (kind, target)."""

    links: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Alias:
    """A soft link, or a further hard link: the path of what it leads to."""

    path: str


@dataclass(frozen=True, slots=True)
class DatasetSeen:
    """A dataset; `value` and `fill` in the form of `canonical`; `fill` None: not given."""

    dtype: Any
    shape: tuple[int, ...]
    maxshape: tuple[int | None, ...]
    chunk_shape: tuple[int, ...] | None
    fill: Any
    dims: tuple[tuple[str, ...], ...]
    value: Any


@dataclass(frozen=True, slots=True)
class AttributeSeen:
    """An attribute's value in the form of `canonical`."""

    value: Any


Seen = GroupSeen | Alias | DatasetSeen | AttributeSeen | Refused
Snapshot = dict[str, Seen]
"""By absolute path; attributes as ``/path@name``."""

REFERENCES = "references"
"""Stands for any value made of references: h5py follows them, cryodata only names them."""


def described(dtype: np.dtype[Any]) -> Any:
    """A dtype without h5py's metadata, but with the offsets of a compound."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return (described(base), shape)
    if dtype.fields is not None:
        members = [(name, described(part[0]), part[1]) for name, part in dtype.fields.items()]
        return (tuple(sorted(members, key=lambda m: m[2])), dtype.itemsize)
    return dtype.str


def canonical(value: Any) -> Any:
    """Any value as nested tuples and bytes: equal exactly where all bits are (NaN included).

    Byte order is taken out, because numpy's scalars have none.
    """
    if isinstance(value, str | bytes) and not isinstance(value, np.generic):
        return value
    if isinstance(value, Empty | h5py.Empty):
        return ("empty", described(value.dtype))
    array = np.asarray(value)
    if array.dtype.names is not None:  # member by member: padding has no value
        return ("compound", *((name, canonical(array[name])) for name in array.dtype.names))
    if array.dtype.hasobject:
        return ("object", array.shape, tuple(canonical(item) for item in array.ravel().tolist()))
    if array.dtype.kind == "S" and not array.shape:
        return ("S", (), array[()])
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return (native.dtype.str, native.shape, native.tobytes())


def corner(shape: tuple[int, ...], most: int) -> tuple[slice, ...] | None:
    """None where the whole array is small enough, else the slices of its first corner."""
    if np.prod(shape, dtype=object) <= most:
        return None
    side = max(1, int(most ** (1 / len(shape))))
    return tuple(slice(0, min(n, side)) for n in shape)


def join(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"


def refused(error: BaseException) -> Refused:
    return Refused(type(error).__name__, str(error), isinstance(error, CryodataError))


def differences(ours: Snapshot, theirs: Snapshot) -> list[str]:
    """One line per difference, naming the path, the field, and both sides."""
    lines = []
    for path in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(path), theirs.get(path)
        if one == other or both_refused(one, other):
            continue
        if type(one) is not type(other) or one is None or isinstance(one, Refused):
            lines.append(f"{path}: cryodata {short(one)}, h5py {short(other)}")
            continue
        for field in fields(one):
            a, b = getattr(one, field.name), getattr(other, field.name)
            if a != b and not (field.name == "fill" and b is None):
                lines.append(f"{path}: {field.name}: cryodata {short(a)}, h5py {short(b)}")
    return lines


def both_refused(ours: Seen | None, theirs: Seen | None) -> bool:
    """Neither can read it, and cryodata says so in its own words."""
    return isinstance(ours, Refused) and ours.typed and isinstance(theirs, Refused)


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:120]} ... {text[-30:]}"
