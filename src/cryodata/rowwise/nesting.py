"""Photons of segments: where the fine rows of each coarse row lie, and where they can be. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cryodata.types import AnyArray, IntArray
from cryodata.zones.zone_map import BOUNDED, ZoneMap

__all__ = ["REACH", "Around", "agree", "around_chunks", "fine_starts", "reaches"]

REACH = 0.02
"""Degrees of latitude, 2.2 km: a photon lies so near to the reference photon of its segment.
A segment is 20 m long; what moves a photon aside is its height above or below the reference
times the slope of the beam, which is 5 degrees at most (calibration scans), so that a photon
would have to be 25 km high. `reaches` checks it against every photon that is read."""
TIME_REACH = 1.0
"""Seconds between a photon and the reference photon of its segment, at most; 20 m take 3 ms."""
METRES = 111_195.0
"""Of a degree of latitude, on a sphere of 6,371 km."""

Around = dict[str, ZoneMap]
"""``latitude``, ``longitude``, ``time`` to bounds of the fine rows' chunks."""


def fine_starts(count: AnyArray, rows: int) -> IntArray | None:
    """Row at which the fine rows of each coarse row begin.

    Parameters
    ----------
    count : (coarse,) int
        Number of its fine rows.
    rows : int
        Fine rows there are.

    Returns
    -------
    (coarse,) int64 or None
        Half-open runs ``starts[i] <= row < starts[i] + count[i]``, one after the other and
        together all rows. None where the counts do not add up to `rows`: nobody can tell then.

    Notes
    -----
    The running sum of the counts is right in whole granules and in subsets; numbers of the
    first photon are renumbered by some subsetters and kept by others, see `agree`.
    """
    counts = np.asarray(count, np.int64)
    if (counts < 0).any() or int(counts.sum()) != rows:
        return None
    return np.cumsum(counts) - counts


def agree(starts: IntArray, first: AnyArray, count: AnyArray) -> bool:
    """Whether stored numbers of first fine rows say the same as the counts.

    Parameters
    ----------
    starts, count
        As of `fine_starts`.
    first : (coarse,) int
        As stored: counted from 1, in a whole granule; 0 where a coarse row has none. They
        may differ from `starts` by one constant only. Source: ATL03 data dictionary,
        ``gtx/geolocation/ph_index_beg``.
    """
    filled = np.asarray(count) > 0
    shift = np.asarray(first, np.int64)[filled] - 1 - starts[filled]
    return not len(shift) or bool((shift == shift[0]).all())


def around_chunks(
    starts: IntArray,
    count: IntArray,
    piece: int,
    rows: int,
    places: dict[str, AnyArray],
) -> Around:
    """Bounds of the chunks of fine rows, from the places of the coarse rows they belong to.

    Parameters
    ----------
    starts, count : (coarse,) int64
        As `fine_starts` gives them.
    piece : int
        Fine rows of a chunk.
    rows : int
        Fine rows there are; at least one.
    places : dict
        ``latitude``, ``longitude`` (degrees) and ``time`` (s), each (coarse,) float64, as far
        as they are wanted.

    Returns
    -------
    dict
        The same names, bounds per chunk: widened by `REACH` and `TIME_REACH`.
    """
    filled = np.flatnonzero(count > 0)
    begins = starts[filled]
    chunks = np.arange(0, rows, piece)
    low = np.searchsorted(begins, chunks, side="right") - 1
    high = np.searchsorted(begins, np.minimum(chunks + piece, rows), side="left")
    bounds: Around = {}
    for name, values in places.items():
        own = np.append(values[filled], np.nan)  # so that the last run may end there
        edges = np.stack([low, high], axis=1).ravel()
        least = np.fmin.reduceat(own, edges)[::2]
        most = np.fmax.reduceat(own, edges)[::2]
        unknown = np.isnan(np.add.reduceat(own, edges)[::2])  # a coarse row without place
        least[unknown] = most[unknown] = np.nan
        bounds[name] = ZoneMap.bounded(least, most)
    return _widened(bounds)


def _widened(bounds: Around) -> Around:
    wide: Around = {}
    for name, zones in bounds.items():
        reach = _reach(name, bounds)
        low, high = zones.low[:, 0] - reach, zones.high[:, 0] + reach
        if name == "longitude":
            over = (low < -180) | (high > 180)  # round the back of the globe
            low, high = np.where(over, -540.0, low), np.where(over, 540.0, high)
        wide[name] = ZoneMap.bounded(low, high)
    return wide


def _reach(name: str, bounds: Mapping[str, ZoneMap]) -> NDArray[np.float64]:
    """By how much bounds are widened; longitudes by `REACH` at their latitude nearest a pole."""
    count = len(bounds[name])
    if name != "longitude":
        return np.full(count, REACH if name == "latitude" else TIME_REACH)
    latitude = bounds.get("latitude")
    if latitude is None:
        return np.full(count, 360.0)
    nearest = np.fmax(np.abs(latitude.low), np.abs(latitude.high))[:, 0] + REACH
    near = np.cos(np.radians(np.minimum(nearest, 90.0)))
    return np.where(nearest >= 90.0 - REACH, 360.0, REACH / np.maximum(near, 1e-9))


def reaches(name: str, bounds: Mapping[str, ZoneMap], measured: ZoneMap) -> bool:
    """Whether what was measured of chunks lies within their bounds, by half of the reach.

    Where it does not, photons that were not read may lie outside, too.

    Parameters
    ----------
    name : str
        ``latitude``, ``longitude`` or ``time``.
    bounds : mapping of str to ZoneMap
        As `around_chunks` gave them, of all names it was given.
    measured : ZoneMap
        Of the same chunks, taken from the values of some of them.
    """
    own = bounds[name]
    both = (own.valid[:, 0] == BOUNDED) & measured.measured & (measured.valid[:, 0] > 0)
    half = _reach(name, bounds) / 2
    low = measured.low[:, 0] >= own.low[:, 0] + half
    high = measured.high[:, 0] <= own.high[:, 0] - half
    return bool(((low & high) | np.isnan(own.low[:, 0]))[both].all())
