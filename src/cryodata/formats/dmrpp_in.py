"""A DMR++ sidecar as an index: where all chunks lie, known from one request.

A sidecar leaves things out that HDF5 has. Of a variable whose values would not be sure nothing is
taken: it is not in the index, so that whoever asks for it walks the granule itself.

Source: files of both writers (2020, and 3.20.13 or later) beside the granules they tell of. The
older one names filters without their order, and HDF5's own order, shuffle first, is meant.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cryodata.errors import FormatError, UnsupportedError
from cryodata.formats.dmrpp_xml import Attribute, Document, Group, Variable, parse_dmrpp
from cryodata.index import GroupLayout, Index, Link
from cryodata.layout import ArrayLayout, Chunked, ChunkTable, Contiguous, Filter, Inline
from cryodata.options import Limits
from cryodata.types import IntArray, Source

__all__ = ["Sidecar", "read_dmrpp"]

NUMBERS: Mapping[str, str] = {
    "Byte": "u1",
    "UInt8": "u1",
    "UInt16": "u2",
    "UInt32": "u4",
    "UInt64": "u8",
    "Int8": "i1",
    "Int16": "i2",
    "Int32": "i4",
    "Int64": "i8",
    "Float32": "f4",
    "Float64": "f8",
}
"""Types of DAP that are numbers, as numpy calls them."""
FILTERS: Mapping[str, int] = {"shuffle": 2, "deflate": 1, "fletcher32": 3}
"""Filters that sidecars name, in HDF5's own order of writing, and their registered numbers."""
ORDERS: Mapping[str, Literal["<", ">"]] = {"LE": "<", "BE": ">"}
MOST_AXES = 32
"""Of HDF5."""
NOT_SAID = "It is not said by the sidecar"
FIX = "The granule itself is walked where it is asked for."
_POSITION = re.compile(r"\[(\d{1,18}(?:,\d{1,18})*)\]")


@dataclass(frozen=True, slots=True, eq=False)
class Sidecar:
    """What was taken from a sidecar.

    Attributes
    ----------
    index : Index
        Of the variables whose values are sure. Its groups name all others, too.
    losses : mapping of str to str
        Path of a variable that was not taken, or of an attribute (``/path@name``), and why.
    faults : frozenset of str
        Those of the paths lost where the sidecar contradicts itself or the granule: no writer
        does, so it is damaged, or tells of another granule.
    """

    index: Index
    losses: Mapping[str, str]
    faults: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<Sidecar of {self.index!r}, {len(self.losses)} losses>"


def read_dmrpp(text: bytes, source: Source, limits: Limits | None = None) -> Sidecar:
    """The index that a sidecar gives.

    Parameters
    ----------
    text : bytes
        Of the sidecar. What it says of where the granule is is not looked at.
    source : Source
        The granule, as it is now.
    limits : Limits, optional

    Raises
    ------
    FormatError
        It is no DMR++, or damaged.
    UnsupportedError
        Its groups are flattened into names: they cannot be told from it any more.
    LimitExceededError
        It asks for more than the limits allow.
    """
    limits = limits or Limits()
    try:
        document = parse_dmrpp(text, limits)
        _refuse_flattened(document)
        return _sidecar(document, source, limits)
    except FormatError as error:
        raise error.locate(url=source.url) from None


def _refuse_flattened(document: Document) -> None:
    """Old writers made one group of all, and kept the tree in attributes of a kind of their own."""
    containers = [
        attribute.name
        for group in document.groups.values()
        for attribute in group.attributes
        if attribute.type == "Container"
    ]
    if containers or (len(document.groups) == 1 and _tells_of_groups(document)):
        raise UnsupportedError("The sidecar is flattened: its groups are lost", fix=FIX)


def _tells_of_groups(document: Document) -> bool:
    """Whether a variable says that it had another name."""
    names = {"fullnamepath", "origname"}
    said = (a for v in document.variables.values() for a in v.attributes)
    return any(attribute.name in names for attribute in said)


def _sidecar(document: Document, source: Source, limits: Limits) -> Sidecar:
    losses: dict[str, str] = {}
    faults: set[str] = set()
    context = _Context(document, source, limits, losses)
    arrays: dict[str, ArrayLayout] = {}
    for path, variable in document.variables.items():
        try:
            arrays[path] = context.array(variable)
        except FormatError as error:
            losses[path] = error.what
            if not isinstance(error, UnsupportedError):
                faults.add(path)
    groups = {path: context.group(group) for path, group in document.groups.items()}
    index = Index(source=source, groups=groups, arrays=arrays)
    return Sidecar(index, losses, frozenset(faults))


class _Context:
    """What is said once for a whole sidecar."""

    def __init__(
        self, document: Document, source: Source, limits: Limits, losses: dict[str, str]
    ) -> None:
        self._document = document
        self._size = source.size
        self._limits = limits
        self._losses = losses
        said = {v.layout.get("byteOrder", "") for v in document.variables.values() if v.layout}
        orders = {ORDERS[name] for name in said if name in ORDERS}
        self._order = orders.pop() if len(orders) == 1 else None  # of compact values, too
        self._dimensions = {
            f"{group.path.rstrip('/')}/{name}": _number(size)
            for group in document.groups.values()
            for name, size in group.dimensions.items()
        }

    def group(self, group: Group) -> GroupLayout:
        """Its names are known, but not where their headers are."""
        return GroupLayout(
            path=group.path,
            attributes=self._attributes(group.path, group.attributes),
            links={name: Link(name, None) for name in group.members},
        )

    def array(self, variable: Variable) -> ArrayLayout:
        """The layout; raises `FormatError` where anything about the values is not sure."""
        for other in variable.others:
            raise UnsupportedError(f"{NOT_SAID} in words that are read here: {other}")
        shape, dims = self._axes(variable)
        dtype = self._dtype(variable, shape)
        said = variable.layout or {}
        filters = _filters(said, dtype.itemsize, ordered=bool(self._document.version))
        chunk_shape = _sizes(variable.chunk_sizes)
        common: dict[str, Any] = {
            "path": variable.path,
            "dtype": dtype,
            "stored_dtype": dtype,
            "kind": _kind(dtype),
            "encoding": "ascii" if dtype.kind == "S" else "",
            "padding": "null-terminated" if dtype.kind == "S" else "",
            "shape": shape,
            "maxshape": shape,
            "attributes": self._attributes(variable.path, variable.attributes),
            "dims": dims,
            "is_scale": variable.path in self._dimensions and len(shape) == 1,
        }
        if variable.compact is not None:
            data = _decoded(variable.compact)
            if variable.chunks or len(data) != math.prod(shape) * dtype.itemsize:
                raise FormatError(f"{len(data)} bytes stand in the sidecar for a shape {shape}")
            return ArrayLayout(**common, chunk_shape=None, fill=dtype.type(), storage=Inline(data))
        if not chunk_shape:
            storage = self._contiguous(variable, shape, dtype, filters)
            return ArrayLayout(**common, chunk_shape=None, fill=dtype.type(), storage=storage)
        if len(chunk_shape) != len(shape) or min(chunk_shape) < 1:
            raise FormatError(f"Chunks {chunk_shape} do not fit a shape {shape}")
        if math.prod(chunk_shape) * dtype.itemsize > self._limits.chunk_bytes:
            raise FormatError(f"Chunks of {chunk_shape} are too large")
        table = self._table(variable, shape, chunk_shape)
        _refuse_left_out(table, filters, math.prod(chunk_shape) * dtype.itemsize)
        fill = _fill(said, dtype)
        if fill is None:
            if len(table) < math.prod(_grid(shape, chunk_shape)):
                raise UnsupportedError(f"{NOT_SAID} what chunks hold that were never written")
            fill = dtype.type()
        return ArrayLayout(
            **common,
            chunk_shape=chunk_shape,
            filters=filters,
            fill=fill,
            storage=Chunked(table),
        )

    def _axes(self, variable: Variable) -> tuple[tuple[int, ...], tuple[tuple[str, ...], ...]]:
        """Shape, and the dimension scale of each axis."""
        if len(variable.dims) > MOST_AXES:
            raise FormatError(f"It has {len(variable.dims)} axes")
        shape, dims = [], []
        for name, size in variable.dims:
            if name and name not in self._dimensions:
                raise FormatError(f"There is no dimension {name}")
            shape.append(self._dimensions[name] if name else _number(size))
            dims.append((name,) if name and name != variable.path else ())
        return tuple(shape), tuple(dims) if any(dims) else ()

    def _dtype(self, variable: Variable, shape: tuple[int, ...]) -> np.dtype[Any]:
        if variable.type == "String":
            return self._fixed_string(variable, shape)
        if variable.type not in NUMBERS:
            raise UnsupportedError(f"Its type {variable.type} is not taken from sidecars")
        dtype = np.dtype(NUMBERS[variable.type])
        if dtype.itemsize == 1:
            return dtype
        order = ORDERS.get((variable.layout or {}).get("byteOrder", ""), self._order)
        if order is None:
            raise UnsupportedError(f"{NOT_SAID} in which order its bytes are")
        return dtype.newbyteorder(order)

    def _fixed_string(self, variable: Variable, shape: tuple[int, ...]) -> np.dtype[Any]:
        """Of as many bytes as there are for each; that they end in spaces would not be said."""
        if variable.compact is None:
            raise UnsupportedError(f"{NOT_SAID} how long its strings are")
        data, count = _decoded(variable.compact), math.prod(shape)
        if not count or not data or len(data) % count:
            raise UnsupportedError(f"{NOT_SAID} how long its strings are")
        width = len(data) // count
        if any(data[i + width - 1] == ord(" ") for i in range(0, len(data), width)):
            raise UnsupportedError(f"{NOT_SAID} whether spaces at the end of a string count")
        return np.dtype(f"S{width}")

    def _contiguous(
        self,
        variable: Variable,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        filters: tuple[Filter, ...],
    ) -> Contiguous:
        nbytes = math.prod(shape) * dtype.itemsize
        if not variable.chunks:
            if variable.layout is None or nbytes:
                raise UnsupportedError(f"{NOT_SAID} where its values are")
            return Contiguous(None, 0)
        if len(variable.chunks) > 1 or filters or variable.chunks[0].position:
            raise UnsupportedError(f"{NOT_SAID} how large its chunks are")
        offsets, sizes = self._places(variable)
        if int(sizes[0]) != nbytes:
            raise FormatError(f"{int(sizes[0])} bytes are no array of shape {shape}")
        return Contiguous(int(offsets[0]), nbytes)

    def _places(self, variable: Variable) -> tuple[IntArray, IntArray]:
        """Offset and size of each chunk, all of them inside the granule."""
        offsets = np.array([_number(c.offset) for c in variable.chunks], np.int64)
        sizes = np.array([_number(c.nbytes) for c in variable.chunks], np.int64)
        if len(offsets) and (sizes.max() >= 1 << 32 or (offsets > self._size - sizes).any()):
            raise FormatError("A chunk lies outside of the granule")
        return offsets, sizes

    def _table(
        self, variable: Variable, shape: tuple[int, ...], chunk_shape: tuple[int, ...]
    ) -> ChunkTable:
        offsets, sizes = self._places(variable)
        grid = _grid(shape, chunk_shape)
        if math.prod(grid) >= 1 << 62:
            raise FormatError(f"Chunks {chunk_shape} of a shape {shape} cannot be counted")
        corners = np.array(
            [_corner(chunk.position, len(shape)) for chunk in variable.chunks], np.int64
        ).reshape(-1, len(shape))
        places, beside = np.divmod(corners, np.array(chunk_shape))
        if beside.any() or (places >= np.array(grid)).any():
            raise FormatError("A chunk has no place in its grid")
        numbers = np.ravel_multi_index(tuple(places.T), grid) if len(places) else places[:, 0]
        order = np.argsort(numbers, kind="stable")
        numbers = numbers[order].astype(np.int64)
        if (np.diff(numbers) == 0).any():
            raise FormatError("Two chunks have one place")
        nothing = np.zeros(len(numbers), np.uint32)
        return ChunkTable(numbers, offsets[order], sizes[order].astype(np.uint32), nothing)

    def _attributes(self, path: str, said: Iterable[Attribute]) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        for attribute in said:
            try:
                attributes[attribute.name] = _value(attribute)
            except (ValueError, OverflowError):
                self._losses[f"{path}@{attribute.name}"] = f"Its type is {attribute.type}"
        return attributes


def _kind(dtype: np.dtype[Any]) -> str:
    return {"f": "float", "S": "string"}.get(dtype.kind, "integer")


def _grid(shape: tuple[int, ...], chunk_shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-(-n // c) for n, c in zip(shape, chunk_shape, strict=True))


def _number(text: str) -> int:
    """A count or a place: not negative, of at most 18 digits."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise FormatError(f"{text[:40]!r} is no count")
    return int(text)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(_number(part) for part in text.split())


def _corner(text: str, rank: int) -> list[int]:
    found = _POSITION.fullmatch(text.replace(" ", ""))
    corner = [int(part) for part in found[1].split(",")] if found else []
    if len(corner) != rank:
        raise FormatError(f"{text[:40]!r} is no place of a chunk")
    return corner


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("Values in the sidecar are no base64") from None


def _filters(said: Mapping[str, str], itemsize: int, *, ordered: bool) -> tuple[Filter, ...]:
    """In the order of writing; writers before 3.20.13 do not say it."""
    names = said.get("compressionType", "").split()
    unknown = [name for name in names if name not in FILTERS]
    if unknown:
        raise UnsupportedError(f"Its filter {unknown[0]} is not taken from sidecars")
    if not ordered:
        names = sorted(names, key=[*FILTERS].index)
    levels = iter(said.get("deflateLevel", "").split())
    values: list[tuple[int, ...]] = []
    for name in names:
        level = next(levels, "") if name == "deflate" else ""
        values.append((itemsize,) if name == "shuffle" else ((_number(level),) if level else ()))
    return tuple(
        Filter(FILTERS[name], name, value) for name, value in zip(names, values, strict=True)
    )


def _refuse_left_out(table: ChunkTable, filters: tuple[Filter, ...], nbytes: int) -> None:
    """Refuse chunks whose size says that filters may have been left out, or tells a lie.

    HDF5 stores a chunk as it is where deflate does not make it smaller, and notes that in a mask,
    which sidecars lack. HDF5 itself never leaves out the other filters.
    """
    names = [step.name for step in filters]
    if "deflate" in names:
        if (table.nbytes >= nbytes).any():
            raise UnsupportedError(f"{NOT_SAID} whether a chunk was stored without deflate")
    elif (table.nbytes != nbytes + 4 * names.count("fletcher32")).any():
        raise FormatError(f"A chunk is not of {nbytes} bytes, and not deflated")


def _fill(said: Mapping[str, str], dtype: np.dtype[Any]) -> Any:
    """The fill value; None where none is said, or none that is sure."""
    text = said.get("fillValue", "")
    try:
        if dtype.kind == "f":
            return dtype.type(float(text)) if text not in ("", "*") else None
        return dtype.type(int(text)) if text else None
    except (ValueError, OverflowError):
        return None


def _value(attribute: Attribute) -> Any:
    """A number or a text, or an array of more than one."""
    if attribute.type in ("String", "URL"):
        values: Any = attribute.values
        return values[0] if len(values) == 1 else np.array(values, object)
    kind = np.dtype(NUMBERS.get(attribute.type, "V"))
    if kind.kind == "V" or not attribute.values:
        raise ValueError(attribute.type)
    parse = float if kind.kind == "f" else int
    numbers = [kind.type(parse(text)) for text in attribute.values]
    return numbers[0] if len(numbers) == 1 else np.array(numbers, kind)
