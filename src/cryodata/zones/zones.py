"""What is known of the values of a variable in runs of its rows, without reading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.types import IntArray

__all__ = ["Zones"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Zones:
    """Statistics of one variable, one entry per zone: a run of rows, such as a chunk.

    They describe the values as a condition gets to see them: decoded, with fill values as
    NaN where decoding makes them NaN. Times count in the unit of their dtype since 1970.

    Attributes
    ----------
    low, high : (n,) float64
        Bounds of the valid values, inclusive, ``low <= value <= high``; they may be wider
        than the values. NaN where a bound is not known. What float64 cannot hold, beyond
        2**53, may be rounded to the nearest float64.
    valid : (n,) int64
        Values that are not NaN and not NaT; -1 where that is not known.
    size : (n,) int64
        Rows.
    dtype : numpy.dtype or None
        Of the values. It decides how numpy compares them with a number; where it is None,
        every way is reckoned with, and fewer zones are ruled out.
    counts : mapping of int to (n,) int64, or None
        Rows per value, for flags. Used in the zones where they add up to `valid`.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    valid: IntArray
    size: IntArray
    dtype: np.dtype[Any] | None = None
    counts: Mapping[int, IntArray] | None = None

    def __len__(self) -> int:
        return len(self.size)
