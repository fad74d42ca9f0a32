"""The variables of a grid over all its layers: one lazy array each, however many files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray.coding import strings
from xarray.core import indexing

from cryodata.arrays.layered import OneLayer
from cryodata.arrays.lazy import LazyArray, Part
from cryodata.attributes import decode_attributes
from cryodata.caution import warn_user
from cryodata.decoding.finish import Text
from cryodata.errors import FormatError, SelectionError, UnknownVariableError, close_names
from cryodata.gridded.axes import place
from cryodata.gridded.slabs import Slab, unreadable
from cryodata.netcdf import NetcdfVariable, encoding_of
from cryodata.products import Product
from cryodata.tracks.request import Words, as_words

__all__ = ["Field", "choose_fields", "common"]

DECIDING = ("_FillValue", "missing_value", "scale_factor", "add_offset", "units", "_Unsigned")
"""Attributes that say what stored numbers mean: what is joined has to agree on them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """One variable.

    Attributes
    ----------
    name : str
        In the file, and in the Dataset.
    dims : tuple of str
        ``time``, ``y`` and ``x`` under these names, others as the file calls them.
    sources : tuple of (Slab, NetcdfVariable)
        In the order of the layers; one where the variable has no layers.
    kind : {"layers", "layer", "still"}
        Its first axis counts layers; or it is one layer, without an axis for it; or it
        has to do with no time.
    named : bool
        The user named it; named variables are read together.
    """

    name: str
    dims: tuple[str, ...]
    sources: tuple[tuple[Slab, NetcdfVariable], ...]
    kind: str
    named: bool = False

    @property
    def layers(self) -> tuple[int, ...]:
        """Of each source."""
        return tuple(1 if self.kind == "layer" else v.layout.shape[0] for _, v in self.sources)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole."""
        first = self.sources[0][1]
        if self.kind == "still":
            return first.shape
        if self.kind == "layer":
            return (len(self.sources), *first.shape)
        return (sum(self.layers), *first.shape[1:])

    def variable(self, array: LazyArray) -> xr.Variable:
        """As stored, lazy, not decoded; of the values of `array`."""
        slab, first = self.sources[0]
        attributes = decode_attributes(first.layout.attributes)
        attributes.pop("coordinates", None)  # names what is called otherwise here
        group = slab.group.strip("/")
        attributes["hdf5_path"] = f"{group}/{self.name}" if group else self.name
        if {"x", "y"} <= set(self.dims) and slab.projection:
            attributes["grid_mapping"] = "spatial_ref"
        else:
            attributes.pop("grid_mapping", None)
        dtype = str if first.layout.kind == "vlen string" else array.dtype
        encoding = {"dtype": dtype, **encoding_of(first)}
        for stale in ("original_shape", "preferred_chunks", "chunksizes", "contiguous"):
            encoding.pop(stale, None)
        if len(self.sources) == 1:
            encoding["source"] = slab.file.url
        return xr.Variable(self.dims, indexing.LazilyIndexedArray(array), attributes, encoding)

    def array(self) -> LazyArray:
        """The values over all sources."""
        _, first = self.sources[0]
        settings: dict[str, Any] = {
            "dtype": np.result_type(*(v.layout.dtype for _, v in self.sources))
        }
        if first.layout.kind == "vlen string":
            settings["dtype"] = strings.create_vlen_dtype(str)  # type: ignore[no-untyped-call]  # xarray's
            settings["finish"] = Text(first.layout.encoding or "utf-8")
        readers = {id(slab.file): OneLayer(slab.file) for slab, _ in self.sources}
        one = self.kind == "layer"
        return LazyArray(
            [
                Part(
                    readers[id(slab.file)] if one else slab.file,
                    v.layout.path,
                    (1, *v.layout.shape) if one else v.layout.shape,
                )
                for slab, v in self.sources
            ],
            shape=self.shape,
            fill=first.layout.fill,
            gap=1 if one else max((1, *first.layout.piece_shape[:1])),
            **settings,
        )

    def chunks(self) -> tuple[tuple[int, ...], ...]:
        """Lengths of the pieces along each axis that can be read by themselves."""
        first = self.sources[0][1]
        piece = first.layout.piece_shape or ()
        if self.kind == "layer":
            lengths: tuple[tuple[int, ...], ...] = ((1,) * len(self.sources),)
            rest = zip(first.shape, piece, strict=True)
        elif self.kind == "layers":
            lengths = (tuple(n for count in self.layers for n in _cut(count, piece[0])),)
            rest = zip(first.shape[1:], piece[1:], strict=True)
        else:
            lengths, rest = (), zip(first.shape, piece, strict=True)
        return (*lengths, *(_cut(size, most) for size, most in rest))

    def check(self) -> None:
        """Raise `FormatError` where the files cannot be joined."""
        _, first = self.sources[0]
        for slab, other in self.sources[1:]:
            differing = [
                name
                for name in DECIDING
                if not _same(first.layout.attributes.get(name), other.layout.attributes.get(name))
            ]
            skip = 1 if self.kind == "layers" else 0
            if other.shape[skip:] != first.shape[skip:] or other.layout.kind != first.layout.kind:
                differing.append("shape")
            if other.shape != other.layout.shape:
                differing.append("length")
            if differing:
                raise FormatError(
                    f"{self.name} has another {' and '.join(differing)} than in {first.layout.path}"
                    " of the first file",
                    url=slab.file.url,
                    path=other.layout.path,
                    fix="Open these files by themselves, or leave the variable out.",
                )


def choose_fields(
    slabs: Sequence[Slab], product: Product, variables: Words, *, skip: bool = False
) -> list[Field]:
    """The variables asked for.

    Parameters
    ----------
    slabs : sequence of Slab
        Of one grid, in the order of the layers.
    product : Product
    variables : str or list of str
        ``"default"``, ``"all"``, or names with as much of their path as you like.
    skip : bool
        Leave out what is named and not there.

    Raises
    ------
    UnknownVariableError
        There is no such variable in the grid.
    SelectionError
        One that is named is missing in some files, or has no layers to be joined by.
    FormatError
        One cannot be read, or joined.

    Warns
    -----
    UserWarning
        One that is not named is left out, since it is missing in some files or says
        something of each file that no layer has room for.
    """
    assert product.grid is not None
    names = _names(slabs, product, variables, skip=skip)
    fields = []
    for name, named in names.items():
        field = _field(slabs, product.grid.made_up, name, named=named)
        if field is not None:
            field.check()
            fields.append(field)
    return fields


def _names(
    slabs: Sequence[Slab], product: Product, variables: Words, *, skip: bool
) -> dict[str, bool]:
    """What was asked for, and whether by name."""
    assert product.grid is not None
    words = as_words(variables)
    there = list(dict.fromkeys(name for slab in slabs for name in _members(slab)))
    axes = {variable.name for slab in slabs for variable in slab.axes.values()}
    asked: dict[str, bool] = {}
    if {"default", "all"} & set(words):
        usual = [name for name in product.grid.default if name in there]
        chosen = there if "all" in words or not usual else usual
        asked = dict.fromkeys(chosen, False)
        if chosen is there:
            unreadable(slabs)
    group = slabs[0].group.strip("/")
    for word in words:
        if word in {"default", "all"}:
            continue
        name = word.strip("/").removeprefix(group + "/")
        unreadable(slabs, name)
        if name in there:
            asked[name] = True
        elif name not in {"x", "y", "time", *axes} and not skip:
            raise UnknownVariableError(
                f"{product.short_name} has no variable {word!r} in {group or 'its root'}",
                url=slabs[0].file.url,
                fix=close_names(name, there),
            )
    return asked


def _members(slab: Slab) -> list[str]:
    """Variables of a group that are neither axes nor its projection."""
    own = {variable.layout.path for variable in slab.axes.values()}
    return [
        name
        for name, variable in slab.content.variables.items()
        if variable.layout.path not in own and name != slab.mapping
    ]


def _field(
    slabs: Sequence[Slab], made_up: Sequence[str], name: str, *, named: bool
) -> Field | None:
    having = [slab for slab in slabs if name in slab.content.variables]
    placed = [place(slab, slab.content.variables[name], made_up) for slab in having]
    dims, kind = placed[0]
    if len(having) < len(slabs):
        what = f"{name} is missing in {len(slabs) - len(having)} of {len(slabs)} files"
    elif len(slabs) > 1 and kind == "still":
        what = f"{name} has no layer for each file"
    elif any(other != placed[0] for other in placed):
        what = f"{name} has other dimensions in some files"
    else:
        return Field(
            name=name,
            dims=dims,
            sources=tuple((slab, slab.content.variables[name]) for slab in having),
            kind=kind,
            named=named,
        )
    if named:
        raise SelectionError(what, fix="Leave it out of variables=, or open files alone.")
    warn_user(f"{what}: left out")
    return None


def _cut(size: int, most: int) -> tuple[int, ...]:
    most = max(1, most)
    return tuple(min(most, size - start) for start in range(0, size, most)) or (0,)


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f"))


def common(attributes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all files say alike."""
    first, *others = attributes
    return {
        name: value
        for name, value in first.items()
        if all(name in other and _same(value, other[name]) for other in others)
    }
