"""The cells of a grid on the Earth: which are inside a region, and the window that holds them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cryodata.grids.projection import degrees_of, is_degrees, is_smooth, projected
from cryodata.region.region import Region

__all__ = ["Cells", "Window"]

Floats = NDArray[np.float64]

Window: TypeAlias = tuple[slice, slice]
"""Half-open rows and columns."""

Holds: TypeAlias = Callable[[slice], NDArray[np.bool_]]
"""Which of some rows, or columns, hold a cell."""

AT_ONCE = 1 << 20
"""Cells looked at in one piece: some 50 MB."""

STEPS = 1000
"""Points along the edges of a region, at least, when they are projected."""

FARTHEST_STEP = 0.25
"""Degrees between them, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Where the centres of the cells of a grid lie.

    Attributes
    ----------
    x, y : (column,) and (row,) float64
        In the units of the projection. Or both (row, column), degrees east and north, with
        NaN where the place is not known.
    wkt : str
        The projection; empty where x and y are degrees.
    """

    x: Floats
    y: Floats
    wkt: str = ""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.y.shape[0], self.x.shape[-1]

    def inside(
        self,
        region: Region,
        rows: slice | NDArray[np.intp],
        columns: slice | NDArray[np.intp],
    ) -> NDArray[np.bool_]:
        """Which of some rows and columns have their centre in a region; (row, column)."""
        count = len(np.arange(self.shape[1])[columns])
        numbers = np.arange(self.shape[0])[rows]
        result = np.zeros((len(numbers), count), bool)
        step = max(1, AT_ONCE // max(1, count))
        for start in range(0, len(numbers), step):
            part = numbers[start : start + step]
            result[start : start + step] = region.contains(*self._degrees(part, columns))
        return result

    def degrees(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Longitude and latitude of single cells, by pairs of row and column."""
        if self.x.ndim == 2:
            return self.x[rows, columns], self.y[rows, columns]
        return degrees_of(self.wkt, self.x[columns], self.y[rows])

    def _degrees(
        self, rows: NDArray[np.intp], columns: slice | NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        if self.x.ndim == 2:
            return self.x[rows][:, columns], self.y[rows][:, columns]
        return degrees_of(self.wkt, self.x[columns][None, :], self.y[rows][:, None])

    def window(self, region: Region) -> Window | None:
        """The smallest window that holds all cells with their centre in a region.

        Parameters
        ----------
        region : Region
            One over the antimeridian may lie at both ends of a grid of the whole Earth:
            the window is then all of its columns.

        Returns
        -------
        rows, columns : slice
            None where no centre is inside.
        """
        near = self._near(region)
        return None if near is None else self._tight(region, *near)

    def _near(self, region: Region) -> Window | None:
        """A window that is surely large enough, from the projected edges of the region."""
        whole = slice(0, self.shape[0]), slice(0, self.shape[1])
        if self.x.ndim == 2 or not is_smooth(self.wkt):
            return whole
        if is_degrees(self.wkt):
            _, south, _, north = region.bounds
            rows = _span(self.y, south, north)
            return None if rows is None else (rows, whole[1])
        edges = [projected(self.wkt, *_along(ring)) for ring in _rings(region)]
        if not all(np.isfinite(axis).all() for edge in edges for axis in edge):
            return whole  # it holds the point opposite to the middle of the projection
        # A projection without a tear takes the edge of a region to the edge of its image;
        # between two points of it, the edge strays by less than they are apart.
        stray = max(float(np.hypot(np.diff(x), np.diff(y)).max()) for x, y in edges)
        columns = _span(self.x, *_ends([x for x, _ in edges], stray))
        rows = _span(self.y, *_ends([y for _, y in edges], stray))
        return None if rows is None or columns is None else (rows, columns)

    def _tight(self, region: Region, rows: slice, columns: slice) -> Window | None:
        """Rows and columns from the first to the last with a cell inside."""

        def row_is_in(part: slice) -> NDArray[np.bool_]:
            return np.asarray(self.inside(region, part, columns).any(axis=1))

        found = _first_and_last(rows, row_is_in)
        if found is None:
            return None
        rows = found

        def column_is_in(part: slice) -> NDArray[np.bool_]:
            return np.asarray(self.inside(region, rows, part).any(axis=0))

        found = _first_and_last(columns, column_is_in)
        return None if found is None else (rows, found)


def _first_and_last(whole: slice, holds: Holds) -> slice | None:
    """From the first to the last of some rows that hold a cell, looking from both ends."""
    first = _first(_blocks(whole), holds, backwards=False)
    if first is None:
        return None
    last = _first(_blocks(slice(first, whole.stop), backwards=True), holds, backwards=True)
    return None if last is None else slice(first, last + 1)


def _first(blocks: list[slice], holds: Holds, *, backwards: bool) -> int | None:
    for block in blocks:
        hits = np.flatnonzero(holds(block))
        if len(hits):
            return int(block.start + hits[-1 if backwards else 0])
    return None


def _blocks(whole: slice, *, backwards: bool = False) -> list[slice]:
    """Pieces of growing length: what is looked for is mostly near the end."""
    lengths = [0]
    step = 8
    while lengths[-1] < whole.stop - whole.start:
        lengths.append(min(whole.stop - whole.start, lengths[-1] + step))
        step *= 2
    pairs = itertools.pairwise(lengths)
    if backwards:
        return [slice(whole.stop - b, whole.stop - a) for a, b in pairs]
    return [slice(whole.start + a, whole.start + b) for a, b in pairs]


def _rings(region: Region) -> list[Floats]:
    return [np.array(ring, "f8") for polygon in region.polygons for ring in polygon[:1]]


def _along(ring: Floats) -> tuple[Floats, Floats]:
    """Points along a closed ring, near enough to each other."""
    lengths = np.hypot(*np.diff(ring, axis=0).T)
    step = float(np.clip(lengths.sum() / STEPS, 1e-6, FARTHEST_STEP))
    places = np.concatenate([[0.0], np.cumsum(lengths)])
    between = np.linspace(0, places[-1], int(np.ceil(places[-1] / step)) + 1)
    at = np.union1d(places, between)  # the corners themselves, and points between
    kept = np.concatenate([[True], np.diff(places) > 0])
    return (
        np.interp(at, places[kept], ring[kept, 0]),
        np.interp(at, places[kept], ring[kept, 1]),
    )


def _ends(axes: list[Floats], stray: float) -> tuple[float, float]:
    return (
        min(float(axis.min()) for axis in axes) - stray,
        max(float(axis.max()) for axis in axes) + stray,
    )


def _span(axis: Floats, low: float, high: float) -> slice | None:
    """From the first to the last of an axis, ascending or descending, within two ends."""
    hits = np.flatnonzero((axis >= low) & (axis <= high))
    return slice(int(hits[0]), int(hits[-1]) + 1) if len(hits) else None
