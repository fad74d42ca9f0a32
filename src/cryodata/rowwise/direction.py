"""Which way a track goes: north, south, or both, as over a pole. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ASCENDING",
    "BOTH",
    "DESCENDING",
    "MEANINGS",
    "direction_of_region",
    "direction_of_rows",
]

ASCENDING, DESCENDING, BOTH = 1, 0, -1
"""Both also where it is not known."""
MEANINGS = {BOTH: "both_or_unknown", DESCENDING: "descending", ASCENDING: "ascending"}

CLEAR = 10.0
"""How many times farther a track has to go one way than the other: photons of a segment, and
points beside each other, are not in the order of latitude."""


def direction_of_region(region: int) -> int:
    """The way through an orbit region of ICESat-2; `BOTH` also where it is none.

    Notes
    -----
    1-3 lead from the equator to 80 degrees north and 12-14 from 79 degrees south to the
    equator, 5-10 go south between; 4 and 11 turn around the poles. Source: technical
    specification of ICESat-2's granules; the catalogue's records of regions 3 and 5 say the
    same.
    """
    if region in {1, 2, 3, 12, 13, 14}:
        return ASCENDING
    return DESCENDING if 5 <= region <= 10 else BOTH


def direction_of_rows(latitude: NDArray[Any]) -> int:
    """The way of rows in the order of time.

    Parameters
    ----------
    latitude : (row,) float array
        Degrees north. NaN is passed over.

    Returns
    -------
    int
        `BOTH` where they go both ways, or nowhere: one row does not tell.
    """
    known = latitude[~np.isnan(latitude)]
    if len(known) < 2:
        return BOTH
    north = float((known - np.minimum.accumulate(known)).max())
    south = float((np.maximum.accumulate(known) - known).max())
    if max(north, south) == 0 or max(north, south) < CLEAR * min(north, south):
        return BOTH
    return ASCENDING if north > south else DESCENDING
