"""A column of lists of integers, most of which nobody looks at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from cryodata.types import IntArray

__all__ = ["Lists"]

List = tuple[int | None, ...] | None


class Lists(Sequence[List]):
    """The lists of an Arrow column, as tuples that are made when they are asked for.

    Parameters
    ----------
    column : pyarrow.ListArray
    """

    def __init__(self, column: Any) -> None:
        self._column = column
        self._ends: IntArray = column.offsets.to_numpy()

    @cached_property
    def _plain(self) -> tuple[list[int], list[int | None], list[bool] | None]:
        """Ends, values, and which lists are null, as Python's own."""
        nulls = self._column.is_null().to_pylist() if self._column.null_count else None
        return self._ends.tolist(), self._column.values.to_pylist(), nulls

    def __getitem__(self, number: Any) -> Any:
        ends, values, nulls = self._plain
        if nulls is not None and nulls[number]:
            return None
        return tuple(values[ends[number] : ends[number + 1]])

    def __len__(self) -> int:
        return len(self._column)

    def numbers(self) -> tuple[IntArray, IntArray]:
        """Ends of the lists, and all values one after the other, null as -1."""
        values = self._column.values
        flat = values.fill_null(-1) if values.null_count else values
        return self._ends, np.asarray(flat.to_numpy(), np.int64)
