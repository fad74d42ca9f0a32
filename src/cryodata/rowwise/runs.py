"""Runs of rows: which rows of a track are wanted, as few numbers. Pure arithmetic."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cryodata.types import IntArray

__all__ = [
    "Runs",
    "all_rows",
    "bridge",
    "count_rows",
    "inside_runs",
    "intersect",
    "pick_rows",
    "runs_of_mask",
    "runs_of_pieces",
]

Runs: TypeAlias = IntArray
"""(n, 2) int64: half-open runs ``start <= row < stop``; not empty, disjoint, ascending."""


def all_rows(rows: int) -> Runs:
    """The run of all rows of a track; none where it has none."""
    return np.array([[0, rows]] if rows else [], np.int64).reshape(-1, 2)


def count_rows(runs: Runs) -> int:
    """Number of rows in all runs together."""
    return int((runs[:, 1] - runs[:, 0]).sum())


def inside_runs(runs: Runs, wanted: Runs) -> NDArray[np.bool_]:
    """Which rows of `runs`, in their order, are among the `wanted`, which lie within them.

    Returns
    -------
    (row,) ndarray of bool
    """
    begins = np.cumsum(runs[:, 1] - runs[:, 0]) - (runs[:, 1] - runs[:, 0])
    at = np.searchsorted(runs[:, 0], wanted[:, 0], side="right") - 1
    edges = wanted - (runs[at, 0] - begins[at])[:, None]
    steps = np.zeros(count_rows(runs) + 1, np.int8)
    np.add.at(steps, edges[:, 0], 1)
    np.add.at(steps, edges[:, 1], -1)
    return np.cumsum(steps[:-1]).astype(bool)


def runs_of_mask(mask: NDArray[np.bool_]) -> Runs:
    """The runs of True.

    Parameters
    ----------
    mask : (row,) bool
    """
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return edges.astype(np.int64).reshape(-1, 2)


def runs_of_pieces(wanted: NDArray[np.bool_], piece: int, rows: int) -> Runs:
    """The rows of wanted pieces; neighbours become one run.

    Parameters
    ----------
    wanted : (n,) bool
        Of each piece of `piece` rows, the last of which may be shorter.
    piece : int
    rows : int
        Of all pieces together.
    """
    return np.minimum(runs_of_mask(wanted) * piece, rows)


def bridge(runs: Runs, gap: int) -> Runs:
    """Runs that hold all of `runs`; those no more than `gap` rows apart become one."""
    if len(runs) == 0:
        return runs
    far = np.flatnonzero(runs[1:, 0] - runs[:-1, 1] > gap)
    return np.stack(
        [runs[np.append(0, far + 1), 0], runs[np.append(far, len(runs) - 1), 1]], axis=1
    )


def intersect(one: Runs, other: Runs) -> Runs:
    """Rows that are in both."""
    first = np.searchsorted(other[:, 1], one[:, 0], side="right")
    last = np.searchsorted(other[:, 0], one[:, 1], side="left")
    lengths = np.maximum(last - first, 0)
    mine = np.repeat(np.arange(len(one)), lengths)
    before = np.cumsum(lengths) - lengths
    theirs = np.arange(len(mine)) - np.repeat(before - first, lengths)
    return np.stack(
        [
            np.maximum(one[mine, 0], other[theirs, 0]),
            np.minimum(one[mine, 1], other[theirs, 1]),
        ],
        axis=1,
    ).astype(np.int64)


def pick_rows(runs: Runs, kept: NDArray[np.bool_]) -> Runs:
    """The rows of `runs` that are kept.

    Parameters
    ----------
    runs : Runs
    kept : (row,) bool
        One per row of the runs, in their order.
    """
    inside = runs_of_mask(kept)
    lengths = runs[:, 1] - runs[:, 0]
    begins = np.cumsum(lengths) - lengths  # of each run, among the rows of all
    pieces = intersect(inside, np.stack([begins, begins + lengths], axis=1))
    at = np.searchsorted(begins, pieces[:, 0], side="right") - 1
    stored: Runs = pieces + (runs[at, 0] - begins[at])[:, None]
    return bridge(stored, 0)  # runs may have met end to start
