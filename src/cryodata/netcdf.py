"""How netCDF-4 lies on HDF5: which datasets are variables, and what their axes are called.

Pure functions of an `Index`. The result is what the h5netcdf package gives (with its
``phony_dims="access"``), and goes on where that one stops: an axis whose dimension scale
is lost gets a name of its own group instead of an error.

Source: NetCDF-4 file format specification (netcdf-c, ``file_format_specifications``),
section on HDF5; compared with h5netcdf 1.8 in the tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cryodata.attributes import decode_attributes, filter_encoding
from cryodata.errors import CryodataError, FormatError
from cryodata.index import Index
from cryodata.layout import ArrayLayout

__all__ = [
    "Dimension",
    "NetcdfGroup",
    "NetcdfVariable",
    "encoding_of",
    "netcdf_groups",
]

DIMENSION_ONLY = b"This is a netCDF dimension but not a netCDF variable."
"""In the ``NAME`` of a scale that stands for a dimension without values."""

NON_COORDINATE = "_nc4_non_coord_"
"""Prefix of a variable that is named like a dimension without being its scale."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A named length.

    Attributes
    ----------
    name : str
    size : int
    unlimited : bool
    scale : str
        Path of the dimension scale; empty for a dimension made up for an axis without.
    """

    name: str
    size: int
    unlimited: bool = False
    scale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetcdfVariable:
    """A dataset as a variable.

    Attributes
    ----------
    name : str
    layout : ArrayLayout
    dims : tuple of str
        One name per axis.
    shape : tuple of int
        Longer than ``layout.shape`` where an unlimited dimension is longer than this
        dataset; what is missing holds the dataset's fill value.
    """

    name: str
    layout: ArrayLayout
    dims: tuple[str, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetcdfGroup:
    """A group as netCDF sees it.

    Attributes
    ----------
    path : str
        As the links name it, ``/gt1l/heights``.
    attributes : mapping
        Without the format's own.
    dimensions : mapping of str to Dimension
        Defined in this group, not in those above.
    variables : mapping of str to NetcdfVariable
    unreadable : mapping of str to CryodataError
        Names of members whose header could not be read, and why.
    """

    path: str
    attributes: Mapping[str, Any]
    dimensions: Mapping[str, Dimension]
    variables: Mapping[str, NetcdfVariable]
    unreadable: Mapping[str, CryodataError]


def netcdf_groups(index: Index, path: str = "/", *, below: bool = True) -> list[NetcdfGroup]:
    """A group and those below it, parents first.

    Parameters
    ----------
    index : Index
        With the members of the groups asked for and of the groups above them.
    path : str
        Of the first group.
    below : bool
        False gives this one group only.
    """
    builder = _Builder(index)
    scope = builder.open("/", None)
    for name in filter(None, path.split("/")):
        scope = builder.open(f"{scope.path.rstrip('/')}/{name}", scope)
    return list(builder.walk(scope)) if below else [builder.group(scope)]


@dataclass(slots=True)
class _Scope:
    """A group while it is looked at, and the dimensions visible in it."""

    path: str
    target: str
    parent: _Scope | None
    arrays: dict[str, ArrayLayout] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, CryodataError] = field(default_factory=dict)
    dimensions: dict[str, Dimension] = field(default_factory=dict)

    def find(self, name: str) -> Dimension | None:
        """The nearest dimension of that name, here or above."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.dimensions:
                return scope.dimensions[name]
            scope = scope.parent
        return None

    @property
    def targets(self) -> set[str]:
        """This group and those above, so that a link back up is seen."""
        above = self.parent.targets if self.parent is not None else set()
        return above | {self.target}


class _Builder:
    """Opens groups in order, because made-up dimensions are numbered as they are met."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._phony = 0
        self._lengths: dict[str, int] = {}  # of what lies along each scale
        for array in index.arrays.values():
            for axis, scales in enumerate(array.dims[: len(array.shape)]):
                for scale in scales:
                    known = self._lengths.get(scale, 0)
                    self._lengths[scale] = max(known, array.shape[axis])

    def walk(self, scope: _Scope) -> Iterator[NetcdfGroup]:
        yield self.group(scope)
        for name in scope.groups:
            yield from self.walk(self.open(f"{scope.path.rstrip('/')}/{name}", scope))

    def open(self, path: str, parent: _Scope | None) -> _Scope:
        """Sort a group's members and find its dimensions."""
        name = path.rsplit("/", 1)[-1]
        target = "/" if parent is None else self._index.resolve(f"{parent.target}/{name}")
        scope = _Scope(path, target, parent)
        above = scope.targets
        for member in self._index.groups[target].links:
            found = self._resolve(f"{target.rstrip('/')}/{member}")
            if found in self._index.arrays:
                scope.arrays[member] = self._index.arrays[found]
            elif found in self._index.problems:
                scope.unreadable[member] = self._index.problems[found]
            elif found in self._index.groups and found not in above:
                scope.groups[member] = found
        self._find_dimensions(scope)
        return scope

    def group(self, scope: _Scope) -> NetcdfGroup:
        variables = {}
        sizes: dict[str, int] = {}
        for member, array in scope.arrays.items():
            if DIMENSION_ONLY in _as_bytes(array.attributes.get("NAME")):
                continue
            name = member.replace(NON_COORDINATE, "")
            axes = self._axes(scope, member, array, sizes)
            sizes |= {axis.name: axis.size for axis in axes}
            variables[name] = NetcdfVariable(
                name=name,
                layout=array,
                dims=tuple(axis.name for axis in axes),
                shape=tuple(axis.size for axis in axes),
            )
        return NetcdfGroup(
            path=scope.path,
            attributes=decode_attributes(self._index.groups[scope.target].attributes or {}),
            dimensions=scope.dimensions,
            variables=variables,
            unreadable=scope.unreadable,
        )

    def _resolve(self, path: str) -> str:
        """Where links lead; nowhere for links in a circle."""
        try:
            return self._index.resolve(path)
        except FormatError:
            return ""

    def _find_dimensions(self, scope: _Scope) -> None:
        """Dimensions of scales, then made-up ones for axes that no scale fits."""
        phony: Counter[int] = Counter()
        for member, array in scope.arrays.items():
            if array.is_scale and array.shape:
                scope.dimensions[member] = self._dimension(member, array)
            else:
                phony |= Counter(self._unnamed(array).values())
        fixed = Counter(d.size for d in scope.dimensions.values() if not d.unlimited)
        for size, count in phony.items():
            for _ in range(fixed[size], count):
                self._make_up(scope, size)

    def _dimension(self, member: str, scale: ArrayLayout) -> Dimension:
        unlimited = scale.maxshape == (None,)
        size = scale.shape[0]
        if unlimited:  # as long as the longest variable along it
            size = max(size, self._lengths.get(scale.path, 0))
        return Dimension(member, size, unlimited, scale.path)

    def _make_up(self, scope: _Scope, size: int) -> Dimension:
        made_up = Dimension(f"phony_dim_{self._phony}", size)
        self._phony += 1
        scope.dimensions[made_up.name] = made_up
        return made_up

    def _unnamed(self, array: ArrayLayout) -> dict[int, int]:
        """Axis to length, for the axes without a scale."""
        return {a: n for a, (scales, n) in enumerate(_labels(array)) if not scales}

    def _axes(
        self, scope: _Scope, member: str, array: ArrayLayout, sizes: dict[str, int]
    ) -> list[Dimension]:
        """A dimension for each axis; `sizes` are those the group's variables use already."""
        axes: list[Dimension] = []
        used: Counter[int] = Counter()
        named = self._named_axes(scope, member, array)
        for axis, length in enumerate(array.shape):
            found = named[axis]
            if found is None:
                fitting = [d for d in scope.dimensions.values() if d.size == length]
                place = used[length]
                used[length] += 1
                found = fitting[place] if place < len(fitting) else None
            clash = found is not None and sizes.get(found.name, found.size) != found.size
            if found is None or clash or found.size < length:
                found = self._make_up(scope, length)
            axes.append(found)
        return axes

    def _named_axes(self, scope: _Scope, member: str, array: ArrayLayout) -> list[Dimension | None]:
        """What the file itself calls each axis; None where it does not say."""
        rank = len(array.shape)
        if array.is_scale and "_Netcdf4Coordinates" in array.attributes:
            ids = np.atleast_1d(array.attributes["_Netcdf4Coordinates"])
            found = [self._by_number(scope, int(number)) for number in ids]
            if len(found) == rank and None not in found:
                return found
        if any(array.dims):
            return [self._by_scale(scope, s[-1], n) if s else None for s, n in _labels(array)]
        own = scope.find(member)
        if own is not None and rank == 1:
            return [own]
        return [None] * rank

    def _by_scale(self, scope: _Scope, path: str, length: int) -> Dimension:
        name = path.rsplit("/", 1)[-1]
        found = scope.find(name)
        if found is not None:
            return found
        scale = self._index.arrays.get(path)  # in a group beside this one
        if scale is not None and scale.shape:
            return self._dimension(name, scale)
        return Dimension(name, length, scale=path)

    def _by_number(self, scope: _Scope, number: int) -> Dimension | None:
        """The dimension that the file numbers so (``_Netcdf4Dimid``)."""
        here: _Scope | None = scope
        while here is not None:
            for dimension in here.dimensions.values():
                array = here.arrays.get(dimension.name)
                if array is not None and array.attributes.get("_Netcdf4Dimid") == number:
                    return dimension
            here = here.parent
        return None


def _labels(array: ArrayLayout) -> list[tuple[tuple[str, ...], int]]:
    """Scales and length of each axis; the axes of an array type have no scales."""
    missing = ((),) * (len(array.shape) - len(array.dims))
    return list(zip((*array.dims, *missing), array.shape, strict=True))


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return value if isinstance(value, bytes) else b""


def encoding_of(variable: NetcdfVariable) -> dict[str, Any]:
    """Storage of a variable in the words of xarray's netCDF encodings."""
    layout = variable.layout
    encoding: dict[str, Any] = {"original_shape": variable.shape}
    if layout.chunk_shape is None or not layout.shape:
        encoding |= {"contiguous": True, "chunksizes": None}
    else:
        encoding |= {
            "contiguous": False,
            "chunksizes": layout.chunk_shape,
            "preferred_chunks": dict(zip(variable.dims, layout.chunk_shape, strict=True)),
        }
    return encoding | filter_encoding(layout.filters)
