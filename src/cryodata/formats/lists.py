"""Columns of lists, most of which nobody looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cryodata.types import AnyArray, IntArray

__all__ = ["Lists", "Views"]

List = tuple[int | None, ...] | None


class Lists(Sequence[List]):
    """The lists of an Arrow column, as tuples that are made when they are asked for.

    Parameters
    ----------
    column : pyarrow.ListArray
    """

    __slots__ = ("_ends", "_flat", "_null_lists", "_nulls")

    def __init__(self, column: Any) -> None:
        values = column.values
        self._ends: IntArray = column.offsets.to_numpy()
        self._nulls = _mask(values)
        self._null_lists = _mask(column)
        self._flat: AnyArray = (values.fill_null(0) if values.null_count else values).to_numpy()

    def __getitem__(self, number: Any) -> Any:
        if self._null_lists is not None and self._null_lists[number]:
            return None
        part = slice(self._ends[number], self._ends[number + 1])
        found = self._flat[part].tolist()
        if self._nulls is not None:
            pairs = zip(found, self._nulls[part].tolist(), strict=True)
            found = [None if null else value for value, null in pairs]
        return tuple(found)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def numbers(self) -> tuple[IntArray, IntArray]:
        """Ends of the lists, and all values one after the other."""
        return self._ends, self._flat


class Views(Sequence[Any]):
    """The lists of an Arrow column, as views into one array; None where a list is null.

    Parameters
    ----------
    column : pyarrow.ListArray
    flat : array
        Its values, one list after the other.
    """

    __slots__ = ("_ends", "_flat", "_nulls")

    def __init__(self, column: Any, flat: AnyArray) -> None:
        self._ends: list[int] = column.offsets.to_numpy().tolist()
        self._flat = flat
        self._nulls = _mask(column)

    def __getitem__(self, number: Any) -> Any:
        if self._nulls is not None and self._nulls[number]:
            return None
        return self._flat[self._ends[number] : self._ends[number + 1]]

    def __len__(self) -> int:
        return len(self._ends) - 1

    def present(self) -> list[int]:
        """Numbers of the lists that are not null."""
        if self._nulls is None:
            return list(range(len(self)))
        return [int(number) for number in np.flatnonzero(~self._nulls)]


def _mask(column: Any) -> NDArray[np.bool_] | None:
    """Which values are null; None where none is."""
    return column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
