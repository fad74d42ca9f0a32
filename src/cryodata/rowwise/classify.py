"""Classes of photons, which another product says: ``classify="ATL08"``. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cryodata.errors import FormatError
from cryodata.types import AnyArray, IntArray

__all__ = ["UNCLASSIFIED", "classes_of_rows", "rows_of_segments"]

UNCLASSIFIED = -1
"""Class of a row that the other product does not mention."""


def rows_of_segments(
    segment: AnyArray, index: AnyArray, *, identity: AnyArray, count: IntArray, start: int
) -> tuple[IntArray, NDArray[np.bool_]]:
    """Rows that are named by a segment and a number within it.

    Parameters
    ----------
    segment : (n,) int
        Identity of the segment that each of n photons is in.
    index : (n,) int
        Its number among the photons of that segment, counted from `start`.
    identity : (segment,) int
        Of the segments there are.
    count : (segment,) int64
        Photons of each, one segment after the other.
    start : int
        0 or 1.

    Returns
    -------
    rows : (m,) int64
        Of the m photons whose segment is there.
    there : (n,) bool
        Which these are: a subset may hold fewer segments.

    Raises
    ------
    FormatError
        A number is not among the photons of its segment.

    Notes
    -----
    ``row = first row of the segment + index - start``. Source: ATL08 data dictionary,
    ``gtx/signal_photons/classed_pc_indx`` and ``ph_segment_id``.
    """
    order = np.argsort(identity, kind="stable")
    at = np.searchsorted(identity, segment, sorter=order)
    place = order[np.minimum(at, len(order) - 1)] if len(order) else np.zeros(len(segment), int)
    there = np.zeros(len(segment), bool) if not len(order) else identity[place] == segment
    place, number = place[there], np.asarray(index, np.int64)[there] - start
    wrong = (number < 0) | (number >= count[place])
    if wrong.any():
        raise FormatError(
            f"{int(wrong.sum()):,} of {len(wrong):,} classified photons are none of their "
            "segment's: the classes are of other photons",
            fix="Give the granule that was made from these photons: of the same release.",
        )
    starts = np.cumsum(count) - count
    return starts[place] + number, there


def classes_of_rows(rows: IntArray, classes: AnyArray, stored: int) -> NDArray[np.int8]:
    """The class of each row.

    Parameters
    ----------
    rows : (n,) int64
    classes : (n,) int
        Of these rows.
    stored : int
        Number of rows.

    Returns
    -------
    (stored,) ndarray of int8
        `UNCLASSIFIED` for rows that are not among `rows`.

    Raises
    ------
    FormatError
        A row is out of range.
    """
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < stored:
        raise FormatError(f"a class is said of row {int(rows.max()):,} of {stored:,}")
    found = np.full(stored, UNCLASSIFIED, np.int8)
    found[rows] = classes
    return found
