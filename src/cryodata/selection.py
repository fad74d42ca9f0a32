"""Which rows are wanted: a region, a span of time, a condition on values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryodata.condition import Condition
from cryodata.errors import SelectionError
from cryodata.region.region import Region
from cryodata.timespan import TimeSpan
from cryodata.types import AnyArray
from cryodata.zones.zones import Zones

__all__ = ["Selection"]

PLACE = ("longitude", "latitude")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Conditions that rows have to fulfil, all of them; None keeps every row.

    Attributes
    ----------
    region : Region or None
        By the coordinates ``longitude`` and ``latitude``.
    time : TimeSpan or None
        By the coordinate ``time``.
    where : Condition or None
        On variables under the names that the condition uses.
    """

    region: Region | None = None
    time: TimeSpan | None = None
    where: Condition | None = None

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return not (self.region is None and self.time is None and self.where is None)

    @property
    def names(self) -> tuple[str, ...]:
        """Coordinates and variables it is about, each once."""
        place = PLACE if self.region is not None else ()
        time = ("time",) if self.time is not None else ()
        where = self.where.names if self.where is not None else ()
        return tuple(dict.fromkeys((*place, *time, *where)))

    def with_words(self, words: Mapping[str, Mapping[str, int]]) -> Selection:
        """The same, flag words of the condition replaced by their numbers.

        Parameters
        ----------
        words : mapping of str to (mapping of str to int)
            Variable to word to number.

        Raises
        ------
        SelectionError
            A word that the variable does not know.
        """
        if self.where is None:
            return self
        return replace(self, where=self.where.with_words(words, times=("time",)))

    def holds(self, values: Mapping[str, AnyArray]) -> NDArray[np.bool_]:
        """Which rows fulfil all conditions.

        Parameters
        ----------
        values : mapping of str to (row,) array
            Each of `names` as a Dataset shows it: decoded, times as ``datetime64``.

        Returns
        -------
        (row,) ndarray of bool
            True = keep. NaN and NaT are in no region and no span; in comparisons they
            are as in numpy.

        Raises
        ------
        SelectionError
            Values are missing, or the condition cannot be asked of their kind.
        """
        if missing := [name for name in self.names if name not in values]:
            raise SelectionError(
                f"the rows have no {' and '.join(missing)}",
                fix="Open them without conditions on it.",
            )
        lengths = {len(values[name]) for name in self.names}
        kept = np.ones(lengths.pop() if lengths else 0, bool)
        if self.time is not None:
            kept &= self.time.contains(values["time"])
        if self.region is not None:
            kept &= self.region.contains(values["longitude"], values["latitude"])
        if self.where is not None:
            kept &= self.where.evaluate({name: values[name] for name in self.where.names})
        return kept

    def possible(self, zones: Mapping[str, Zones], count: int) -> NDArray[np.bool_]:
        """Which zones may hold a row that fulfils all conditions.

        Parameters
        ----------
        zones : mapping of str to Zones
            Bounds of those of `names` of which any are known; ``time`` in nanoseconds
            since 1970.
        count : int
            Number of zones.

        Returns
        -------
        (zone,) ndarray of bool
            False only where no row can be wanted.
        """
        kept = np.ones(count, bool)
        if self.region is not None:
            unknown = np.full(count, np.nan)
            lon, lat = (zones.get(name) for name in PLACE)
            west, east = (unknown, unknown) if lon is None else (lon.low, lon.high)
            south, north = (unknown, unknown) if lat is None else (lat.low, lat.high)
            kept &= self.region.may_touch(west, south, east, north)
            for place in (lon, lat):
                if place is not None:
                    kept &= place.valid != 0
        if self.time is not None and "time" in zones:
            kept &= _may_be_in(self.time, zones["time"])
        if self.where is not None:
            known = {name: zones[name] for name in self.where.names if name in zones}
            if known:
                kept &= self.where.possible(known)
        return kept


def _may_be_in(span: TimeSpan, zones: Zones) -> NDArray[np.bool_]:
    """Zones whose times may fall into a span."""
    known = ~np.isnan(zones.low) & ~np.isnan(zones.high)
    kept = np.ones(len(zones), bool)
    if span.start is not None:
        kept &= ~known | (zones.high >= _nanoseconds(span.start))
    if span.stop is not None:
        kept &= ~known | (zones.low <= _nanoseconds(span.stop))
    return np.asarray(kept & (zones.valid != 0), bool)


def _nanoseconds(instant: np.datetime64) -> float:
    """Since 1970, in float64, whose steps are below 256 ns for 73 years from then."""
    return float(instant.astype("M8[ns]").astype(np.int64))
