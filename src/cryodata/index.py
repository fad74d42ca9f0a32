"""Where each chunk of a granule lies: what the walker learns and everybody else reads.

An `Index` describes one version of one file. It holds an `ArrayLayout` per dataset
that was walked and a `GroupLayout` per group, and may describe a part of the file only.
Chunks are columns of numpy, never a Python object per chunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import (
    CryodataError,
    FormatError,
    UnknownVariableError,
    UnsupportedError,
    close_names,
)
from cryodata.types import IntArray, Source

__all__ = [
    "ArrayLayout",
    "ChunkTable",
    "Chunked",
    "Contiguous",
    "Empty",
    "Filter",
    "GroupLayout",
    "Index",
    "Inline",
    "Link",
    "Located",
    "Unreadable",
]

MOST_LINKS = 64
"""Links followed on the way to one object."""

CONTIGUOUS_PIECE = 1 << 20
"""Contiguous data is cut into pieces of at most this many bytes, so that a slice of it
reads little more than the slice."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One step of a dataset's filter pipeline, in the order of writing.

    Attributes
    ----------
    id : int
        Registered HDF5 filter number: 1 deflate, 2 shuffle, 3 fletcher32, ...
    name : str
        As stored in the file, or the registered name.
    values : tuple of int
        Client data: deflate level, shuffle element size, ...
    optional : bool
        The writer was allowed to leave it out; the chunk's mask says whether it did.
    """

    id: int
    name: str
    values: tuple[int, ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    """An attribute or dataset with a null dataspace: a type, but no value."""

    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where an attribute's value cannot be given, and says why."""

    reason: str


@dataclass(frozen=True, eq=False)
class ChunkTable:
    """Chunks of one dataset, ascending by number; a chunk not listed was never written.

    Attributes
    ----------
    numbers : (n,) int64
        Position of the chunk in its grid, counted in C order from 0; strictly ascending.
    offsets : (n,) int64
        First byte in the file. Signed, so that arithmetic with other int64 stays exact.
    nbytes : (n,) uint32
        Stored (filtered) bytes.
    masks : (n,) uint32
        Bit i set: filter i of the pipeline was **not** applied to this chunk.
    """

    numbers: IntArray
    offsets: IntArray
    nbytes: NDArray[np.uint32]
    masks: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True, eq=False)
class Located:
    """Where the chunks asked for lie; one row per chunk that has bytes in the file.

    Attributes
    ----------
    positions : (n,) int64
        Which of the chunk numbers asked for; those absent here were never written.
    offsets, nbytes : (n,) int64
        Bytes ``offsets <= i < offsets + nbytes`` of the file.
    masks : (n,) uint32
        Filters left out, as in `ChunkTable`.
    """

    positions: IntArray
    offsets: IntArray
    nbytes: IntArray
    masks: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Inline:
    """The values were stored in the object header (HDF5 *compact* layout)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Contiguous:
    """The values are one run of bytes; `offset` is None where none was ever written."""

    offset: int | None
    nbytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Chunked:
    """The values are cut into equal chunks, each filtered by itself."""

    table: ChunkTable


@dataclass(frozen=True, eq=False, kw_only=True)
class ArrayLayout:
    """One dataset: its type, its shape, and where its values lie.

    Attributes
    ----------
    path : str
        Absolute, ``/gt1l/heights/h_ph``.
    dtype : numpy.dtype
        As h5py gives it: byte order kept, enums as their base integer, HDF5 booleans as
        ``bool``, fixed strings as ``S``, variable-length data as ``object``.
    stored_dtype : numpy.dtype
        What one element looks like in the file; differs from `dtype` for
        variable-length data only (``V16``: a length and a global heap reference).
    kind : str
        The HDF5 type in words: ``float``, ``enum``, ``string``, ``vlen string``, ...
    encoding : str
        ``ascii`` or ``utf-8`` for strings, else empty.
    padding : str
        ``null-terminated``, ``null-padded`` or ``space-padded`` for fixed strings.
    shape : tuple of int
        Empty for a scalar. For array types the element's own shape is appended.
    maxshape : tuple of (int or None)
        None where unlimited.
    chunk_shape : tuple of int or None
        None where not chunked.
    filters : tuple of Filter
        In the order of writing; reading undoes them from the last.
    fill : object
        Scalar that stands for elements never written (zero where the file says none).
    attributes : mapping
        Name to value: numpy scalars and arrays, ``numpy.bytes_`` for fixed strings,
        ``str`` for variable ones, `Empty` or `Unreadable`.
    dims : tuple of (tuple of str)
        Per axis, absolute paths of the attached dimension scales, in order; empty
        where there is none.
    dims_known : bool
        Whether `dims` were looked up; not where a walk was told to leave them out.
    element : numpy.dtype or None
        Of variable-length sequences, one element of a sequence.
    is_scale : bool
        It is a dimension scale itself.
    is_null : bool
        Null dataspace: there is a type, but no value.
    storage : Inline or Contiguous or Chunked or None
        None where the layout is not supported, see `problem`.
    problem : str
        Why the values cannot be read; empty where they can.
    """

    path: str
    dtype: np.dtype[Any]
    stored_dtype: np.dtype[Any]
    kind: str
    encoding: str = ""
    padding: str = ""
    shape: tuple[int, ...]
    maxshape: tuple[int | None, ...]
    chunk_shape: tuple[int, ...] | None
    filters: tuple[Filter, ...] = ()
    fill: Any = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    dims: tuple[tuple[str, ...], ...] = ()
    dims_known: bool = True
    element: np.dtype[Any] | None = None
    is_scale: bool = False
    is_null: bool = False
    storage: Inline | Contiguous | Chunked | None
    problem: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of all values, decoded."""
        return math.prod(self.shape) * self.dtype.itemsize

    @cached_property
    def piece_shape(self) -> tuple[int, ...]:
        """Shape of the smallest piece that can be read alone.

        A chunk; or a cut of contiguous data that is one run of bytes.
        """
        if self.chunk_shape is not None:
            return self.chunk_shape
        return _contiguous_pieces(self.shape, self.stored_dtype.itemsize)

    @cached_property
    def grid(self) -> tuple[int, ...]:
        """Number of pieces along each axis."""
        return tuple(-(-n // c) for n, c in zip(self.shape, self.piece_shape, strict=True))

    def check_readable(self) -> None:
        """Raise `UnsupportedError` where the values cannot be read."""
        if self.problem:
            raise UnsupportedError(
                self.problem, path=self.path, fix="Other variables of the file are not affected."
            )

    def locate(self, numbers: IntArray) -> Located:
        """Where the pieces with these numbers (C order over `grid`) lie.

        Parameters
        ----------
        numbers : (n,) int64

        Raises
        ------
        UnsupportedError
            If the layout is one that cannot be read.
        """
        self.check_readable()
        if isinstance(self.storage, Chunked):
            return _locate_chunks(self.storage.table, numbers)
        if isinstance(self.storage, Contiguous) and self.storage.offset is not None:
            return self._locate_pieces(self.storage.offset, numbers)
        none = np.empty(0, np.int64)
        return Located(none, none, none, np.empty(0, np.uint32))

    def _locate_pieces(self, offset: int, numbers: IntArray) -> Located:
        """Pieces of contiguous data: the first element's place, and as many as follow."""
        corner = np.unravel_index(numbers, self.grid) if self.grid else ()
        first = np.zeros(len(numbers), np.int64)
        count = np.ones(len(numbers), np.int64)
        for axis, (piece, extent) in enumerate(zip(self.piece_shape, self.shape, strict=True)):
            start = corner[axis].astype(np.int64) * piece
            first = first * extent + start
            count *= np.minimum(piece, extent - start)
        item = self.stored_dtype.itemsize
        return Located(
            np.arange(len(numbers), dtype=np.int64),
            offset + first * item,
            count * item,
            np.zeros(len(numbers), np.uint32),
        )


def _contiguous_pieces(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Largest C-order runs under `CONTIGUOUS_PIECE`: ones, then a cut axis, then whole axes."""
    piece = [max(1, n) for n in shape]
    for axis in range(len(shape)):
        rest = itemsize * math.prod(piece[axis + 1 :])
        piece[axis] = min(piece[axis], max(1, CONTIGUOUS_PIECE // rest))
        if piece[axis] > 1 or rest <= CONTIGUOUS_PIECE:
            break
    return tuple(piece)


def _locate_chunks(table: ChunkTable, numbers: IntArray) -> Located:
    if len(table) == 0:
        at = np.zeros(len(numbers), np.int64)
        found = np.zeros(len(numbers), bool)
    else:
        at = np.minimum(np.searchsorted(table.numbers, numbers), len(table) - 1)
        found = table.numbers[at] == numbers
    rows = at[found]
    return Located(
        np.flatnonzero(found),
        table.offsets[rows],
        table.nbytes[rows].astype(np.int64),
        table.masks[rows],
    )


@dataclass(frozen=True, slots=True)
class Link:
    """A name in a group.

    Attributes
    ----------
    name : str
    address : int or None
        Object header of a hard link; None for other kinds.
    target : str
        Path a soft link points to; ``file:path`` of an external link (never followed).
    kind : str
        ``hard``, ``soft``, ``external`` or ``user``.
    """

    name: str
    address: int | None
    target: str = ""
    kind: str = "hard"


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupLayout:
    """One group: what it is called, what it contains.

    Attributes
    ----------
    path : str
        Absolute; the root is ``/``.
    attributes : mapping or None
        As in `ArrayLayout`; None where they were not read, since nobody asked.
    links : mapping of str to Link
        By creation order where the file tracks it, else by name.
    """

    path: str
    attributes: Mapping[str, Any] | None = None
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Index:
    """What is known of one version of one granule.

    Attributes
    ----------
    source : Source
        The version: url, size, ETag.
    groups : mapping of str to GroupLayout
        Absolute path to group, for the groups walked. The root is ``/``.
    arrays : mapping of str to ArrayLayout
        Absolute path to dataset, for the datasets walked.
    aliases : mapping of str to str
        Soft links and second hard links: path to the path it stands for.
    problems : mapping of str to CryodataError
        Objects whose header could not be read, with the error that touching them raises.
    whole : frozenset of str
        Groups walked with everything below them; ``/`` where the whole file was. What is
        not here below them does not exist.
    """

    source: Source
    groups: Mapping[str, GroupLayout] = field(default_factory=dict)
    arrays: Mapping[str, ArrayLayout] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, CryodataError] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in ("groups", "arrays", "aliases", "problems"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {k: dict(getattr(self, k)) for k in ("groups", "arrays", "aliases", "problems")}
        return (_rebuild_index, (self.source, self.whole, fields))

    def __repr__(self) -> str:
        chunks = sum(
            len(a.storage.table) for a in self.arrays.values() if isinstance(a.storage, Chunked)
        )
        part = "whole" if self.complete else "part"
        return (
            f"<Index of {self.source.url}: {part}, {len(self.groups)} groups, "
            f"{len(self.arrays)} arrays, {chunks} chunks>"
        )

    @property
    def complete(self) -> bool:
        """The whole file was walked: what is not here does not exist."""
        return "/" in self.whole

    def knows(self, path: str, *, below: bool = True, dims: bool = True) -> bool:
        """Whether a walk to `path` would learn nothing new.

        Parameters
        ----------
        path : str
            Dataset or group; one that is known not to exist counts as known.
        below : bool
            For a group, whether everything below it is asked for, or only its own
            attributes and links.
        dims : bool
            Whether the dimension scales of datasets are asked for.
        """
        path = self.resolve(path)
        if path in self.arrays:
            return self.arrays[path].dims_known or not dims
        if path in self.problems:
            return True
        if path in self.groups and not below:
            return self.groups[path].attributes is not None
        parts = path.rstrip("/").split("/")
        for i in range(len(parts), 0, -1):
            group = "/".join(parts[:i]) or "/"
            if group in self.whole:
                return True
            if group in self.groups and i < len(parts):
                return parts[i] not in self.groups[group].links
        return False

    def select(self, paths: Iterable[str]) -> Index:
        """Only these datasets: what a worker needs to read them, and pickles small."""
        arrays = {path: self.array(path) for path in paths}
        aliases = {p: a.path for p, a in arrays.items() if p != a.path}
        return Index(
            source=self.source, arrays={a.path: a for a in arrays.values()}, aliases=aliases
        )

    def array(self, path: str) -> ArrayLayout:
        """The dataset at `path`.

        Raises
        ------
        UnknownVariableError
            If there is none; the message names the close ones.
        CryodataError
            The one met when its header was read.
        """
        path = self.resolve(path)
        if path in self.problems:
            raise self.problems[path]
        if path not in self.arrays:
            raise UnknownVariableError(
                f"There is no {path}",
                url=self.source.url,
                fix=close_names(path, [*self.groups, *self.arrays]),
            )
        return self.arrays[path]

    def resolve(self, path: str) -> str:
        """The absolute path without links on the way: what `arrays` and `groups` know.

        Raises
        ------
        FormatError
            If the links lead in a circle.
        """
        path = "/" + path.strip("/")
        for _ in range(MOST_LINKS):
            parts = path.split("/")
            for i in range(2, len(parts) + 1):
                target = self.aliases.get("/".join(parts[:i]))
                if target is not None:
                    path = "/".join([target.rstrip("/"), *parts[i:]])
                    break
            else:
                return path
        raise FormatError("Soft links lead in a circle", url=self.source.url, path=path)

    def merge(self, other: Index) -> Index:
        """Both together; `other` must describe the same version of the same file."""
        if other.source != self.source:
            raise ValueError("indexes of different versions do not merge")
        return replace(
            self,
            groups=_merge_groups(self.groups, other.groups),
            arrays=_merge_arrays(self.arrays, other.arrays),
            aliases={**self.aliases, **other.aliases},
            problems={**self.problems, **other.problems},
            whole=self.whole | other.whole,
        )


def _merge_arrays(
    old: Mapping[str, ArrayLayout], new: Mapping[str, ArrayLayout]
) -> dict[str, ArrayLayout]:
    """Both; an array whose scales were looked up wins over the same without."""
    merged = dict(old)
    for path, array in new.items():
        if array.dims_known or path not in merged:
            merged[path] = array
    return merged


def _merge_groups(
    old: Mapping[str, GroupLayout], new: Mapping[str, GroupLayout]
) -> dict[str, GroupLayout]:
    """Both; a group whose attributes were read wins over the same without."""
    merged = dict(old)
    for path, group in new.items():
        if group.attributes is not None or path not in merged:
            merged[path] = group
    return merged


def _rebuild_index(source: Source, whole: frozenset[str], fields: dict[str, Any]) -> Index:
    return Index(source=source, whole=whole, **fields)
