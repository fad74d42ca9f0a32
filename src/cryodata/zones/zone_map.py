"""Minima and maxima of the chunks of a dataset: learnt when chunks are decoded, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cryodata.layout import ArrayLayout
from cryodata.types import AnyArray, IntArray
from cryodata.zones.zones import Zones

__all__ = ["BOUNDED", "UNKNOWN", "Learner", "ZoneMap", "can_have_zones"]

UNKNOWN, BOUNDED = -1, -2
"""In `ZoneMap.valid`: nothing is known of a chunk; bounds that were not taken from its values."""

_PACKED = frozenset({"scale_factor", "add_offset", "missing_value", "_Unsigned"})
"""Attributes that make a value mean another number than the one stored."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZoneMap:
    """Bounds of the stored values of a dataset, per chunk of its rows.

    Attributes
    ----------
    low, high : (chunk, column) float64
        Bounds of the values that are neither fill nor NaN, inclusive; rounded to float64,
        as numpy rounds. NaN where nothing is known, or no value is valid. Datasets of one
        axis have one column.
    valid : (chunk, column) int64
        Number of those values; `UNKNOWN`; or `BOUNDED`.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    valid: IntArray

    @classmethod
    def unknown(cls, chunks: int, columns: int = 1) -> Self:
        """Of a dataset of which nothing was decoded yet."""
        nothing = np.full((chunks, columns), np.nan)
        return cls(low=nothing, high=nothing, valid=np.full((chunks, columns), UNKNOWN))

    @classmethod
    def bounded(cls, low: NDArray[np.float64], high: NDArray[np.float64]) -> Self:
        """Bounds, (chunk,) float64, known otherwise than from the values."""
        valid = np.full((len(low), 1), BOUNDED)
        return cls(low=low[:, None], high=high[:, None], valid=valid)

    def __len__(self) -> int:
        return len(self.valid)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(chunk,) bool: something is known of it."""
        return np.asarray((self.valid != UNKNOWN).all(axis=1), bool)

    @property
    def measured(self) -> NDArray[np.bool_]:
        """(chunk,) bool: what is known was taken from its values."""
        return np.asarray((self.valid >= 0).all(axis=1), bool)

    def is_news(self, other: ZoneMap) -> bool:
        """Whether another knows a chunk of which this knows nothing, or less surely."""
        news = (other.known & ~self.known) | (other.measured & ~self.measured)
        return bool(news.any())

    def merge(self, other: ZoneMap) -> ZoneMap:
        """Both; where both know a chunk, what was taken from values wins."""
        take = other.known & ~self.measured
        return ZoneMap(
            low=np.where(take[:, None], other.low, self.low),
            high=np.where(take[:, None], other.high, self.high),
            valid=np.where(take[:, None], other.valid, self.valid),
        )

    def zones(
        self, layout: ArrayLayout, column: int = 0, dtype: np.dtype[Any] | None = None
    ) -> Zones:
        """One column, as conditions want it.

        Parameters
        ----------
        layout : ArrayLayout
            The dataset.
        column : int
        dtype : numpy.dtype, optional
            Of the values as conditions get to see them.
        """
        rows = np.full(len(self), layout.piece_shape[0], np.int64)
        rows[-1:] = layout.shape[0] - layout.piece_shape[0] * (len(self) - 1)
        return Zones(
            low=self.low[:, column],
            high=self.high[:, column],
            valid=np.maximum(self.valid[:, column], UNKNOWN),
            size=rows,
            dtype=dtype,
        )


def can_have_zones(layout: ArrayLayout) -> bool:
    """Whether the chunks of a dataset are runs of rows whose stored values are numbers."""
    return (
        layout.chunk_shape is not None
        and layout.dtype.kind in "iuf"
        and len(layout.shape) in {1, 2}
        and all(n <= c for n, c in zip(layout.shape[1:], layout.chunk_shape[1:], strict=True))
        and layout.shape[0] > 0
        and not _PACKED.intersection(layout.attributes)
    )


class Learner:
    """Notes the bounds of chunks as they are decoded, from any thread."""

    __slots__ = ("_fill", "_high", "_low", "_valid")

    def __init__(self, layout: ArrayLayout) -> None:
        columns = layout.shape[1] if len(layout.shape) > 1 else 1
        blank = ZoneMap.unknown(layout.grid[0], columns)
        self._low, self._high, self._valid = blank.low.copy(), blank.high.copy(), blank.valid
        fill = layout.attributes.get("_FillValue")
        self._fill: Any = None if fill is None else np.ravel(fill)[0]

    def note(self, chunk: int, values: AnyArray) -> None:
        """Take the bounds of a chunk.

        Parameters
        ----------
        chunk : int
        values : (row,) or (row, column) array
            All its rows, as far as the dataset reaches.
        """
        for column, own in enumerate(values.reshape(len(values), -1).T):
            if self._fill is not None:
                own = own[own != self._fill]
            if own.dtype.kind == "f":
                own = own[~np.isnan(own)]
            if len(own):
                self._low[chunk, column], self._high[chunk, column] = own.min(), own.max()
            self._valid[chunk, column] = len(own)

    def result(self) -> ZoneMap:
        """What was learnt."""
        return ZoneMap(low=self._low, high=self._high, valid=self._valid)
