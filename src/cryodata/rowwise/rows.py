"""Rows of arrays that follow each other along their first axis: which part holds which.

The beams of a granule are unequal. They are shown as one array, beam after beam, and a
selection of its rows is turned into slices of each beam here. Pure arithmetic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cryodata.types import AnyArray, IntArray

__all__ = ["Cut", "OuterKey", "Piece", "Reading", "cut_axis", "plan_reading", "split_rows"]

AxisKey: TypeAlias = int | np.integer[Any] | slice | NDArray[np.integer[Any]]
"""One axis of an outer index: an integer >= 0, a slice with a positive step, or indices
>= 0 in ascending order, which may repeat."""

OuterKey: TypeAlias = tuple[AxisKey, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """What to read of one axis, and what to do with it then.

    Attributes
    ----------
    read : slice
        Half-open rows with a positive step, ``0 <= start <= stop <= size``.
    take : (n,) int64 or None
        Positions to pick from what was read; None takes all.
    """

    read: slice
    take: IntArray | None = None

    def __len__(self) -> int:
        return len(range(self.read.start, self.read.stop, self.read.step))


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Rows of one part that are read at once.

    Attributes
    ----------
    part : int
        Which part.
    cut : Cut
        Rows within that part.
    out : slice
        Half-open rows of the result that they fill.
    """

    part: int
    cut: Cut
    out: slice


def cut_axis(key: AxisKey, size: int) -> Cut:
    """The smallest slice that covers a key, and what to pick from it.

    Parameters
    ----------
    key : int, slice or (n,) int
        As `AxisKey`.
    size : int
        Length of the axis.
    """
    if isinstance(key, slice):
        start, stop, step = key.indices(size)
        return Cut(slice(start, max(start, stop), step))
    if isinstance(key, np.ndarray):
        if len(key) == 0:
            return Cut(slice(0, 0, 1))
        first, last = int(key[0]), int(key[-1])
        whole = len(key) == last - first + 1 and bool((np.diff(key) == 1).all())
        return Cut(slice(first, last + 1, 1), None if whole else key.astype(np.int64) - first)
    return Cut(slice(int(key), int(key) + 1, 1))


def split_rows(key: AxisKey, offsets: IntArray, gap: int) -> tuple[list[Piece], int]:
    """Cut a selection of rows into pieces of single parts.

    Parameters
    ----------
    key : int, slice or (n,) int
        Rows of all parts together, as `AxisKey`.
    offsets : (part + 1,) int64
        Part i holds the rows ``offsets[i] <= row < offsets[i + 1]``.
    gap : int
        Indices further apart than this many rows are read as separate pieces, so that
        what lies between is not read.

    Returns
    -------
    pieces : list of Piece
        In the order of the result; none for a part without selected rows.
    count : int
        Rows of the result.
    """
    if isinstance(key, np.ndarray):
        return _split_indices(key.astype(np.int64, copy=False), offsets, gap), len(key)
    rows = cut_axis(key, int(offsets[-1])).read
    chosen = range(rows.start, rows.stop, rows.step)
    pieces = []
    touched = range(  # parts that hold any of the rows, and perhaps one or two that do not
        max(0, int(np.searchsorted(offsets, rows.start, side="right")) - 1),
        min(len(offsets) - 1, int(np.searchsorted(offsets, rows.stop, side="left"))),
    )
    for part in touched:
        low, high = int(offsets[part]), int(offsets[part + 1])
        first = max(0, -(-(low - rows.start) // rows.step))
        last = min(len(chosen), -(-(high - rows.start) // rows.step))
        if first < last:
            local = slice(chosen[first] - low, chosen[last - 1] - low + 1, rows.step)
            pieces.append(Piece(part, Cut(local), slice(first, last)))
    return pieces, len(chosen)


def _split_indices(key: IntArray, offsets: IntArray, gap: int) -> list[Piece]:
    pieces = []
    edges = np.searchsorted(key, offsets)
    for part, (low, high) in enumerate(_bounds(edges)):
        local = key[low:high] - offsets[part]
        breaks = np.flatnonzero(np.diff(local) > gap) + 1
        for first, last in _bounds(np.array([0, *breaks, len(local)])):
            if first < last:
                cut = cut_axis(local[first:last], int(offsets[part + 1] - offsets[part]))
                pieces.append(Piece(part, cut, slice(low + first, low + last)))
    return pieces


def _bounds(edges: IntArray) -> list[tuple[int, int]]:
    return list(itertools.pairwise(edges.tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What to read for one outer index of an array in parts, and how to put it together.

    Attributes
    ----------
    wanted : list of (int, tuple of slice)
        Part, and half-open slices per axis of that part.
    shape : tuple of int
        Of the result before integer axes are dropped.
    pieces : list of Piece
        One per entry of `wanted`.
    trailing : tuple of Cut
        What to do with the axes after the first.
    dropped : tuple of int
        Axes indexed by an integer.
    """

    wanted: list[tuple[int, tuple[slice, ...]]]
    shape: tuple[int, ...]
    pieces: list[Piece]
    trailing: tuple[Cut, ...]
    dropped: tuple[int, ...]

    def nbytes(self, itemsize: int) -> int:
        """Bytes of what is read, decoded."""
        width = math.prod(len(cut) for cut in self.trailing)
        return itemsize * width * sum(len(piece.cut) for piece in self.pieces)

    def assemble(
        self,
        blocks: Sequence[AnyArray],
        dtype: np.dtype[Any],
        finish: Callable[[AnyArray], AnyArray],
    ) -> AnyArray:
        """The result, from the arrays read for `wanted` in the same order.

        Parameters
        ----------
        blocks : sequence of array
        dtype : numpy.dtype
            Of the result.
        finish : callable
            Turns stored values into the ones of the result, element by element.
        """
        picked = [self._pick(block, p.cut) for block, p in zip(blocks, self.pieces, strict=True)]
        if len(picked) == 1:
            result = np.asarray(finish(picked[0])).astype(dtype, copy=False)
        else:
            result = np.empty(self.shape, dtype)
            for values, piece in zip(picked, self.pieces, strict=True):
                result[piece.out] = finish(values)
        return result[
            tuple(0 if axis in self.dropped else slice(None) for axis in range(result.ndim))
        ]

    def _pick(self, block: AnyArray, first: Cut) -> AnyArray:
        for axis, cut in enumerate((first, *self.trailing)):
            if cut.take is not None:
                block = block.take(cut.take, axis=axis)
        return block


def plan_reading(
    key: OuterKey, offsets: IntArray, trailing_shape: tuple[int, ...], gap: int
) -> Reading:
    """Plan the read of an outer index of an array that lies in parts along its first axis.

    Parameters
    ----------
    key : tuple
        One `AxisKey` per axis.
    offsets : (part + 1,) int64
        First row of each part, and the number of rows at the end.
    trailing_shape : tuple of int
        Length of the axes after the first.
    gap : int
        As in `split_rows`.
    """
    pieces, count = split_rows(key[0], offsets, gap)
    trailing = tuple(cut_axis(k, n) for k, n in zip(key[1:], trailing_shape, strict=True))
    lengths = [len(cut) if cut.take is None else len(cut.take) for cut in trailing]
    rest = tuple(cut.read for cut in trailing)
    return Reading(
        wanted=[(piece.part, (piece.cut.read, *rest)) for piece in pieces],
        shape=(count, *lengths),
        pieces=pieces,
        trailing=trailing,
        dropped=tuple(a for a, k in enumerate(key) if not isinstance(k, slice | np.ndarray)),
    )
