"""Runs of rows, against sets of rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cryodata.rowwise.runs import (
    Runs,
    all_rows,
    bridge,
    count_rows,
    inside_runs,
    intersect,
    pick_rows,
    runs_of_mask,
    runs_of_pieces,
)

Mask = NDArray[np.bool_]
MASKS = st.lists(st.booleans(), max_size=30).map(lambda bits: np.array(bits, bool))


def rows_of(runs: Runs) -> list[int]:
    return [row for start, stop in runs.tolist() for row in range(start, stop)]


def assert_runs(runs: Runs, rows: list[int]) -> None:
    assert rows_of(runs) == rows
    assert count_rows(runs) == len(rows)
    assert runs.shape == (len(runs), 2)
    assert runs.dtype == np.int64
    assert (runs[:, 0] < runs[:, 1]).all()


@given(MASKS)
def test_runs_of_a_mask_are_its_true_rows(mask: Mask) -> None:
    """A run that is one row short loses a height at each edge of a region."""
    runs = runs_of_mask(mask)
    assert_runs(runs, np.flatnonzero(mask).tolist())
    assert (runs[1:, 0] > runs[:-1, 1]).all()  # neighbours are one run


@given(MASKS, MASKS)
def test_intersection_is_that_of_sets(one: Mask, other: Mask) -> None:
    """Two conditions on a track leave the rows that both leave."""
    expected = np.flatnonzero(one)[np.isin(np.flatnonzero(one), np.flatnonzero(other))].tolist()
    assert_runs(intersect(runs_of_mask(one), runs_of_mask(other)), expected)


@given(MASKS, st.data())
def test_picking_goes_by_the_order_of_the_rows(mask: Mask, data: st.DataObject) -> None:
    """A kept row taken for its neighbour would carry the wrong height."""
    runs = runs_of_mask(mask)
    rows = rows_of(runs)
    kept = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool
    )
    expected = [row for row, keep in zip(rows, kept, strict=True) if keep]
    assert_runs(pick_rows(runs, kept), expected)


@given(MASKS, st.integers(1, 5), st.integers(0, 4))
def test_pieces_become_rows(wanted: Mask, piece: int, short: int) -> None:
    """The last chunk of a track is rarely full; rows past its end do not exist."""
    rows = max(0, len(wanted) * piece - min(short, piece - 1))
    expected = [row for row in range(rows) if wanted[row // piece]]
    assert_runs(runs_of_pieces(wanted, piece, rows), expected)


@given(MASKS, st.integers(0, 4))
def test_bridging_adds_only_short_gaps(mask: Mask, gap: int) -> None:
    """Runs in one chunk are read as one; what lies far between is not read."""
    runs = runs_of_mask(mask)
    expected = mask.copy()
    for (_, stop), (start, _) in pairwise(runs.tolist()):
        if start - stop <= gap:
            expected[stop:start] = True
    assert_runs(bridge(runs, gap), np.flatnonzero(expected).tolist())


@given(MASKS, st.integers(0, 4))
def test_rows_inside_bridged_runs_are_found_again(mask: Mask, gap: int) -> None:
    """What was read with the wanted rows must not stay with them."""
    runs = runs_of_mask(mask)
    wide = bridge(runs, gap)
    kept = inside_runs(wide, runs)
    assert [row for row, keep in zip(rows_of(wide), kept, strict=True) if keep] == rows_of(runs)


def test_all_rows_of_a_track() -> None:
    """An empty track has no run, rather than one of length 0."""
    assert_runs(all_rows(3), [0, 1, 2])
    assert_runs(all_rows(0), [])


def test_runs_that_touch_become_one_where_rows_are_picked() -> None:
    """Candidates from two chunks are read as one piece."""
    runs = np.array([[0, 10], [10, 20]])
    assert pick_rows(runs, np.ones(20, bool)).tolist() == [[0, 20]]
