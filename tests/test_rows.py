"""Rows over several parts, against numpy on the joined array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryodata.rowwise.rows import cut_axis, plan_reading, split_rows
from cryodata.types import AnyArray

LENGTHS = st.lists(st.integers(0, 7), min_size=1, max_size=5)


@st.composite
def axis_keys(draw: st.DrawFn, size: int) -> Any:
    """An integer, a slice with a positive step, or ascending indices with repeats."""
    kinds = ["slice", "indices"] + (["integer"] if size else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "integer":
        return draw(st.integers(0, size - 1))
    if kind == "slice":
        ends = st.none() | st.integers(-size - 2, size + 2)
        return slice(draw(ends), draw(ends), draw(st.none() | st.integers(1, size + 2)))
    indices = draw(st.lists(st.integers(0, size - 1), max_size=12)) if size else []
    return np.array(sorted(indices), np.int64)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[AnyArray], tuple[Any, ...], int]:
    lengths = draw(LENGTHS)
    width = draw(st.integers(1, 4))
    numbers = np.arange(sum(lengths) * width).reshape(-1, width)
    parts = np.split(numbers, np.cumsum(lengths)[:-1])
    key = (draw(axis_keys(sum(lengths))), draw(axis_keys(width)))
    return parts, key, draw(st.integers(1, 5))


def as_numpy(array: AnyArray, key: tuple[Any, ...]) -> AnyArray:
    """Outer indexing by its definition: one axis after the other."""
    for axis in reversed(range(array.ndim)):
        array = array[(slice(None),) * axis + (key[axis],)]
    return array


@given(cases())
def test_any_outer_index_equals_numpy_on_the_joined_array(
    case: tuple[list[AnyArray], tuple[Any, ...], int],
) -> None:
    """A row taken from the wrong beam would carry a wrong height without anybody noticing."""
    parts, key, gap = case
    joined = np.concatenate(parts)
    offsets = np.cumsum([0, *(len(part) for part in parts)])
    reading = plan_reading(key, offsets, joined.shape[1:], gap)
    blocks = [parts[part][slices] for part, slices in reading.wanted]
    result = reading.assemble(blocks, joined.dtype, lambda values: values)
    np.testing.assert_array_equal(result, as_numpy(joined, key))
    assert reading.nbytes(joined.itemsize) == sum(block.nbytes for block in blocks)


@given(cases())
def test_slices_stay_inside_their_part(
    case: tuple[list[AnyArray], tuple[Any, ...], int],
) -> None:
    """A slice past the end of a beam would read another chunk, or fail in the planner."""
    parts, key, gap = case
    offsets = np.cumsum([0, *(len(part) for part in parts)])
    for part, slices in plan_reading(key, offsets, parts[0].shape[1:], gap).wanted:
        rows = slices[0]
        assert 0 <= rows.start < rows.stop <= len(parts[part])
        assert rows.step >= 1


def test_distant_indices_are_read_apart() -> None:
    """Two rows at the ends of a beam must not cost the whole beam."""
    key = np.array([3, 4, 90_000, 90_002])
    pieces, count = split_rows(key, np.array([0, 100_000]), gap=10_000)
    assert count == 4
    assert [(p.cut.read.start, p.cut.read.stop) for p in pieces] == [(3, 5), (90_000, 90_003)]
    assert pieces[0].cut.take is None
    np.testing.assert_array_equal(pieces[1].cut.take, [0, 2])


@pytest.mark.parametrize("key", [slice(2, 5), np.array([2, 3, 4])], ids=["slice", "indices"])
def test_a_run_of_rows_needs_no_picking(key: Any) -> None:
    """Picking copies: a contiguous selection must come straight from the read."""
    cut = cut_axis(key, 10)
    assert cut.read == slice(2, 5, 1)
    assert cut.take is None
