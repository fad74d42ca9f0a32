"""How one dataset lies in its file: its type, its shape, its filters, and where its values are.

Chunks are columns of numpy, never a Python object per chunk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import UnsupportedError
from cryodata.types import IntArray

__all__ = [
    "ArrayLayout",
    "ChunkTable",
    "Chunked",
    "Contiguous",
    "Empty",
    "Filter",
    "Inline",
    "Located",
    "Unreadable",
]

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


class Chunked:
    """The values are cut into equal chunks, each filtered by itself.

    Parameters
    ----------
    table : ChunkTable
    """

    __slots__ = ("_make", "_number", "_table")
    __match_args__ = ("table",)

    def __init__(self, table: ChunkTable) -> None:
        self._table: ChunkTable | None = table
        self._make: Callable[[int], ChunkTable] | None = None
        self._number = 0

    @classmethod
    def later(cls, make: Callable[[int], ChunkTable], number: int) -> Self:
        """Chunks that are looked up, ``make(number)``, when somebody asks where they are."""
        self = cls.__new__(cls)
        self._table, self._make, self._number = None, make, number
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Chunked, (self.table,)

    @property
    def table(self) -> ChunkTable:
        """Where the chunks are; raises what looking them up raises."""
        if self._table is None and self._make is not None:
            self._table = self._make(self._number)
        return self._table  # type: ignore[return-value]  # there is one or the other


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
