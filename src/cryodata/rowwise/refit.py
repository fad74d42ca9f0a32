"""Datasets of several granules in one column: a common type, fill, and second axis. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cryodata.layout import ArrayLayout
from cryodata.types import AnyArray

__all__ = ["Refit", "common_dtype", "common_fill", "fill_of", "hides", "same_value"]

_MANTISSA = {2: 11, 4: 24, 8: 53}
"""Bits of the integers that floats of so many bytes hold exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """How values of one dataset become values of the column it is part of.

    Attributes
    ----------
    dtype : numpy.dtype
        Of the column, as stored; holds every value of the dataset.
    fill : number or None
        What stands for no value in the column.
    own : number or None
        The same in the dataset, where it is another one.
    places : tuple of int or None
        Column of each of the dataset's columns, ascending; -1 where it is left out. None
        where the second axis is the same, or there is none.
    """

    dtype: np.dtype[Any]
    fill: Any
    own: Any = None
    places: tuple[int, ...] | None = None

    def stored(self, wanted: slice) -> slice:
        """Columns of the dataset that hold all that are `wanted` of the column's."""
        inside = self._inside(wanted)
        return slice(inside[0], inside[-1] + 1, 1) if inside else slice(0, 0, 1)

    def apply(self, block: AnyArray, wanted: slice | None) -> AnyArray:
        """The values as the column has them.

        Parameters
        ----------
        block : (row, ...) array
            Columns `stored` of the dataset.
        wanted : slice or None
            Of the column's second axis; half-open, with a positive step.
        """
        values = np.asarray(block, self.dtype)
        if self.own is not None:
            values = np.where(_equals(block, self.own), self.dtype.type(self.fill), values)
        if self.places is None or wanted is None:
            return values
        count = len(range(wanted.start, wanted.stop, wanted.step))
        spread = np.full((len(values), count, *values.shape[2:]), self.fill, self.dtype)
        inside = self._inside(wanted)
        for column in inside:
            steps, beside = divmod(self.places[column] - wanted.start, wanted.step)
            if not beside:
                spread[:, steps] = values[:, column - inside[0]]
        return spread

    def _inside(self, wanted: slice) -> list[int]:
        assert self.places is not None
        return [i for i, place in enumerate(self.places) if wanted.start <= place < wanted.stop]


def common_dtype(dtypes: Iterable[np.dtype[Any]]) -> np.dtype[Any] | None:
    """The type that holds all values of several types exactly; None where there is none."""
    several = set(dtypes)
    if len(several) == 1:
        return several.pop()
    try:
        common = np.result_type(*several)
    except TypeError:
        return None
    if common.kind == "f":
        bits = [_bits(dtype) for dtype in several if dtype.kind != "f"]
        return common if max(bits, default=0) <= _MANTISSA.get(common.itemsize, 0) else None
    return common if {dtype.kind for dtype in several} <= set("biu") else None


def _bits(dtype: np.dtype[Any]) -> int:
    """Of the largest magnitude of an integer type."""
    return 8 * dtype.itemsize - (dtype.kind == "i")


def fill_of(layout: ArrayLayout) -> Any:
    """What stands for no value, as a number of numpy; None where nothing does."""
    fill = layout.attributes.get("_FillValue")
    return None if fill is None else np.ravel(fill)[0]


def common_fill(layouts: Sequence[ArrayLayout]) -> Any:
    """What stands for no value in a column of datasets.

    The first of their own fill values that is no valid number of any of them; where there is
    none, the first: `hides` tells of which dataset it hides values. None where no dataset
    has one.
    """
    kinds = list({(id(x.attributes), x.dtype.str): x for x in layouts}.values())
    fills = [fill for layout in kinds if (fill := fill_of(layout)) is not None]
    if len(kinds) == 1 or not fills:
        return fills[0] if fills else None
    clear = (fill for fill in fills if not any(hides(fill, layout) for layout in kinds))
    return next(clear, fills[0])


def hides(fill: Any, layout: ArrayLayout) -> bool:
    """Whether `fill` may be a valid value of a dataset; the largest float of a type never is."""
    return not same_value(fill, fill_of(layout)) and _holds(layout.dtype, fill)


def same_value(a: Any, b: Any) -> bool:
    """Whether two fill values are the same number, whatever their types; NaN is NaN."""
    if a is None or b is None:
        return a is b
    return bool(a == b or (_is_nan(a) and _is_nan(b)))


def _holds(dtype: np.dtype[Any], fill: Any) -> bool:
    """Whether a number, which is not NaN, is one that a type can have."""
    if _is_nan(fill):
        return False  # in floats it is no value anyhow
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return float(fill).is_integer() and limits.min <= int(fill) <= limits.max
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return bool(dtype.type(fill) == fill and abs(fill) != np.finfo(dtype).max)
    return True


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _equals(values: AnyArray, fill: Any) -> AnyArray:
    return np.asarray(np.isnan(values) if _is_nan(fill) else values == fill)
