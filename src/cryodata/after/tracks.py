"""A table with one row per track: what it is, when and where it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from cryodata.after.rows import LABELS, track_rows, westward
from cryodata.types import AnyArray

__all__ = ["STEADY", "table_of_tracks"]

MOST_ROWS = 1 << 20
"""Rows whose time and place are in memory at once."""

STEADY = 1e-3
"""Degrees of latitude, 110 m, that a track may go back without having turned: photons of one
pulse are metres apart."""


@dataclass(slots=True)
class _Extent:
    """Where and when a track went, as far as its rows were seen."""

    times: list[AnyArray] = field(default_factory=list)
    latitudes: list[AnyArray] = field(default_factory=list)
    longitudes: list[AnyArray] = field(default_factory=list)

    def see(self, times: AnyArray, latitude: AnyArray, longitude: AnyArray) -> None:
        """Take in some rows, later than those before."""
        times = times[~np.isnat(times)]
        placed = np.isfinite(latitude) & np.isfinite(longitude)
        latitude, longitude = latitude[placed], westward(longitude[placed])
        if len(times):
            self.times.append(np.array([times.min(), times.max()]))
        if len(latitude):
            ends = [latitude[0], latitude[-1], latitude.min(), latitude.max()]
            self.latitudes.append(np.array(ends))
            # the western and the eastern hemisphere, apart for tracks across the dateline
            eastern = longitude.min(initial=np.inf, where=longitude >= 0)
            western = longitude.max(initial=-np.inf, where=longitude < 0)
            sides = [longitude.min(), longitude.max(), eastern, western]
            self.longitudes.append(np.array(sides))

    def span(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last time, both included; NaT where none is known."""
        if not self.times:
            return np.datetime64("NaT", "ns"), np.datetime64("NaT", "ns")
        seen = np.concatenate(self.times)
        return seen.min(), seen.max()

    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north; west is greater than east across the dateline."""
        if not self.latitudes:
            return (np.nan,) * 4
        latitudes, longitudes = np.array(self.latitudes), np.array(self.longitudes)
        west, east = longitudes[:, 0].min(), longitudes[:, 1].max()
        eastern, western = longitudes[:, 2].min(), longitudes[:, 3].max()
        if np.isfinite([eastern, western]).all() and western + 360.0 - eastern < east - west:
            west, east = eastern, western
        return float(west), float(latitudes[:, 2].min()), float(east), float(latitudes[:, 3].max())

    def ascending(self) -> bool | None:
        """Whether latitude grows along the track; None where it does both, or is unknown."""
        if not self.latitudes:
            return None
        seen = np.array(self.latitudes)
        first, last = seen[0, 0], seen[-1, 1]
        beyond = max(seen[:, 3].max() - max(first, last), min(first, last) - seen[:, 2].min())
        if first == last or beyond > STEADY:
            return None
        return bool(last > first)


def table_of_tracks(dataset: xr.Dataset) -> pd.DataFrame:
    """One row per track; see `CryoAccessor.tracks`."""
    rows = track_rows(dataset)
    rows.need("latitude", "longitude")
    names = ("time", "latitude", "longitude")
    extents = [_Extent() for _ in rows.counts]
    for batch in rows.batches(names, MOST_ROWS):
        rows.check_order(batch.dataset, batch.parts)
        count = batch.dataset.sizes[rows.dimension]
        timeless = xr.Variable(rows.dimension, np.full(count, np.datetime64("NaT", "ns")))
        found = [batch.dataset.variables.get(name, timeless) for name in names]
        columns = [variable.values for variable in found]
        for track, part in batch.parts:
            extents[track].see(*(column[part] for column in columns))
    table = {name: rows.label(name) for name in LABELS}
    spans, boxes = [one.span() for one in extents], [one.box() for one in extents]
    table |= {"rows": rows.counts}
    table |= _named(("first_time", "last_time"), np.array(spans, "M8[ns]").reshape(-1, 2))
    table |= _named(("west", "south", "east", "north"), np.array(boxes, float).reshape(-1, 4))
    frame = pd.DataFrame(table)
    frame["ascending"] = pd.array([one.ascending() for one in extents], "boolean")
    return frame


def _named(names: Sequence[str], columns: AnyArray) -> dict[str, AnyArray]:
    return dict(zip(names, columns.T, strict=True))
